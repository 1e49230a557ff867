// From nothing to a connection that is up, and back. All of it on the node's thread.
#include <sys/random.h>

#include <algorithm>

#include <fmt/format.h>

#include "actors/wire/address.hpp"
#include "actors/wire/peer.hpp"
#include "graph/core/assert.hpp"
#include "graph/core/clock.hpp"

namespace hocket::wire {
namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t handshake_limit_ns = 3000 * ms;
/// A little less than ZeroMQ gives a handshake (zmq_socket.cpp): a peer that takes that long has
/// not said no.
constexpr std::int64_t silence_ns = 1900 * ms;
/// What a socket with its monitor and its connection needs, twice.
constexpr int socket_descriptors = 16;
constexpr std::size_t control_bytes_max = 1u << 20;
/// How long an attempt waits for TCP alone. The kernel repeats a lost SYN after 1, 3, 7 s: on a
/// link that was cut and is whole again, a new attempt is through long before.
constexpr std::int64_t tcp_limit_ns = 500 * ms;

std::uint64_t random_number() {
  std::uint64_t n = 0;
  HOCKET_ASSERT(getrandom(&n, sizeof n, 0) == sizeof n);
  return n | 1;  // never 0
}

/// Names a socket to the ROUTER that it connects to; anything unique that begins with no zero.
std::string routing_id(char lane, std::uint64_t connection) {
  return fmt::format("{}{:016x}", lane, connection);
}

}  // namespace

void peer::dial(clock_ns now) {
  if (who_.active()) {  // one thing at a time
    retry_at_ns_ = now + who_answers::look_ns;
    return;
  }
  // ZeroMQ ends the process where it gets no descriptor for a socket's own needs.
  if (!descriptors_left(socket_descriptors)) {
    retry_at_ns_ = now + retry_.next_ns();
    return;
  }
  const auto connection = random_number();
  auto how = core_.security;
  how.server_key = options_.public_key;
  control_ = std::make_unique<zmq_socket>(core_.context, zmq_socket::kind::dealer,
                                          control_bytes_max, how, routing_id('c', connection));
  control_->watch();
  tcp_connected_ = handshaken_ = false;
  deadline_ns_ = now + handshake_limit_ns;
  std::uint64_t known = 0;
  {
    std::lock_guard lock(books_);
    // How far away a peer is that was never reached is not known.
    const auto rtt_ns = known_ == 0 ? handshake_limit_ns : 4 * clock_.min_rtt_ns();
    tcp_deadline_ns_ = now + std::clamp(rtt_ns, tcp_limit_ns, handshake_limit_ns);
    phase_ = phase::greeting;
    connection_ = connection;
    known = known_;
  }
  // The name is asked for anew each time: who moved is found.
  const auto where = address::parse(options_.address);
  if (!where) return lose(peer_state::refused, where.error().message);
  if (const auto ok = control_->connect(where->to_string()); !ok)
    return lose(peer_state::refused, ok.error().message);
  send_control_frame(hello_of(core_.who(), known, ""));
}

void peer::send_control_frame(control_body body) {
  const auto bytes = [&] {
    std::lock_guard lock(books_);
    return encode(control_frame{connection_, std::move(body)});
  }();
  core_.look_again = true;
  if (control_)
    control_->send("", std::string(bytes));
  else if (core_.control_router && !control_route_.empty())
    core_.control_router->send(control_route_, std::string(bytes));
}

void peer::refuse_to(const std::string& route, std::uint64_t connection, const refusal& r) {
  core_.look_again = true;
  core_.control_router->send(route, encode(control_frame{connection, r}));
}

/// The listening side hears a Hello.
void peer::greeted(const std::string& route, const std::string& user, std::uint64_t connection,
                   const hello& h) {
  if (is_connection(connection)) return;  // twice the same
  const auto us = core_.who();
  if (us.asks) {  // we learn what there is to learn, and are not there yet
    if (!h.asks) note_graph(h.next_graph_hash.empty() ? h.graph_hash : h.next_graph_hash);
    return refuse_to(route, connection, {ask_again, "this host only asks yet"});
  }
  auto no = refuse(us, options_.name, h);
  const bool its_key = core_.security.secret_key.empty() || user == options_.name;
  if (!no && !its_key)
    no = refusal{std::string(code_of(wire_error::wrong_name)),
                 fmt::format("the key of this connection belongs to `{}`, not to `{}`", user,
                             options_.name)};
  if (h.asks && its_key && (!no || no->code == code_of(wire_error::wrong_graph)))
    return answer_asking(route, connection);
  if (no) {
    core_.refused.fetch_add(1);
    refuse_to(route, connection, *no);
    // A connection that works is not ended by one that does not.
    std::unique_lock lock(books_);
    const bool idle = phase_ == phase::idle;
    lock.unlock();
    if (idle) change(peer_state::refused, no->text);
    return;
  }
  {
    std::unique_lock lock(books_);
    const bool open = phase_ != phase::idle;
    lock.unlock();
    if (open) lose(peer_state::lost, "it connected anew");
  }
  std::uint64_t known = 0;
  {
    std::lock_guard lock(books_);
    known = known_;
  }
  control_route_ = route;
  adopt(connection, h);
  send_control_frame(hello_of(core_.who(), known, core_.data_announcement));
}

void peer::adopt(std::uint64_t connection, const hello& h) {
  const auto now = monotonic_ns();
  std::lock_guard lock(books_);
  if (!goes_on(core_.who(), known_, h)) {
    restarted_ = true;
    for (auto& [id, l] : out_) l.reset();
    for (auto& [id, l] : in_) l.reset();
    messages_.reset();
    waiting_messages_.clear();
    clock_.reset();
  }
  known_ = h.incarnation;
  connection_ = connection;
  messages_sent_ = 0;
  same_machine_ = !h.boot_id.empty() && h.boot_id == core_.who().boot_id;
  their_shm_ = h.shared_memory;
  live_.begin(now);
  phase_ = phase::lanes;
  deadline_ns_ = now + handshake_limit_ns;
  beats_ = 0;
  beat_at_ns_ = echo_sent_ns_ = echo_received_ns_ = 0;
}

result<void> peer::open_data_socket(const hello& h) {
  const auto control = address::parse(options_.address);
  if (!control) return fail(control);
  const auto where = control->with_announced(h.data_lane);
  if (!where) return fail(where);
  if (!descriptors_left(socket_descriptors))
    return fail(wire_error::cannot_listen, "this host has no descriptors left for a connection");
  auto how = core_.security;
  how.server_key = options_.public_key;
  auto socket = std::make_unique<zmq_socket>(core_.context, zmq_socket::kind::dealer,
                                             core_.options.limits.bulk_bytes + control_bytes_max,
                                             how, routing_id('d', connection_));
  socket->watch();
  HOCKET_TRY(socket->connect(where->to_string()));
  data_ = std::make_shared<shared_socket>(std::move(socket), [this] { core_.awake.wake(); });
  std::lock_guard lock(books_);
  lane_.open(data_, "", connection_);
  grant_all();
  lane_.put_beat(0);
  lane_.flush();
  return {};
}

void peer::control_message(const std::string& route, const std::string& user,
                           const control_frame& f) {
  const auto now = monotonic_ns();
  if (const auto* h = std::get_if<hello>(&f.body)) {
    if (!connects()) return greeted(route, user, f.connection, *h);
    if (phase_ != phase::greeting || !is_connection(f.connection)) return;
    if (const auto no = refuse(core_.who(), options_.name, *h))
      return lose(peer_state::refused, no->text);
    adopt(f.connection, *h);
    if (const auto ok = open_data_socket(*h); !ok) lose(peer_state::lost, ok.error().message);
    return;
  }
  if (!is_connection(f.connection)) return;  // of an earlier one
  {
    std::lock_guard lock(books_);
    live_.heard_control(now);
  }
  if (const auto* r = std::get_if<refusal>(&f.body)) {
    note_graph(r->graph_hash);
    // Who asks is refused by design, and asks again soon.
    if (r->code == ask_again || (core_.options.asks && !r->graph_hash.empty()))
      return lose(peer_state::lost, r->text.substr(0, 512));
    lose(peer_state::refused,
         fmt::format("{} [{}]", r->text.substr(0, 512), r->code.substr(0, 64)));
  } else if (const auto* b = std::get_if<beat>(&f.body)) {
    on_beat(*b, now);
  } else if (const auto* o = std::get_if<shm_offer>(&f.body)) {
    their_offer_ = *o;  // nothing may come out of it before we are up
  } else if (const auto* a = std::get_if<shm_answer>(&f.body)) {
    answered(*a);
  } else if (const auto* l = std::get_if<numbered_message>(&f.body)) {
    host_message_came(*l);
  } else if (const auto* c = std::get_if<message_ack>(&f.body)) {
    std::lock_guard lock(books_);
    const auto before = messages_.unconfirmed().size();
    if (const auto ok = messages_.ack(*c); !ok) broken_ = ok.error().message;
    messages_sent_ -= std::min(messages_sent_, before - messages_.unconfirmed().size());
  } else if (const auto* g = std::get_if<goodbye>(&f.body)) {
    lose(peer_state::lost, "it said goodbye: " + g->reason.substr(0, 256));
  }
}

bool peer::drain() {
  bool any = false;
  // A handful at a time, as in the node's loop.
  for (int i = 0; i < 64 && control_; ++i) {
    const auto m = control_->receive();
    if (!m) break;
    any = true;
    auto f = m->frames.size() == 1 ? decode_control(m->frames[0].bytes())
                                   : fail(wire_error::malformed, "a control message in parts");
    if (f)
      control_message("", m->user, *f);
    else
      garbage();
  }
  if (const auto data = data_) {
    for (const auto& m : data->receive(64)) {
      any = true;
      data_message("", m.frames[0].bytes(), std::span(m.frames).subspan(1), nullptr,
                   monotonic_ns());
    }
  }
  watch_sockets();
  return any;
}

void peer::watch_sockets() {
  using event = zmq_socket::event;
  while (control_) {
    const auto e = control_->next_event();
    if (!e) break;
    if (*e == event::connected) tcp_connected_ = true;
    if (*e == event::handshaken) handshaken_ = true;
    if (*e == event::refused_key)
      return lose(peer_state::refused,
                  fmt::format("{} does not accept our key: its graph names another one for `{}`; "
                              "compare the .pub files on both",
                              options_.address, core_.who().host));
    if (*e == event::bad_handshake && tcp_connected_ && !handshaken_)
      return lose(peer_state::refused, stranger());
    if (*e == event::bad_handshake || *e == event::cut_handshake || *e == event::disconnected) {
      const bool at_once = monotonic_ns() - (deadline_ns_ - handshake_limit_ns) < silence_ns;
      if (tcp_connected_ && !handshaken_ && at_once) return cut_short();
      return lose(peer_state::lost,
                  handshaken_      ? std::string("the control connection broke")
                  : tcp_connected_ ? fmt::format("{} takes connections and does not answer: is its "
                                                 "process stopped, or the machine too busy?",
                                                 options_.address)
                                   : fmt::format("nobody listens at {}", options_.address));
    }
  }
  while (data_) {
    const auto e = data_->bare().next_event();
    if (!e) break;
    if (*e != event::connected && *e != event::handshaken)
      return lose(peer_state::lost, "the data connection broke");
  }
}

void peer::lose(peer_state then, const std::string& why) {
  auto reader = std::move(reader_);
  bool was_up = false;
  {
    std::lock_guard lock(books_);
    was_up = phase_ == phase::up;
  }
  if (was_up) {
    // Where only the way to us is dead, or the peer was stopped, it would believe in this
    // connection for as long again as we did.
    send_control_frame(goodbye{why});
    if (control_) control_->linger();
  }
  {
    std::lock_guard lock(books_);
    phase_ = phase::idle;
    connection_ = 0;
    lane_.close();
    for (auto& [id, l] : out_) l.disconnected();
    for (auto& [id, l] : in_) l.disconnected();
    ack_wanted_ = false;
    messages_sent_ = 0;
    // Only a peer that was up is lost; a first attempt that fails is still an attempt.
    if (then == peer_state::lost && !was_up)
      then = state_ == peer_state::refused ? peer_state::connecting : state_;
  }
  reader.reset();  // waits for its thread, which may be calling the host
  offered_.reset();
  their_offer_.reset();
  control_.reset();
  data_.reset();
  control_route_.clear();
  retry_at_ns_ =
      monotonic_ns() + (then == peer_state::refused ? slow_retry_.next_ns() : retry_.next_ns());
  change(then, why);
}

void peer::change(peer_state s, const std::string& why, bool restarted) {
  std::lock_guard deliver(deliver_);
  {
    std::lock_guard lock(books_);
    if (state_ == s && reason_ == why) return;
    if (state_ != s) state_since_ns_ = monotonic_ns();
    state_ = s;
    reason_ = why;
  }
  core_.events.peer_changed(options_.name, s, why, restarted);
}

void peer::garbage() {
  std::lock_guard lock(books_);
  ++malformed_;
}

void peer::add_fds(std::vector<pollfd>& fds) const {
  if (control_) {
    fds.push_back({control_->fd(), POLLIN, 0});
    fds.push_back({control_->watch_fd(), POLLIN, 0});
  }
  if (data_) {
    fds.push_back({data_->fd(), POLLIN, 0});
    fds.push_back({data_->bare().watch_fd(), POLLIN, 0});
  }
}

}  // namespace hocket::wire
