#include "actors/distributed/remote_links.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/distributed/wire_transport.hpp"

namespace hocket::distributed {
namespace {

struct no_config final : config_base {
  void visit(config_visitor&) override {}
};

/// The component of a remote sender: what it gets goes to the other host.
class sender_component final : public component {
 public:
  sender_component(remote_links& remote, remote_links::half& link) : links_(remote), link_(link) {}
  result<void> open(const context& c) override {
    session_ = c.session;
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter&) override {
    links_.send(link_, session_, p);
    return {};
  }
  result<void> on_control(std::size_t, const packet& p, emitter&) override {
    const auto& c = *p.get_if<control>();
    using kind = control::kind;
    switch (c.what) {
      case kind::interrupt: break;  // sent once to every host, not per link
      case kind::input_lost:
        links_.send_event(link_, wire::input_lost{p.header.session, c.detail});
        break;
      case kind::input_recovered:
        links_.send_event(link_, wire::input_recovered{p.header.session});
        break;
      case kind::end_of_stream:
        links_.send_event(link_, wire::stream_end{p.header.session}, true);
        break;
      case kind::bound:
      case kind::played:
      case kind::stop: links_.send(link_, session_, p); break;
    }
    return {};
  }

 private:
  remote_links& links_;
  remote_links::half& link_;  ///< the remote links keep it
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
  for (const auto& c : local.host_links) {
    auto h = make_half(local, c);
    // Virtual time takes it in by rounds, and those begin when all take part.
    h->buffering = !c.outgoing && !run.is_virtual();
    t->by_proxy[c.proxy] = h;
    t->by_wire[c.wire_id] = std::move(h);
  }
  first_ = t.get();
  use_table(std::move(t));
  install(local);
}

remote_links::~remote_links() = default;

remote_links::half_ptr remote_links::make_half(const host_plan& local, const host_link& c) const {
  return std::make_shared<half>(c, should_confirm_after_use(run_, local, c), early_streams_);
}

void remote_links::give_component(component_type& proxy, half& h) {
  proxy.make_config = [] { return std::make_unique<no_config>(); };
  if (h.what.outgoing)
    proxy.make = [this, &h](config_base&) { return std::make_unique<sender_component>(*this, h); };
  else
    proxy.make = [](config_base&) { return std::make_unique<receiver_component>(); };
}

void remote_links::use_table(std::unique_ptr<table> t) {
  links_.store(t.get(), std::memory_order_release);
  tables_.push_back(std::move(t));
}

remote_links::half* remote_links::find_half(std::uint32_t wire_link) const {
  const auto& all = links().by_wire;
  const auto it = all.find(wire_link);
  return it == all.end() ? nullptr : it->second.get();
}

const host_link* remote_links::find(std::uint32_t wire_link) const {
  const auto* h = find_half(wire_link);
  return h == nullptr ? nullptr : &h->what;
}

void remote_links::confirm_from(const half& h, input_queue& q) {
  if (!h.confirms_after_use) return;
  q.on_settled = [this, id = h.what.wire_id](std::uint32_t n) {
    if (wire_) wire_->consumed(id, n);
  };
}

void remote_links::rerouted(const actor_cell& receiver, session_id session, const link_end& r,
                            const std::function<void()>& moved) {
  auto& h = half_of(receiver);
  std::lock_guard still(h.passing);
  confirm_from(h, *r.queue);
  moved();
  std::lock_guard lock(h.mutex);
  if (const auto it = h.link_ends.find(session); it != h.link_ends.end()) it->second.to = r;
}

// What both ends agree on, and how much the receiver has room for.
wire::remote_link remote_links::link_options(const host_plan& local, const half& h) const {
  const auto& c = h.what;
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
  if (h.confirms_after_use)
    l.credit_packets += static_cast<std::uint32_t>(std::clamp(queue.size, 0, 1024));
  if (run_.is_virtual()) {
    // Time stands still until everything has arrived: nothing may be lost or wait on the way.
    l.how = wire::delivery::lossless;
    l.credit_packets = 1u << 20;
    l.credit_bytes = std::size_t{1} << 32;
  }
  return l;
}

wire::node_options remote_links::node_options() const {
  const auto& local = run_.local();
  auto o = reach_peers(local, mine_);
  // Virtual time ends with a host that is lost, and no wall clock decides it: a machine that
  // is busy for seconds is not lost.
  if (run_.is_virtual()) o.lost_after_ms = 15'000;
  for (const auto& c : local.host_links)
    o.links.push_back(link_options(local, *links().by_wire.at(c.wire_id)));
  return o;
}

result<void> remote_links::open(wire::node_events& events) {
  const auto& make = mine_.open;
  auto made = make ? make(node_options(), events) : open_wire(node_options(), events);
  if (!made) return fail(made);
  wire_ = std::move(*made);
  if (const auto n = mine_.revision; n > 1) set_graph(run_.local().whole.hash, n);
  if (const auto& tell = mine_.listening) tell(wire_->listening());
  return {};
}

void remote_links::set_graph(const std::string& hash, int revision) {
  wire_->set_graph(hash, fmt::format("the run was rewired: start it with the file of revision {}, "
                                     "which the others have in their output folder "
                                     "(revisions/{:04}.yaml)",
                                     revision, revision));
}

void remote_links::set_next_graph(const std::string& hash) { wire_->set_next_graph(hash); }

// ---------------------------------------------------------------------------- wiring

void remote_links::attached(const std::shared_ptr<actor_cell>& proxy) {
  auto& h = half_of(*proxy);
  std::lock_guard lock(h.mutex);
  if (proxy->role() == actor_role::remote_sender) {
    h.senders[proxy->session()] = {proxy, std::nullopt};
    return;
  }
  auto back = std::make_shared<half::crediting>();
  back->proxy = proxy;
  h.credit[proxy->session()] = back;
  proxy->on_gate_open = [this, &h, back] { return_credit(h, back->credit_due); };
  proxy->set_inlet_ended(true);  // until it has a queue behind it
}

void remote_links::link_added(const actor_cell& receiver, session_id session, const link_end& r) {
  auto& h = half_of(receiver);
  std::lock_guard lock(h.mutex);
  confirm_from(h, *r.queue);
  auto proxy = h.credit.at(receiver.session())->proxy.lock();
  proxy->set_inlet_ended(false);
  h.link_ends[session] = {r, std::move(proxy), false};
}

void remote_links::detach_all() {
  for (const auto& [id, h] : links().by_wire) {
    std::lock_guard lock(h->mutex);
    h->link_ends.clear();
    h->senders.clear();
    h->credit.clear();
  }
}

void remote_links::remove_session(session_id session) {
  for (const auto& [id, h] : links().by_wire) {
    {
      std::lock_guard lock(h->mutex);
      h->link_ends.erase(session);
      h->senders.erase(session);
      h->credit.erase(session);
      h->ended.erase(session);
    }
    send_link_end(*h);
  }
}

// Rows of what was here before a rewire stay, as in one process; graph_run::status() puts those of
// one name together.
void remote_links::add_status(snapshot& s) const {
  const auto& local = run_.local();
  for (const auto& [id, h] : links().by_wire) {
    const auto& c = h->what;
    if (c.link >= s.links.size()) continue;
    auto& row = s.links[c.link];
    const auto& whole = local.whole.links[c.link];
    const auto& from = local.whole.actors[whole.from];
    const auto& to = local.whole.actors[whole.to];
    row.from = from.name + "." + from.type->info.outputs[whole.from_port].name;
    row.to = to.name + "." + to.type->info.inputs[whole.to_port].name;
    (c.outgoing ? row.to : row.from) += " @" + c.peer;
  }
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
  if (!wire_) return;
  auto status = wire_->status();
  s.wires = std::move(status.links);
  s.peers = std::move(status.peers);
  s.refused_handshakes = status.refused;
}
}  // namespace hocket::distributed
