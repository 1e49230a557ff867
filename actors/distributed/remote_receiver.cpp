#include "actors/distributed/remote_receiver.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "actors/host/actor/check_packet.hpp"
#include "actors/host/run/graph_run.hpp"
#include "graph/spec/replicas.hpp"

namespace hocket::distributed {

remote_receiver::remote_receiver(graph_run& run, counted_wire& wire, const host_link& link,
                                 bool confirms_after_use, bool waits,
                                 std::shared_ptr<std::atomic<std::size_t>> streams)
    : run_(run),
      wire_(wire),
      link_(link),
      confirms_after_use_(confirms_after_use),
      waits_(waits),
      early_(std::move(streams)) {}

void remote_receiver::arrived(received&& a) {
  if (!a.item)
    if (const auto* end = std::get_if<wire::link_ended>(&a.message.event))
      return on_link_end(static_cast<std::int64_t>(end->revision));
  std::uint64_t refused = 0;
  {
    std::lock_guard passing(passing_);
    if (waits_) {
      if (!early_.put(std::move(a))) refused = early_.refused();
    } else if (a.item) {
      deliver(std::move(*a.item));
    } else {
      deliver(a.message);
    }
  }
  if (refused == 1 || (refused > 0 && refused % early_messages::messages_max == 0))
    run_.observers.event(
        "", "early_message_refused",
        fmt::format("{}: the hosts speak of more than {} streams before this one takes "
                    "part; {} messages refused",
                    link_.name, early_messages::messages_max, refused));
}

void remote_receiver::start() {
  std::lock_guard passing(passing_);
  (void)let_in();
}

void remote_receiver::open() {
  std::lock_guard passing(passing_);
  if (let_in()) wire_.wire().open_link(link_.wire_id);
}

// `passing_` is held. False: nothing waited.
bool remote_receiver::let_in() {
  if (!std::exchange(waits_, false)) return false;
  for (auto& a : early_.take()) {
    if (a.item)
      deliver(std::move(*a.item));
    else
      deliver(a.message);
  }
  return true;
}

// `passing_` is held.
void remote_receiver::deliver(packet&& p) {
  link_end to;
  std::shared_ptr<actor_cell> proxy;
  std::shared_ptr<crediting> back;
  auto why = drop_reason::session_closed;
  {
    std::lock_guard lock(mutex_);
    if (retired_ != 0) why = drop_reason::rewired;
    if (const auto it = streams_.find(p.header.session); it != streams_.end()) {
      to = it->second.to;
      proxy = it->second.proxy;
      back = credit_.at(proxy->id().session);
    }
  }
  if (!to.to) {
    run_.accounts.count_undeliverable(link_.link, why);
    wire_.give_credit(link_.wire_id, 1);
    return;
  }
  auto refused = why_refused(p, to);
  if (refused.empty()) refused = why_other_input(p, to.to->spec(), to.queue->port());
  if (!refused.empty()) {
    to.to->refuse(*to.queue, drop_reason::bad_packet);
    tell_refused(refused);
    if (!confirms_after_use_) wire_.give_credit(link_.wire_id, 1);
    return;
  }
  p.header.micro_turn = run_.graph().grid.index_of(p.header.ts);
  const auto now_ns = monotonic_ns();
  // Its age counts from when it was sent, on our clock; the estimate may be off a little.
  auto queued_ns = now_ns;
  if (const auto& way = p.header.way; way.count > 0 && !run_.is_virtual())
    queued_ns = std::min(now_ns, way.hops[way.count - 1].emitted_ns);
  queued_packet e{std::move(p), queued_ns, run_.time.at(queued_ns)};
  to.to->push(*to.queue, std::move(e), run_.is_virtual() ? nullptr : proxy.get());
  if (confirms_after_use_) return;
  back->due.fetch_add(1);
  if (!proxy->blocked()) return_credit(*back);
}

/// What no host sends that plays by the rules: it checks the same before it sends.
std::string remote_receiver::why_refused(const packet& p, const link_end& to) const {
  const auto epoch = p.header.epoch;
  if (epoch > epochs_ahead_max) {
    const auto session = run_.topology.find_session(p.header.session);
    if (session && epoch - epochs_ahead_max > session->epoch.load())
      return fmt::format("epoch {} is far ahead of its session", epoch);
  }
  const auto& type = to.to->id().info.inputs[to.queue->port()].type;
  return why_bad(p, type, p.header.ts, run_.now());
}

// Once a link: a host that plays foul does it often.
void remote_receiver::tell_refused(const std::string& why) {
  if (!told_refused_.exchange(true))
    run_.observers.event("", "bad_packet", fmt::format("{}: {}", link_.name, why));
}

void remote_receiver::return_credit(crediting& of) const {
  wire_.give_credit(link_.wire_id, of.due.exchange(0));
}

// `passing_` is held.
void remote_receiver::deliver(const wire::host_message& m) {
  const auto session = session_of(m);
  if (std::holds_alternative<wire::stream_end>(m.event)) return end_stream(session);
  link_end to;
  {
    std::lock_guard lock(mutex_);
    if (const auto it = streams_.find(session); it != streams_.end()) to = it->second.to;
  }
  if (!to.to) return;
  if (const auto* bound = std::get_if<wire::stream_bound>(&m.event)) {
    if (const auto why = why_no_time(bound->bound, run_.now()); !why.empty())
      return tell_refused("bound: " + why);
    return to.to->raise_bound(*to.queue, bound->bound);
  }
  control content;
  if (const auto* lost = std::get_if<wire::input_lost>(&m.event)) {
    content.what = control::kind::input_lost;
    content.detail = lost->reason;
  } else if (std::holds_alternative<wire::input_recovered>(m.event)) {
    content.what = control::kind::input_recovered;
  } else {
    return;
  }
  auto p = make_packet(run_.now(), std::move(content));
  p.header.session = session;
  to.to->control_lane(to.queue->port(), std::move(p));
}

void remote_receiver::end_stream(session_id session) {
  link_end to;
  std::shared_ptr<actor_cell> proxy;
  bool all = true;
  {
    std::lock_guard lock(mutex_);
    const auto it = streams_.find(session);
    if (it == streams_.end()) return;
    to = it->second.to;
    proxy = it->second.proxy;
    it->second.ended = true;
    for (const auto& [id, r] : streams_) all = all && (r.ended || r.proxy != proxy);
  }
  to.to->end_input(*to.queue);
  if (all) proxy->set_sources_ended(true);
}

/// One stream for all conversations, between replicas: those that it carries. Empty: for all of them alike.
std::vector<session_id> remote_receiver::carried() const {
  const auto& whole = run_.local().whole;
  if (link_.link >= whole.links.size()) return {};
  const auto& link = whole.links[link_.link];
  if (whole.actors[link.from].replicas <= 1 && whole.actors[link.to].replicas <= 1) return {};
  auto all = run_.topology.open_sessions();
  std::erase_if(all, [&](session_id s) { return !carries(whole, link, s); });
  all.push_back(session_id::none);
  return all;
}

void remote_receiver::notify(control::kind what, const std::string& why) {
  std::vector<std::pair<session_id, link_end>> open;
  const auto among = carried();  // before any lock: it takes that of the topology
  std::lock_guard in_order(telling_);
  {
    std::lock_guard lock(mutex_);
    lost_why_ = what == control::kind::input_lost ? std::optional(why) : std::nullopt;
    if (retired_ != 0) return;
    for (const auto& [session, r] : streams_)
      if (!r.ended) open.emplace_back(session, r.to);
  }
  for (const auto& [session, to] : open) {
    if (session != session_id::none || among.empty()) {
      tell(session, to, what, why);
      continue;
    }
    for (const auto s : among)
      if (s != session_id::none) tell(s, to, what, why);
  }
}

bool remote_receiver::is_lost() const {
  std::lock_guard lock(mutex_);
  return lost_why_.has_value();
}

void remote_receiver::tell_shared(control::kind what, const std::string& why) {
  link_end to;
  {
    std::lock_guard lock(mutex_);
    const auto it = streams_.find(session_id::none);
    if (retired_ != 0 || it == streams_.end()) return;
    to = it->second.to;
  }
  tell(session_id::none, to, what, why);
}

void remote_receiver::tell(session_id session, const link_end& to, control::kind what,
                           const std::string& why) {
  control content;
  content.what = what;
  content.detail = fmt::format("host {}: {}", link_.peer, why);
  auto p = make_packet(run_.now(), std::move(content));
  p.header.session = session;
  to.to->control_lane(to.queue->port(), std::move(p));
}

// ---------------------------------------------------------------------------- the run

void remote_receiver::confirm_from(input_queue& q) const {
  if (!confirms_after_use_) return;
  q.on_settled = [this](std::uint32_t n) { wire_.give_credit(link_.wire_id, n); };
}

void remote_receiver::attach(const std::shared_ptr<actor_cell>& proxy) {
  std::lock_guard lock(mutex_);
  auto back = std::make_shared<crediting>();
  back->proxy = proxy;
  credit_[proxy->id().session] = back;
  proxy->on_gate_open = [this, back] { return_credit(*back); };
  proxy->set_sources_ended(true);  // until it has a queue behind it
}

void remote_receiver::detach(const actor_cell& proxy) {
  bool last = false;
  {
    std::lock_guard lock(mutex_);
    credit_.erase(proxy.id().session);
    std::erase_if(streams_, [&](const auto& r) { return r.second.proxy.get() == &proxy; });
    last = retired_ != 0 && credit_.empty();
  }
  if (last) end();  // by force: no link end came in time
}

void remote_receiver::link_added(const actor_cell& proxy, session_id session, const link_end& to) {
  std::lock_guard in_order(telling_);
  std::optional<std::string> lost_why;
  {
    std::lock_guard lock(mutex_);
    confirm_from(*to.queue);
    auto of = credit_.at(proxy.id().session)->proxy.lock();
    of->set_sources_ended(false);
    streams_[session] = {to, std::move(of), false};
    lost_why = lost_why_;
  }
  if (lost_why) tell(session, to, control::kind::input_lost, *lost_why);
}

void remote_receiver::rerouted(session_id session, const link_end& to,
                               const std::function<void()>& moved) {
  std::lock_guard still(passing_);
  confirm_from(*to.queue);
  moved();
  std::lock_guard lock(mutex_);
  if (const auto it = streams_.find(session); it != streams_.end()) it->second.to = to;
}

void remote_receiver::remove_session(session_id session) {
  std::lock_guard lock(mutex_);
  streams_.erase(session);
  credit_.erase(session);
}

void remote_receiver::detach_all() {
  std::lock_guard lock(mutex_);
  streams_.clear();
  credit_.clear();
}

// ---------------------------------------------------------------------------- rewire

bool remote_receiver::in_use() const {
  std::lock_guard lock(mutex_);
  return retired_ == 0;
}

bool remote_receiver::is_ending() const {
  std::lock_guard lock(mutex_);
  return retired_ != 0 && !over_;
}

void remote_receiver::retire(int revision) {
  bool ended = false;
  {
    std::lock_guard lock(mutex_);
    retired_ = revision;
    ended = end_told_ >= revision;
  }
  if (ended) end();
}

bool remote_receiver::start_after(const std::shared_ptr<remote_receiver>& next) {
  std::lock_guard lock(mutex_);
  if (retired_ == 0 || over_) return false;
  next_ = next;
  return true;
}

// It may come before this host has changed over.
void remote_receiver::on_link_end(std::int64_t revision) {
  {
    std::lock_guard lock(mutex_);
    end_told_ = std::max(end_told_, revision);
    if (retired_ == 0 || end_told_ < retired_) return;
  }
  end();
}

void remote_receiver::end() {
  std::vector<std::shared_ptr<actor_cell>> proxies;
  std::shared_ptr<remote_receiver> next;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return;
    for (const auto& [session, back] : credit_)
      if (auto proxy = back->proxy.lock()) proxies.push_back(std::move(proxy));
    next = std::move(next_);
  }
  for (const auto& proxy : proxies) proxy->set_sources_ended(true);
  if (next) next->open();
}

void remote_receiver::forget_retired() {
  {
    std::lock_guard lock(mutex_);
    if (retired_ == 0 || over_) return;
  }
  end();
}

}  // namespace hocket::distributed
