#include "actors/wire/node.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "actors/wire/address.hpp"
#include "actors/wire/keys.hpp"
#include "actors/wire/node_check.hpp"
#include "actors/wire/peer.hpp"
#include "actors/wire/spin_budget.hpp"
#include "actors/wire/zap.hpp"
#include "graph/core/assert.hpp"
#include "graph/core/clock.hpp"
#include "graph/trust/audit.hpp"

namespace hocket::wire {
namespace {

/// Looks without sleeping; between two looks, whoever has work here (ZeroMQ's threads) gets the
/// core.
bool found_soon(std::vector<pollfd>& fds, std::int64_t until_ns) {
  while (monotonic_ns() < until_ns) {
    if (poll(fds.data(), fds.size(), 0) != 0) return true;
    sched_yield();
  }
  return false;
}

constexpr std::size_t control_bytes_max = 1u << 20;
/// Messages of a socket in one go: a peer that sends without end gets no further.
constexpr std::size_t turn_messages = 64;

}  // namespace

waker::waker() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
waker::~waker() {
  if (fd_ >= 0) ::close(fd_);
}

void waker::wake() {
  if (pending_.exchange(true)) return;
  const std::uint64_t one = 1;
  (void)!write(fd_, &one, sizeof one);
}

void waker::clear() {
  std::uint64_t n = 0;
  (void)!read(fd_, &n, sizeof n);
  // In this order: what a wake() between the two is about is looked at right after this. The other
  // way round, its write would be read away and every later wake() believe it pending.
  pending_.exchange(false);
}

class node::impl {
 public:
  impl(node_options o, node_events& e) : core_(std::move(o), e) {}
  ~impl() {
    if (thread_.joinable()) {
      stop_.store(true);
      core_.awake.wake();
      thread_.join();
    }
    if (core_.control_router) core_.control_router->linger();
  }

  result<void> open();
  void begin() {
    thread_ = std::thread([this] { loop(); });
  }
  peer* find(const std::string& name) const {
    for (const auto& p : peers_)
      if (p->name() == name) return p.get();
    return nullptr;
  }
  using link_table = std::map<std::uint32_t, peer*>;
  peer* find_link(std::uint32_t link) const {
    const auto& table = *by_link_.load(std::memory_order_acquire);
    const auto found = table.find(link);
    return found == table.end() ? nullptr : found->second;
  }
  peer& of_link(std::uint32_t link) const {
    auto* to = find_link(link);
    HOCKET_ASSERT(to != nullptr);
    return *to;
  }
  result<void> add_link(const remote_link& l);
  void set_graph(const std::string& hash, const std::string& note) {
    std::lock_guard lock(core_.us_mutex);
    core_.us.graph_hash = hash;
    core_.us.graph_note = note;
    core_.us.next_graph_hash.clear();
    core_.us.keys.reset();  // of the graph before
  }
  void set_next_graph(const std::string& hash) {
    std::lock_guard lock(core_.us_mutex);
    core_.us.next_graph_hash = hash;
  }
  bool flush(int limit_ms);
  node_status status() const;
  const std::string& listening() const { return listening_; }

 private:
  result<void> listen();
  void loop();
  bool drain();
  void greet(const zmq_parts& m);

  node_core core_;
  std::unique_ptr<zap_handler> zap_;
  std::vector<std::unique_ptr<peer>> peers_;
  /// Each is never changed; whoever reads the one before may go on doing so.
  std::vector<std::unique_ptr<const link_table>> tables_;
  std::atomic<const link_table*> by_link_{nullptr};
  std::mutex adding_;
  std::string listening_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

result<void> node::impl::open() {
  const auto& o = core_.options;
  HOCKET_TRY(check_links(o));
  HOCKET_TRY(check_peers(o));
  raise_descriptor_limit();
  if (core_.awake.fd() < 0)
    return fail("wire.no_descriptors",
                "this process has no descriptor left; `ulimit -n` raises it");
  if (!o.secret_key.empty()) {
    const auto pub = public_key_of(o.secret_key);
    if (!pub) return fail(pub);
    core_.security = {o.secret_key, *pub, ""};
  }
  std::uint64_t incarnation = 0;
  HOCKET_ASSERT(getrandom(&incarnation, sizeof incarnation, 0) == sizeof incarnation);
  core_.us = {o.name, incarnation | 1, o.graph_hash, o.schema_hash, boot_id(), o.shared_memory};
  core_.us.asks = o.asks;
  if (!o.keys.empty()) core_.us.keys = std::make_shared<const std::vector<graph_key>>(o.keys);
  if (o.shared_memory) remove_stale_arenas(o.shm_dir);
  if (!o.listen.empty()) HOCKET_TRY(listen());
  auto table = std::make_unique<link_table>();
  for (const auto& p : o.peers) {
    peers_.push_back(std::make_unique<peer>(core_, p, o.links));
    for (const auto& l : o.links)
      if (l.peer == p.name) (*table)[l.id] = peers_.back().get();
  }
  by_link_.store(table.get());
  tables_.push_back(std::move(table));
  return {};
}

result<void> node::impl::add_link(const remote_link& l) {
  std::lock_guard lock(adding_);
  auto* const before = find_link(l.id);
  auto* const to = find(l.peer);
  HOCKET_TRY(check_link(core_.options, l, before != nullptr && before != to));
  to->add_link(l);
  if (before != nullptr) return {};
  auto table = std::make_unique<link_table>(*by_link_.load());
  (*table)[l.id] = to;
  by_link_.store(table.get(), std::memory_order_release);
  tables_.push_back(std::move(table));
  core_.awake.wake();
  return {};
}

result<void> node::impl::listen() {
  const auto& o = core_.options;
  HOCKET_TRY(check_plaintext(o, o.listen, "listens at"));
  if (!core_.security.secret_key.empty()) {
    std::map<std::string, std::string> allowed;
    for (const auto& p : o.peers) allowed[p.public_key] = p.name;
    zap_ = std::make_unique<zap_handler>(core_.context, std::move(allowed));
  }
  const auto where = *address::parse(o.listen);
  core_.control_router = std::make_unique<zmq_socket>(core_.context, zmq_socket::kind::router,
                                                      control_bytes_max, core_.security, "");
  auto data =
      std::make_unique<zmq_socket>(core_.context, zmq_socket::kind::router,
                                   o.limits.bulk_bytes + control_bytes_max, core_.security, "");
  // More than the message log ever has under way.
  core_.control_router->limit_unsent(4 * static_cast<int>(host_message_log::unconfirmed_max));
  const auto places = where.to_bind();
  if (!places) return fail(places);
  // Of the addresses of a name, the first that is this machine's.
  auto place = places->begin();
  auto at = core_.control_router->bind(place->to_string());
  while (!at && ++place != places->end()) at = core_.control_router->bind(place->to_string());
  if (!at && places->front().host != where.host)
    return fail(
        wire_error::cannot_listen,
        fmt::format("cannot listen at {}: {}; is that name another machine's? --listen says "
                    "where this host listens",
                    where.to_string(), at.error().message));
  if (!at) return fail(at);
  listening_ = *at;
  const auto control_address = address::parse(*at);
  if (!control_address) return fail(control_address);
  const auto data_at = data->bind(place->data_lane().to_string());
  if (!data_at) return fail(data_at);
  const auto data_address = address::parse(*data_at);
  if (!data_address) return fail(data_address);
  core_.control_router->watch(std::make_unique<door>(control_address->port));
  data->watch(std::make_unique<door>(data_address->port));
  core_.data_announcement = data_address->announce();
  core_.data_router =
      std::make_shared<shared_socket>(std::move(data), [this] { core_.awake.wake(); });
  return {};
}

/// A message on the listening control lane: from a peer, or from a program that would be one.
void node::impl::greet(const zmq_parts& m) {
  const auto f = m.frames.size() == 1 ? decode_control(m.frames[0].bytes())
                                      : fail(wire_error::malformed, "a control message in parts");
  peer* from = m.user.empty() ? nullptr : find(m.user);
  if (!f) {
    core_.refused.fetch_add(1);
    trust::note_refusal(
        {m.user.empty() ? "a stranger" : "host " + m.user, "speak", "", f.error().message});
    if (from != nullptr) from->garbage();
    return;
  }
  if (const auto* h = std::get_if<hello>(&f->body)) {
    if (from == nullptr) from = find(h->host);
    if (from != nullptr) return from->control_message(m.route, m.user, *f);
    core_.refused.fetch_add(1);
    trust::note_refusal({m.user.empty() ? "a stranger" : "host " + m.user, "join", "as " + h->host,
                         "no such host"});
    core_.look_again = true;
    core_.control_router->send(
        m.route, encode(control_frame{
                     f->connection, refusal{std::string(code_of(wire_error::wrong_name)),
                                            fmt::format("{} knows no such host; check `hosts:` and "
                                                        "--host",
                                                        core_.us.host)}}));
    return;
  }
  for (const auto& p : peers_)
    if (p->is_connection(f->connection) && (m.user.empty() || m.user == p->name()))
      return p->control_message(m.route, m.user, *f);
}

bool node::impl::drain() {
  bool any = false;
  if (core_.control_router) {
    for (std::size_t i = 0; i < turn_messages; ++i) {
      const auto m = core_.control_router->receive();
      if (!m) break;
      any = true;
      if (!m->frames.empty()) greet(*m);
    }
    for (std::size_t i = 0; i < turn_messages; ++i) {
      const auto e = core_.control_router->next_event();
      if (!e) break;
      any = true;
      if (*e == zmq_socket::event::bad_handshake || *e == zmq_socket::event::cut_handshake)
        core_.refused.fetch_add(1);
    }
    for (std::size_t i = 0; i < turn_messages && core_.data_router; ++i) {
      if (!core_.data_router->bare().next_event()) break;
      any = true;
    }
  }
  for (const auto& p : peers_) any = p->drain() || any;
  if (core_.data_router) {
    // A few at a time: control is looked at again in between.
    for (const auto& m : core_.data_router->receive(turn_messages)) {
      any = true;
      if (m.frames.empty()) continue;
      for (const auto& p : peers_)
        if (m.user.empty() || m.user == p->name())
          p->data_message(m.route, m.frames[0].bytes(), std::span(m.frames).subspan(1), nullptr,
                          monotonic_ns());
    }
  }
  return any;
}

void node::impl::loop() {
  std::vector<pollfd> fds;
  auto last = monotonic_ns();
  std::int64_t planned = 0;
  // ZeroMQ's own threads are woken as well, so it is longer than in shared memory.
  spin_budget spin(150'000);
  std::int64_t nothing_since = 0;  ///< 0: something came
  while (!stop_.load()) {
    core_.awake.clear();
    core_.look_again = false;
    const bool any = drain();
    auto now = monotonic_ns();
    // Longer away than planned: we were stopped or suspended, and so was our hearing.
    const auto away = now - last - planned;
    if (away > core_.options.lost_after_ms * std::int64_t{500'000})
      for (const auto& p : peers_) p->forgive(away, now);
    last = now;
    planned = 0;
    if (any && nothing_since != 0) {
      spin.waited(now - nothing_since);
      nothing_since = 0;
    }
    auto due = now + 1'000'000'000;
    for (const auto& p : peers_) {
      p->work(now);
      due = std::min(due, p->due_ns());
    }
    if (any || core_.look_again) continue;
    fds.clear();
    fds.push_back({core_.awake.fd(), POLLIN, 0});
    if (core_.control_router) {
      fds.push_back({core_.control_router->fd(), POLLIN, 0});
      fds.push_back({core_.control_router->watch_fd(), POLLIN, 0});
      fds.push_back({core_.data_router->fd(), POLLIN, 0});
      fds.push_back({core_.data_router->bare().watch_fd(), POLLIN, 0});
    }
    for (const auto& p : peers_) p->add_fds(fds);
    now = monotonic_ns();
    const auto wait = std::max<std::int64_t>(0, due - now);
    if (nothing_since == 0) nothing_since = now;
    if (!found_soon(fds, std::min(now + wait, nothing_since + spin.ns()))) {
      const timespec limit{wait / 1'000'000'000, wait % 1'000'000'000};
      ppoll(fds.data(), fds.size(), &limit, nullptr);
    }
    planned = std::min(wait, monotonic_ns() - now);
  }
  for (const auto& p : peers_) p->close();
}

bool node::impl::flush(int limit_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  const auto done = [&] {
    return std::all_of(peers_.begin(), peers_.end(),
                       [](const auto& p) { return p->all_confirmed(); });
  };
  std::unique_lock lock(core_.progress_mutex);
  while (!done()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    // The limit stands in for a notice that came between the look and the wait.
    core_.progress.wait_for(lock, std::chrono::milliseconds(5));
  }
  return true;
}

node_status node::impl::status() const {
  node_status s;
  for (const auto& p : peers_) {
    p->accounts(s.links);
    s.peers.push_back(p->status());
  }
  s.refused = core_.refused.load() + (zap_ ? zap_->refused() : 0);
  return s;
}

node::node(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
node::~node() = default;

result<std::unique_ptr<node>> node::open(node_options options, node_events& events) {
  auto i = std::make_unique<impl>(std::move(options), events);
  HOCKET_TRY(i->open());
  return std::unique_ptr<node>(new node(std::move(i)));
}

void node::begin() { impl_->begin(); }
void node::set_graph(const std::string& hash, const std::string& note) {
  impl_->set_graph(hash, note);
}
void node::set_next_graph(const std::string& hash) { impl_->set_next_graph(hash); }
std::string node::graph_of(const std::string& peer) const {
  const auto* p = impl_->find(peer);
  return p == nullptr ? "" : p->graph();
}
sent_how node::send(std::uint32_t link, const packet& p) {
  return impl_->of_link(link).send(link, p);
}
std::optional<writable_buffer> node::allocate(std::uint32_t link, std::size_t size_bytes) {
  return impl_->of_link(link).allocate(size_bytes);
}
void node::consumed(std::uint32_t link, std::uint32_t packets) {
  impl_->of_link(link).consumed(link, packets);
}
result<void> node::add_link(const remote_link& link) { return impl_->add_link(link); }
void node::open_link(std::uint32_t link) { impl_->of_link(link).open_link(link); }
void node::change_link(const remote_link& link) { impl_->of_link(link.id).change_link(link); }
void node::retire_link(std::uint32_t link) { impl_->of_link(link).retire_link(link); }
bool node::flush(int limit_ms) { return impl_->flush(limit_ms); }
node_status node::status() const { return impl_->status(); }
std::string node::listening() const { return impl_->listening(); }

bool node::send_control(const std::string& peer, host_message m) {
  auto* to = impl_->find(peer);
  return to != nullptr && to->send_control(std::move(m));
}

}  // namespace hocket::wire
