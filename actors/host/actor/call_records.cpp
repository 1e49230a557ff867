// What a cell tells observers, and its receivers besides packets.
#include <fmt/format.h>

#include "actors/host/actor/job.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::host {

void actor_cell::notify_call(call_kind what, session_id session, std::int64_t began_ns, outcome how,
                             std::int64_t k, std::span<const call_input> inputs,
                             const packet* message, std::size_t message_port) {
  call_record r;
  r.actor = id_.actor;
  r.session = session;
  r.what = what;
  r.failed = how == outcome::failed;
  r.began_ns = began_ns;
  r.ended_ns = call_.last_end_ns();
  r.micro_turn = k;
  r.inputs = inputs;
  r.at = run_.time.at(began_ns);
  r.epoch = call_epoch_;
  if (calling_) r.life = calling_->life;
  // Who hangs may still be asking for the time.
  if (calling_ && calling_->time && how != outcome::failed) r.clock_said = calling_->time->said();
  if (what == call_kind::sets) r.sets = batch_->bundles;
  r.message = message;
  r.message_port = message_port;
  if (calling_ && calling_->untold && what != call_kind::open) {
    auto [opened, said] = std::move(*calling_->untold);
    calling_->untold.reset();
    opened.clock_said = said;
    run_.observers.called(opened);
  }
  if (run_.observers.called(r) || what != call_kind::open || !calling_) return;
  calling_->untold.emplace(r, std::vector(r.clock_said.begin(), r.clock_said.end()));
}

void actor_cell::notify_bundles(std::int64_t began_ns, outcome how) {
  std::vector<call_input> inputs;
  for (const auto& set : batch_->bundles)
    for (std::size_t port = 0; port < set.inputs.size(); ++port)
      for (const auto& p : set.inputs[port]) {
        // A set keeps no times of the queue, but a packet is queued the moment it is emitted.
        const auto& way = p.header.way;
        const auto queued_ns = way.count > 0 ? way.hops[way.count - 1u].emitted_ns : began_ns;
        inputs.push_back({port, &p.header, queued_ns});
      }
  const auto session =
      batch_->bundles.size() == 1 ? batch_->bundles.front().session : session_id::none;
  notify_call(call_kind::sets, session, began_ns, how, batch_->bundles.front().micro_turn, inputs);
}

// The token is ours. What the call was given stays in the hand until it is settled.
void actor_cell::notify_hung() {
  using kind = job::kind;
  const auto began_ns = call_.began_ns();
  call_.set_last_end(monotonic_ns());
  if (call_.is_opening())
    return notify_call(call_kind::open, id_.session, began_ns, outcome::failed);
  const auto what = static_cast<kind>(calling_kind_);
  if (what == kind::sets && batch_ && !batch_->bundles.empty())
    return notify_bundles(began_ns, outcome::failed);
  if (what == kind::items && batch_ && batch_->has_item()) {
    const auto& item = batch_->items[batch_->at];
    const call_input handed{item.from->port(), &item.what.item.header, item.what.queued_ns};
    return notify_call(call_kind::packet, item.from->session(), began_ns, outcome::failed, -1,
                       {&handed, 1}, &item.what.item, item.from->port());
  }
  const auto named = what == kind::produce   ? call_kind::produce
                     : what == kind::tick    ? call_kind::tick
                     : what == kind::task    ? call_kind::task
                     : what == kind::control ? call_kind::control
                                             : call_kind::close;
  notify_call(named, id_.session, began_ns, outcome::failed);
}

void actor_cell::notify_marker(std::size_t port, session_id session, timestamp ts, control what) {
  if (!run_.observers.any()) return;
  auto p = make_packet(ts, std::move(what));
  p.header.session = session;
  p.header.stream = static_cast<std::uint32_t>(port);
  p.header.micro_turn = run_.graph().grid.index_of(ts);
  run_.observers.marked(id_.actor, port, p);
}

void actor_cell::notify_receivers(control::kind what, const std::string& why) {
  run_.observers.event(id_.name, to_string(what), why);
  outputs_.each_link([&](const session_outputs& out, const link_end& r) {
    // Of a replica its own conversations are told: those that nobody has yet may begin with another one.
    if (spec().replicas > 1 && out.id() == session_id::none) return;
    control content;
    content.what = what;
    content.detail = fmt::format("{}: {}", id_.name, trust::redacted(why));  // recorded as it is
    auto p = make_packet(run_.now(), std::move(content));
    p.header.session = out.id();
    r.to->control_lane(r.queue->port(), std::move(p));
  });
}

}  // namespace hocket::host
