// What a cell does on its thread: calls into the component, each timed, guarded and watched.
#include <exception>

#include <fmt/format.h>

#include "actors/host/actor/job.hpp"
#include "actors/host/actor/emission.hpp"
#include "graph/contract/data_class.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::host {

void actor_cell::run() {
  constexpr int rounds_max = 64;
  constexpr std::int64_t slice_ns = 2'000'000;
  constexpr std::int64_t short_call_ns = 50'000;
  const auto began = monotonic_ns();
  for (int round = 0;; ++round) {
    job j;
    if (!next_job(j)) return;
    if (!do_job(j)) return;  // written off: another thread goes on with this cell
    if (call_.recent_max_ns() > short_call_ns) run_.executor->flush();
    // Never by the wall clock in virtual time: the order would depend on the machine's load.
    const bool slice_over =
        !run_.is_virtual() && round % 8 == 7 && monotonic_ns() - began > slice_ns;
    if (round >= rounds_max || slice_over) {
      run_.executor->post_again(*this);
      return;
    }
  }
}

bool actor_cell::next_job(job& j) {
  bool found = false, drained = false;
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(mutex_);
    settle_batch();
    found = choose_job(j);
    calling_kind_ = static_cast<int>(j.what);
    direct_from_ = found ? j.direct_from : nullptr;
    if (!unblocked_.empty()) unblocked.swap(unblocked_);
    drained = has_draining_;
    if (!found) {
      scheduled_ = false;
      run_.activity.active.fetch_sub(1, std::memory_order_release);
    }
  }
  for (auto& sender : unblocked) sender->open_gate();
  if (drained) remove_drained();
  if (!found) run_.notify_loop();
  return found;
}

bool actor_cell::do_job(job& j) {
  using kind = job::kind;
  switch (j.what) {
    case kind::open: return call_open();
    case kind::items: return call_items(j);
    case kind::sets: return call_bundles(j);
    case kind::produce: return call_produce(j);
    case kind::close: return call_close(j);
    case kind::source_end: end_source(); return true;
    case kind::tick:
      return call_simple(j, [&](emitter& out) { return j.who->component->tick(j.k, out); });
    case kind::task:
      return call_simple(j, [&](emitter& out) -> result<void> {
        if (!task_passes_time())
          return fail("host.endless_tasks", "its tasks make tasks, and no time passes any more");
        j.task(out);
        j.task = nullptr;
        return {};
      });
    case kind::control: return call_control(j);
  }
  return true;
}

// By the clock on the wall others get their turn; stream time would stand still for all.
bool actor_cell::task_passes_time() {
  constexpr std::int64_t tasks_at_once_max = 250'000;
  if (!run_.is_virtual()) return true;
  const auto now = run_.now();
  if (now != tasks_at_) tasks_then_ = 0;
  tasks_at_ = now;
  return ++tasks_then_ <= tasks_at_once_max;
}

// Calls without an input: the session of the actor, or none.
void actor_cell::target_own_session(emission& out) {
  auto own = outputs_of(session_id::none);
  const auto epoch = own->epoch();
  out.set_target(std::move(own), epoch, origin{});
}

bool actor_cell::call_simple(job& j, const std::function<result<void>(emitter&)>& f) {
  const auto began = monotonic_ns();
  emission out(*this, *j.who, began);
  target_own_session(out);
  error why;
  const auto done = call_as(j.who, began, why, [&] { return f(out); });
  if (traced_ && done != outcome::written_off) {
    const bool tick = j.what == job::kind::tick;
    notify_call(tick ? call_kind::tick : call_kind::task, id_.session, began, done,
                tick ? j.k : -1);
  }
  return after_call(done, why);
}

bool actor_cell::call_control(job& j) {
  const auto began = monotonic_ns();
  auto who = j.who;
  emission out(*this, *who, began);
  const auto to = outputs_of(j.message.header.session);
  out.set_target(to, to ? to->epoch() : 0, origin{});
  error why;
  auto* direct_from = j.direct_from;
  const auto done =
      call_as(who, began, why, [&] { return who->component->on_control(j.port, j.message, out); });
  if (done == outcome::written_off) return false;
  if (traced_)
    notify_call(call_kind::control, id_.session, began, done, -1, {}, &j.message, j.port);
  if (direct_from) {
    std::lock_guard lock(mutex_);
    if (done == outcome::fine)
      direct_from->settle_delivered(1);
    else
      direct_from->settle_dropped(drop_reason::actor_restarting);
    direct_from_ = nullptr;
  }
  return after_call(done, why);
}

bool actor_cell::call_items(job& j) {
  auto h = batch_;
  auto who = j.who;
  auto began = monotonic_ns();
  while (h->has_item()) {
    auto& item = h->items[h->at];
    auto out_of = outputs_of(item.from->session());
    // Epoch before the staleness check: an interruption in between makes what we emit stale too.
    const auto epoch = out_of ? out_of->epoch() : 0;
    const packet& p = item.what.item;
    if (item.from->is_stale(p)) {
      item.drop(drop_reason::old_epoch);
    } else if (item.from->has_age_limit() && item.from->is_too_old(item.what, run_.now())) {
      item.drop(drop_reason::too_old);
    }
    if (item.dropped) {
      ++h->at;
      continue;
    }
    run_.note_hand_over(id_.actor, item.what, began);
    packets_in_.fetch_add(1, std::memory_order_relaxed);
    if (p.body) note_said(*p.body);  // also what another host's actors said
    emission out(*this, *who, began);
    out.set_target(std::move(out_of), epoch, item.what);
    error why;
    const auto port = item.from->port();
    const auto done = call_as(who, began, why, [&] {
      return p.kind() == payload_kind::control ? who->component->on_control(port, p, out)
                                               : who->component->process(port, p, out);
    });
    if (done == outcome::written_off) return false;
    if (traced_) {
      const call_input handed{port, &p.header, item.what.queued_ns};
      notify_call(call_kind::packet, item.from->session(), began, done, -1, {&handed, 1}, &p, port);
    }
    if (done == outcome::failed) {
      item.drop(drop_reason::actor_restarting);
      ++h->at;
      return after_call(done, why);
    }
    ++h->at;
    began = call_.last_end_ns();
    if (blocked_.load(std::memory_order_acquire) > 0 ||
        control_waiting_.load(std::memory_order_relaxed))
      break;
  }
  return true;
}

bool actor_cell::call_bundles(job& j) {
  auto h = batch_;
  auto who = j.who;
  const auto began = monotonic_ns();
  emission out(*this, *who, began);
  out.set_bundles(&h->bundles, &h->bundle_origins);
  const auto& first = h->bundles.front();
  out.set_target(outputs_of(first.session), first.epoch, h->bundle_origins.front());
  if (trust::words_are_kept_out())
    for (const auto& set : h->bundles)
      for (const auto& port : set.inputs)
        for (const auto& p : port)
          if (p.body) note_said(*p.body);
  error why;
  const auto done =
      call_as(who, began, why, [&] { return who->component->process_sets(h->bundles, out); });
  if (done == outcome::written_off) return false;
  if (traced_) notify_bundles(began, done);
  h->bundles_failed = done == outcome::failed;
  return after_call(done, why);
}

bool actor_cell::call_produce(job& j) {
  auto who = j.who;
  const auto began = monotonic_ns();
  emission out(*this, *who, began);
  target_own_session(out);
  error why;
  auto state = source_state::more;
  const auto done = call_as(who, began, why, [&]() -> result<void> {
    auto r = who->component->produce(j.until, out);
    if (!r) return fail(r);
    state = *r;
    return {};
  });
  if (done == outcome::written_off) return false;
  if (traced_) notify_call(call_kind::produce, id_.session, began, done);
  if (done == outcome::failed) return after_call(done, why);
  {
    std::lock_guard lock(mutex_);
    pacing_.produced(j.until, run_.graph().grid);
  }
  if (state == source_state::more) return true;
  if (spec().restart.when == restart_policy::mode::always)
    return after_call(outcome::failed,
                      {"host.ended", "the source ended and its policy is `always`"});
  end_source();
  return true;
}

void actor_cell::end_source() {
  {
    std::lock_guard lock(mutex_);
    if (!pacing_.set_ended()) return;
  }
  if (is_prepared()) return;  // nothing depends on it
  notify_end();
  run_.end.source_ended(*this);
}

}  // namespace hocket::host
