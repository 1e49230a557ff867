#include "actors/distributed/remote_links.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "actors/distributed/wire_transport.hpp"

namespace hocket::distributed {
namespace {

struct no_config final : config_base {
  void visit(config_visitor&) override {}
};

/// The component of a proxy in front of a remote sender: what it gets goes to the other host.
class sender_component final : public component {
 public:
  explicit sender_component(remote_sender& link) : link_(link) {}
  result<void> open(const context& c) override {
    session_ = c.session;
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter&) override {
    link_.send(session_, p);
    return {};
  }
  result<void> on_control(std::size_t, const packet& p, emitter&) override {
    const auto& c = *p.get_if<control>();
    using kind = control::kind;
    switch (c.what) {
      case kind::interrupt: break;  // sent once to every host, not per link
      case kind::input_lost: link_.send_event(wire::input_lost{p.header.session, c.detail}); break;
      case kind::input_recovered: link_.send_event(wire::input_recovered{p.header.session}); break;
      case kind::end_of_stream: link_.send_event(wire::stream_end{p.header.session}, true); break;
      case kind::bound:
      case kind::played:
      case kind::stop: link_.send(session_, p); break;
    }
    return {};
  }

 private:
  remote_sender& link_;  ///< the remote links keep it
  session_id session_ = session_id::none;
};

class receiver_component final : public component {};

wire::delivery delivery_of(const queue_spec& q) {
  switch (q.full) {
    case full_policy::block: return wire::delivery::lossless;
    case full_policy::latest: return wire::delivery::latest;
    case full_policy::drop_oldest:
    case full_policy::drop_newest: break;
  }
  return wire::delivery::bounded;
}

// Whether an incoming link confirms a packet when the actor is done with it, not when the queue
// took it: should this process die, the sender of a lossless link sends again what waited in the
// queue. Not where a set may need more packets than the sender has credit for; in virtual time a
// lost host ends the run anyway. It stays so over a rewire: what is on its way was sent for the one
// or the other.
bool should_confirm_after_use(const graph_run& w, const host_plan& local, const host_link& c) {
  const auto& link = local.whole.links[c.link];
  const auto policy = local.whole.actors[link.to].policy;
  return !w.is_virtual() && !c.outgoing && delivery_of(link.queue) == wire::delivery::lossless &&
         !link.back_edge && policy != input_policy::aligned && policy != input_policy::micro_turn;
}

}  // namespace

remote_links::remote_links(graph_run& run, const host_options& mine) : run_(run), mine_(mine) {
  const auto& local = run.local();
  auto t = std::make_unique<table>();
  // Virtual time takes packets in by rounds, and those begin when all take part.
  for (const auto& c : local.host_links) add_to(*t, local, c, !run.is_virtual());
  first_ = t.get();
  use_table(std::move(t));
  install(local);
}

remote_links::~remote_links() = default;

void remote_links::add_to(table& t, const host_plan& local, const host_link& c, bool waits) {
  t.by_proxy[c.proxy] = c.wire_id;
  if (c.outgoing)
    t.senders[c.wire_id] = std::make_shared<remote_sender>(run_, wire_, c);
  else
    t.receivers[c.wire_id] = std::make_shared<remote_receiver>(
        run_, wire_, c, should_confirm_after_use(run_, local, c), waits, early_streams_);
}

void remote_links::give_component(component_type& proxy, std::uint32_t wire_link) {
  proxy.make_config = [] { return std::make_unique<no_config>(); };
  if (auto* const link = sender(wire_link))
    proxy.make = [link](config_base&) { return std::make_unique<sender_component>(*link); };
  else
    proxy.make = [](config_base&) { return std::make_unique<receiver_component>(); };
}

void remote_links::use_table(std::unique_ptr<table> t) {
  links_.store(t.get(), std::memory_order_release);
  tables_.push_back(std::move(t));
}

remote_sender* remote_links::sender(std::uint32_t wire_link) const {
  const auto& all = links().senders;
  const auto it = all.find(wire_link);
  return it == all.end() ? nullptr : it->second.get();
}

remote_receiver* remote_links::receiver(std::uint32_t wire_link) const {
  const auto& all = links().receivers;
  const auto it = all.find(wire_link);
  return it == all.end() ? nullptr : it->second.get();
}

const host_link* remote_links::find(std::uint32_t wire_link) const {
  if (const auto* s = sender(wire_link)) return &s->link();
  if (const auto* r = receiver(wire_link)) return &r->link();
  return nullptr;
}

wire::remote_link remote_links::options_of(const host_plan& local, const host_link& c) const {
  const auto* r = receiver(c.wire_id);
  return options_of(local, c, r != nullptr && r->confirms_after_use());
}

// What both ends agree on, and how much the receiver has room for.
wire::remote_link remote_links::options_of(const host_plan& local, const host_link& c,
                                           bool confirms_after_use) const {
  const auto& queue = local.whole.links[c.link].queue;
  wire::remote_link l;
  l.id = c.wire_id;
  l.name = c.name;
  l.peer = c.peer;
  l.outgoing = c.outgoing;
  l.how = delivery_of(queue);
  // Enough for a fast link, little enough that the queue's policy keeps its say over the rest.
  l.credit_packets = static_cast<std::uint32_t>(std::clamp(2 * queue.size, 16, 1024));
  // There what waits in the receiver's queue is not confirmed yet.
  if (confirms_after_use)
    l.credit_packets += static_cast<std::uint32_t>(std::clamp(queue.size, 0, 1024));
  if (run_.is_virtual()) {
    // Time stands still until everything has arrived: nothing may be lost or wait on the way.
    l.how = wire::delivery::lossless;
    l.credit_packets = 1u << 20;
    l.credit_bytes = std::size_t{1} << 32;
  }
  return l;
}

namespace {

/// What one packet of a link holds, as its sender declares it; nothing: that depends on what comes.
std::optional<std::size_t> declared_bytes(const media_type& m) {
  constexpr std::size_t words = 4096;
  if (m.kind == payload_kind::audio && m.rate_hz > 0 && m.channels > 0 && m.packets_per_s > 0)
    return static_cast<std::size_t>(m.rate_hz * m.channels / m.packets_per_s + 1) * sizeof(float);
  if (m.kind == payload_kind::tensor && m.element && !m.shape.empty() &&
      std::ranges::all_of(m.shape, [](auto n) { return n >= 0; })) {
    std::size_t n = size_bytes(*m.element);
    for (const auto extent : m.shape) n *= static_cast<std::size_t>(extent);
    return n;
  }
  const bool small = m.kind == payload_kind::text || m.kind == payload_kind::tool_call ||
                     m.kind == payload_kind::tool_result || m.kind == payload_kind::delegation ||
                     m.kind == payload_kind::control;
  return small ? std::optional(words) : std::nullopt;
}

/// The most that a link has on its way at a time.
std::size_t under_way_bytes(const plan& whole, std::size_t link, const wire::remote_link& l) {
  const auto& from = whole.links[link];
  const auto one = declared_bytes(whole.actors[from.from].type->info.outputs[from.from_port].type);
  return one ? std::min(l.credit_bytes, *one * l.credit_packets) : l.credit_bytes;
}

/// Memory for all of it, with as much again for what its producers still hold; what is larger than was
/// declared takes the socket.
std::size_t arena_bytes(std::size_t under_way, std::size_t most) {
  constexpr std::size_t mib = 1u << 20, least = 4 * mib;
  const auto wanted = (2 * std::min(under_way, most) + mib - 1) / mib * mib;
  return std::clamp(wanted, std::min(least, most), most);
}

}  // namespace

wire::node_options remote_links::node_options() const {
  const auto& local = run_.local();
  auto o = reach_peers(local, mine_);
  // Virtual time ends with a host that is lost, and no wall clock decides it: a machine that
  // is busy for seconds is not lost.
  if (run_.is_virtual()) o.lost_after_ms = 15'000;
  std::map<std::string, std::size_t> needs;  // by peer
  for (const auto& c : local.host_links) {
    o.links.push_back(options_of(local, c));
    if (c.outgoing) needs[c.peer] += under_way_bytes(local.whole, c.link, o.links.back());
  }
  for (auto& p : o.peers) p.shm_bytes = arena_bytes(needs[p.name], o.shm_bytes);
  return o;
}

result<void> remote_links::open(wire::node_events& events) {
  const auto& make = mine_.open;
  auto made = make ? make(node_options(), events) : open_wire(node_options(), events);
  if (!made) return fail(made);
  wire_.open(std::move(*made));
  if (const auto n = mine_.revision; n > 1) set_graph(run_.local().whole.hash, n);
  if (const auto& tell = mine_.listening) tell(wire().listening());
  return {};
}

void remote_links::set_graph(const std::string& hash, int revision) {
  wire().set_graph(hash, fmt::format("the run was rewired: start it with the file of revision {}, "
                                     "which the others have in their output folder "
                                     "(revisions/{:04}.yaml)",
                                     revision, revision));
}

void remote_links::set_next_graph(const std::string& hash) { wire().set_next_graph(hash); }

// ---------------------------------------------------------------------------- wiring

void remote_links::attached(const std::shared_ptr<actor_cell>& proxy) {
  if (proxy->id().role == actor_role::remote_sender)
    sender_of(proxy->id().actor)->attach(proxy);
  else
    receiver_of(*proxy)->attach(proxy);
}

void remote_links::detached(const actor_cell& proxy) {
  if (proxy.id().role == actor_role::remote_sender)
    sender_of(proxy.id().actor)->detach(proxy.id().session);
  else
    receiver_of(proxy)->detach(proxy);
}

void remote_links::link_added(const actor_cell& proxy, session_id session, const link_end& to) {
  receiver_of(proxy)->link_added(proxy, session, to);
}

void remote_links::rerouted(const actor_cell& proxy, session_id session, const link_end& to,
                            const std::function<void()>& moved) {
  receiver_of(proxy)->rerouted(session, to, moved);
}

void remote_links::detach_all() {
  for (const auto& [id, s] : links().senders) s->detach_all();
  for (const auto& [id, r] : links().receivers) r->detach_all();
}

void remote_links::remove_session(session_id session) {
  for (const auto& [id, r] : links().receivers) r->remove_session(session);
  for (const auto& [id, s] : links().senders) s->remove_session(session);
}

// ---------------------------------------------------------------------------- what flows

std::optional<writable_buffer> remote_links::allocate(const actor_cell& proxy,
                                                      std::size_t size_bytes) {
  return sender_of(proxy.id().actor)->allocate(size_bytes);
}

void remote_links::send_bound(actor_index proxy, session_id session, timestamp bound) {
  sender_of(proxy)->send_bound(session, bound);
}

bool remote_links::is_lost(actor_index proxy) const {
  const auto& all = links();
  const auto it = all.by_proxy.find(proxy);
  const auto* const s = it == all.by_proxy.end() ? nullptr : sender(it->second);
  return s != nullptr && s->is_peer_lost();
}

void remote_links::peer_is_there(const std::string& peer, bool is_there) {
  for (const auto& [id, s] : links().senders)
    if (s->link().peer == peer) s->peer_is_there(is_there);
}

void remote_links::room_again(std::uint32_t wire_link) {
  if (auto* const s = sender(wire_link)) s->room_again();
}

void remote_links::repeat_ends(const std::string& peer) {
  for (const auto& [id, s] : links().senders)
    if (s->link().peer == peer) s->repeat_ends();
}

bool remote_links::deliver(received&& a) {
  if (auto* const r = receiver(a.link)) {
    r->arrived(std::move(a));
    return true;
  }
  return sender(a.link) != nullptr;
}

// Not what a rewire has made meanwhile: its links wait for their own start.
void remote_links::start_all() {
  for (const auto& [id, r] : first_->receivers) r->start();
}

bool remote_links::send_message(const std::string& peer, wire::host_message m) {
  return wire_.send_message(run_.local().host_index(peer), peer, std::move(m));
}

bool remote_links::anything_under_way() const {
  const auto status = wire_.wire().status();
  const auto there = [&](const std::string& peer) {
    return std::any_of(status.peers.begin(), status.peers.end(), [&](const auto& p) {
      return p.name == peer &&
             (p.state == wire::peer_state::up || p.state == wire::peer_state::suspect);
    });
  };
  for (const auto& l : status.links)
    if (l.outgoing && l.in_flight > 0 && there(l.peer)) return true;
  for (const auto& [id, s] : links().senders)
    if (s->has_kept() && there(s->link().peer)) return true;
  return false;
}

bool remote_links::anyone_waits() const {
  const auto& all = links().senders;
  return std::any_of(all.begin(), all.end(), [](const auto& s) { return s.second->has_kept(); });
}

// ---------------------------------------------------------------------------- status

// Rows of what was here before a rewire stay, as in one process; status_collector puts those of
// one name together.
void remote_links::add_status(snapshot& s) const {
  const auto& local = run_.local();
  const auto name = [&](const host_link& c) {
    if (c.link >= s.links.size()) return;
    auto& row = s.links[c.link];
    const auto& whole = local.whole.links[c.link];
    const auto& from = local.whole.actors[whole.from];
    const auto& to = local.whole.actors[whole.to];
    row.from = from.name + "." + from.type->info.outputs[whole.from_port].name;
    row.to = to.name + "." + to.type->info.inputs[whole.to_port].name;
    (c.outgoing ? row.to : row.from) += " @" + c.peer;
  };
  for (const auto& [id, one] : links().senders) name(one->link());
  for (const auto& [id, one] : links().receivers) name(one->link());
  {
    std::lock_guard lock(here_mutex_);
    for (std::size_t l = 0; l < s.links.size(); ++l)
      if (l >= links_here_.size() || !links_here_[l]) s.links[l].from.clear();
    for (std::size_t a = 0; a < s.actors.size(); ++a)
      if (a >= actors_here_.size() || !actors_here_[a]) s.actors[a].name.clear();
  }
  std::size_t b = 0;
  std::erase_if(s.budgets, [&](const budget_status&) {
    return local.roles[local.whole.budgets[b++].path.back()] != actor_role::local;
  });
  if (!wire_.is_open()) return;
  auto status = wire_.wire().status();
  s.wires = std::move(status.links);
  s.peers = std::move(status.peers);
  s.refused_handshakes = status.refused;
}
}  // namespace hocket::distributed
