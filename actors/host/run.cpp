// What a cell does on its thread: calls into the component, each timed, guarded and watched.
#include <exception>

#include <fmt/format.h>

#include "actors/host/cell_job.hpp"
#include "actors/host/emission.hpp"

namespace hocket::host {

void cell::run() {
  constexpr int rounds_max = 64;
  constexpr std::int64_t slice_ns = 2'000'000;
  constexpr std::int64_t short_call_ns = 50'000;
  const auto began = monotonic_ns();
  for (int round = 0;; ++round) {
    job j;
    if (!next_job(j)) return;
    if (!perform(j)) return;  // written off: another thread goes on with this cell
    if (recent_max_ns_ > short_call_ns) world_.exec->flush();
    // Never by the wall clock in virtual time: the order would depend on the machine's load.
    const bool slice_over =
        !world_.is_virtual() && round % 8 == 7 && monotonic_ns() - began > slice_ns;
    if (round >= rounds_max || slice_over) {
      world_.exec->post_again(*this);
      return;
    }
  }
}

bool cell::next_job(job& j) {
  bool found = false, leavers = false;
  std::vector<std::shared_ptr<cell>> freed;
  {
    std::lock_guard lock(mutex_);
    settle_hand();
    found = pick(j);
    calling_kind_ = static_cast<int>(j.what);
    lent_now_ = found ? j.lent : nullptr;
    if (!freed_.empty()) freed.swap(freed_);
    leavers = has_leavers_;
    if (!found) {
      scheduled_ = false;
      world_.active.fetch_sub(1, std::memory_order_release);
    }
  }
  for (auto& sender : freed) sender->unblock();
  if (leavers) reap();
  if (!found) world_.poke_driver();
  return found;
}

bool cell::perform(job& j) {
  using kind = job::kind;
  switch (j.what) {
    case kind::open: return perform_open();
    case kind::items: return perform_items(j);
    case kind::sets: return perform_sets(j);
    case kind::produce: return perform_produce(j);
    case kind::close: return perform_close(j);
    case kind::source_end: end_source(); return true;
    case kind::tick:
      return perform_simple(j, [&](emitter& out) { return j.who->part->tick(j.k, out); });
    case kind::task:
      return perform_simple(j, [&](emitter& out) {
        j.task(out);
        j.task = nullptr;
        return result<void>{};
      });
    case kind::control: return perform_control(j);
  }
  return true;
}

// Calls without an input: the session of the actor, or nobody's.
void cell::aim_at_home(emission& out) {
  auto home = is_shared() ? outlet_of(session_id::none) : own_outlet_;
  const auto epoch = epoch_of(*home);
  out.aim(std::move(home), epoch, origin{});
}

bool cell::perform_simple(job& j, const std::function<result<void>(emitter&)>& f) {
  const auto began = monotonic_ns();
  emission out(*this, *j.who, began);
  aim_at_home(out);
  error why;
  const auto done = call_as(j.who, began, why, [&] { return f(out); });
  if (traced_ && done != outcome::written_off) {
    const bool tick = j.what == job::kind::tick;
    tell_call(tick ? call_kind::tick : call_kind::task, session_, began, done, tick ? j.k : -1);
  }
  return conclude(done, why);
}

bool cell::perform_control(job& j) {
  const auto began = monotonic_ns();
  auto who = j.who;
  emission out(*this, *who, began);
  auto to = is_shared() ? outlet_of(j.message.header.session) : own_outlet_;
  out.aim(to, to ? epoch_of(*to) : 0, origin{});
  error why;
  auto* lent = j.lent;
  const auto done =
      call_as(who, began, why, [&] { return who->part->on_control(j.port, j.message, out); });
  if (done == outcome::written_off) return false;
  if (traced_) tell_call(call_kind::control, session_, began, done);
  if (lent) {
    std::lock_guard lock(mutex_);
    if (done == outcome::fine)
      lent->settle_delivered(1);
    else
      lent->settle_dropped(drop_reason::actor_restarting);
    lent_now_ = nullptr;
  }
  return conclude(done, why);
}

bool cell::perform_items(job& j) {
  auto h = hand_;
  auto who = j.who;
  auto began = monotonic_ns();
  while (h->at < h->items.size()) {
    auto& item = h->items[h->at];
    auto out_of = is_shared() ? outlet_of(item.from->session()) : own_outlet_;
    // Epoch before the staleness check: an interruption in between makes what we emit stale too.
    const auto epoch = out_of ? epoch_of(*out_of) : 0;
    const packet& p = item.what.item;
    if (item.from->is_stale(p)) {
      item.dropped = true;
      item.why = drop_reason::old_epoch;
    } else if (item.from->has_age_limit() && item.from->is_too_old(item.what, world_.now())) {
      item.dropped = true;
      item.why = drop_reason::too_old;
    }
    if (item.dropped) {
      ++h->at;
      continue;
    }
    world_.note_hand_over(actor_, item.what, began);
    packets_in_.fetch_add(1, std::memory_order_relaxed);
    emission out(*this, *who, began);
    out.aim(std::move(out_of), epoch, item.what);
    error why;
    const auto port = item.from->port();
    const auto done = call_as(who, began, why, [&] {
      return p.kind() == payload_kind::control ? who->part->on_control(port, p, out)
                                               : who->part->process(port, p, out);
    });
    if (done == outcome::written_off) return false;
    if (traced_) {
      const call_input handed{port, &p.header, item.what.queued_ns};
      tell_call(call_kind::packet, item.from->session(), began, done, -1, {&handed, 1});
    }
    if (done == outcome::failed) {
      item.dropped = true;
      item.why = drop_reason::actor_restarting;
      ++h->at;
      return conclude(done, why);
    }
    ++h->at;
    began = last_call_end_ns_;
    if (blocked_.load(std::memory_order_acquire) > 0 ||
        control_waiting_.load(std::memory_order_relaxed))
      break;
  }
  return true;
}

bool cell::perform_sets(job& j) {
  auto h = hand_;
  auto who = j.who;
  const auto began = monotonic_ns();
  emission out(*this, *who, began);
  out.offer(&h->sets, &h->set_origins);
  const auto& first = h->sets.front();
  out.aim(is_shared() ? outlet_of(first.session) : own_outlet_, first.epoch,
          h->set_origins.front());
  error why;
  const auto done = call_as(who, began, why, [&] { return who->part->process_sets(h->sets, out); });
  if (done == outcome::written_off) return false;
  if (traced_) tell_sets(began, done);
  h->sets_failed = done == outcome::failed;
  return conclude(done, why);
}

bool cell::perform_produce(job& j) {
  auto who = j.who;
  const auto began = monotonic_ns();
  emission out(*this, *who, began);
  aim_at_home(out);
  error why;
  auto state = source_state::more;
  const auto done = call_as(who, began, why, [&]() -> result<void> {
    auto r = who->part->produce(j.until, out);
    if (!r) return fail(r);
    state = *r;
    return {};
  });
  if (done == outcome::written_off) return false;
  if (traced_) tell_call(call_kind::produce, session_, began, done);
  if (done == outcome::failed) return conclude(done, why);
  {
    std::lock_guard lock(mutex_);
    next_until_ = until_after(j.until);
  }
  if (state == source_state::more) return true;
  if (spec().restart.when == restart_policy::mode::always)
    return conclude(outcome::failed, {"host.ended", "the source ended and its policy is `always`"});
  end_source();
  return true;
}

void cell::end_source() {
  {
    std::lock_guard lock(mutex_);
    if (source_ended_) return;
    source_ended_ = true;
  }
  if (on_trial()) return;  // nobody counts on it
  show_end();
  world_.source_ended(*this);
}

}  // namespace hocket::host
