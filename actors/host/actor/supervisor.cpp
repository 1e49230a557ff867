// The instances of a cell's component: open, failure, restart, hang, close.
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "actors/host/actor/job.hpp"
#include "graph/trust/trial.hpp"
#include "graph/spec/clone_config.hpp"
#include "actors/host/actor/emission.hpp"
#include "actors/host/run/session_requests.hpp"
#include "actors/host/process_maker.hpp"
#include "graph/spec/process.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::host {

context actor_cell::make_context(const std::shared_ptr<instance>& who) {
  context c;
  c.actor = id_.name;
  c.session = id_.session;
  c.time = late_clock_ ? late_clock_.get() : &run_.time;
  if (traced_) {
    who->time = std::make_shared<told_clock>(*c.time);
    c.time = who->time.get();
    run_.observers.keep(who->time);
  }
  c.grid = run_.graph().grid;
  c.self = make_mailbox(weak_from_this(), who);
  c.types = &types_;
  c.graph = &run_.view;
  c.output_dir = run_.options.output_dir;
  c.may = run_.options.may;
  c.hold = [weak = weak_from_this(),
            instance_alive = std::weak_ptr(who)]() -> std::shared_ptr<const void> {
    const auto now = instance_alive.lock();
    if (!now) return nullptr;
    now->pending_work.fetch_add(1);
    // The last token may go in any thread, also after the actor.
    return std::shared_ptr<const void>(now.get(), [weak, instance_alive](const void*) {
      if (const auto then = instance_alive.lock()) then->pending_work.fetch_sub(1);
      if (const auto self = weak.lock()) {
        self->wake();
        self->run_.notify_loop();
      }
    });
  };
  c.sessions = make_session_control(run_.weak_from_this(), who->life, c);
  // What a process says of itself cannot be relied on: after twice the time to drain it counts no
  // more, or who is at work for ever would hold the end of the run up for ever.
  const bool ends_with_run = hocket::spec::process_of(spec()) != nullptr;
  c.still_at_work = [weak = weak_from_this(), life = std::weak_ptr(who), ends_with_run] {
    const auto now = life.lock();
    const auto self = weak.lock();
    if (!now || !self) return;
    const auto at = monotonic_ns();
    const auto stop_at = self->run_.end.stop_at_ns();
    const auto drain_ns = self->run_.options.drain_limit_s * 1e9;
    if (ends_with_run && stop_at != 0 && static_cast<double>(at - stop_at) > 2 * drain_ns) return;
    std::lock_guard guard(now->emitting);
    if (!now->abandoned) self->call_.renew(at);
  };
  {
    std::lock_guard lock(mutex_);
    // A life in a process that died counts, too: what it wrote is there, and time has passed.
    c.restarts = static_cast<std::uint32_t>(restarts_.count()) +
                 static_cast<std::uint32_t>(earlier_instances_) + (run_.resumed.load() ? 1 : 0);
    c.began = began_;
  }
  c.log = [weak = weak_from_this()](std::string_view message) {
    if (auto self = weak.lock()) self->add_line(message);
  };
  c.count = [weak = weak_from_this()](std::string_view counter, std::int64_t add) {
    if (auto self = weak.lock()) self->add_count(counter, add);
  };
  return c;
}

bool actor_cell::call_open() {
  auto who = std::make_shared<instance>();
  who->life = run_.lives.fetch_add(1) + 1;
  {
    std::lock_guard lock(mutex_);
    opening_instance_ = who;
  }
  error why;
  call_.set_opening(true);
  const auto began_ns = monotonic_ns();
  const auto done = call_as(who, began_ns, why, [&]() -> result<void> {
    auto config = spec().config ? spec::clone_config(*spec().type, *spec().config)
                                : spec().type->make_config();
    if (hocket::spec::process_of(spec()) == nullptr)
      who->component = spec().type->make(*config);
    else if (const auto processes = the_process_maker())
      who->component = processes->make(spec(), *config, run_.options.output_dir);
    else
      return fail("host.no_processes", "this program makes no processes for `process: own`");
    if (!who->component)
      return fail("host.no_component", "its type made no component: `make` returned nothing");
    who->surroundings = make_context(who);
    const trust::change_trial::scope on_trial(is_prepared() ? trust::change_of(&run_) : nullptr);
    return who->component->open(who->surroundings);
  });
  if (done == outcome::written_off) return false;
  if (traced_) notify_call(call_kind::open, id_.session, began_ns, done);
  call_.set_opening(false);
  bool again = false;
  std::deque<task> gone;
  {
    std::lock_guard lock(mutex_);
    again = phase_ == phase::restarting;
    opening_instance_ = nullptr;
    if (done == outcome::fine) {
      instance_ = who;
      phase_ = phase::open;
    } else {
      gone = drop_tasks();
    }
  }
  gone.clear();
  if (done != outcome::fine) run_.requests.owner_gone(who->life);
  if (done == outcome::fine) {
    call_.forget_recent();
    run_.observers.event(id_.name, again ? "recovered" : "opened", "");
    if (again) notify_receivers(control::kind::input_recovered, "");
    run_.opened(*this, {});
    return true;
  }
  if (!again && (is_prepared() || !run_.started.load() || run_.requests.is_opening(id_.session))) {
    // A graph, or a conversation, that cannot even begin tells so at once.
    {
      std::lock_guard lock(mutex_);
      phase_ = phase::fresh;
      last_error_ = trust::redacted(why.message);
    }
    run_.opened(*this, fail(why.code, why.message));
    return true;
  }
  return failed(why);
}

bool actor_cell::after_call(outcome how, const error& why) {
  if (how == outcome::fine) return true;
  if (how == outcome::written_off) return false;
  return failed(why);
}

bool actor_cell::failed(const error& why) {
  run_.observers.event(id_.name, "failed", fmt::format("{} [{}]", why.message, why.code));
  if (!destroy_instance()) return false;
  restart_or_lose(why);
  return true;
}

// Takes the component down; false where even its destructor hangs.
bool actor_cell::destroy_instance() {
  std::shared_ptr<instance> old;
  std::deque<task> gone;
  {
    std::lock_guard lock(mutex_);
    old = std::move(instance_);
    instance_ = nullptr;
    gone = drop_pending_calls();
  }
  if (!old) return true;  // and no task
  run_.requests.owner_gone(old->life);
  error why;
  return call_as(old, monotonic_ns(), why, [&]() -> result<void> {
           gone.clear();
           old->component.reset();
           return {};
         }) != outcome::written_off;
}

std::deque<actor_cell::task> actor_cell::drop_pending_calls() {
  for (auto& c : control_)
    if (c.direct_from) c.direct_from->settle_dropped(drop_reason::actor_restarting);
  control_.clear();
  control_waiting_.store(false, std::memory_order_relaxed);
  return drop_tasks();
}

std::deque<actor_cell::task> actor_cell::drop_tasks() {
  order_.forget_tasks();
  return std::exchange(tasks_, {});
}

// Restart, or the end of this actor. The token is ours; there is no instance.
void actor_cell::restart_or_lose(const error& why) {
  std::optional<std::int64_t> wait_ms;
  {
    std::lock_guard lock(mutex_);
    // Words are forgotten after a while: what is kept loses them now.
    last_error_ = fmt::format("{} [{}]", trust::redacted(why.message), why.code);
    if (!force_ && !is_retiring())
      wait_ms = restarts_.next(spec().restart, run_.time.axis_now_ns());
    if (wait_ms) phase_ = phase::restarting;
  }
  if (!wait_ms) return lose(why);
  run_.observers.event(id_.name, "restarting", fmt::format("in {} ms", *wait_ms));
  notify_receivers(control::kind::input_lost, why.message);
  run_.activity.restarts_pending.fetch_add(1);
  run_.after(std::chrono::milliseconds(*wait_ms), [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->restart_now();
  });
}

void actor_cell::lose(const error& why) {
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  bool was_source = false;
  {
    std::lock_guard lock(mutex_);
    settle_batch();
    phase_ = phase::lost;
    drop_all(drop_reason::actor_lost);
    unblocked.swap(unblocked_);
    was_source = id_.is_source() && pacing_.set_ended();
  }
  for (auto& sender : unblocked) sender->open_gate();
  run_.observers.event(id_.name, "lost", why.message);
  if (!is_retiring()) notify_receivers(control::kind::input_lost, why.message);
  run_.end.cell_lost(*this, fmt::format("{} [{}]", why.message, why.code));
  if (was_source) notify_end();
  if (was_source) run_.end.source_ended(*this);
  end_outputs();
  run_.end.cell_closed(*this);
}

// Everything that waits here goes, and senders that wait for room may go on (later: unblocked_).
void actor_cell::drop_all(drop_reason why) {
  if (batch_) batch_->drop_rest(why);
  for (auto& c : control_)
    if (c.direct_from) c.direct_from->settle_dropped(why);
  control_.clear();
  tasks_.clear();
  order_.clear();
  const auto now = monotonic_ns();
  for (auto& q : queues_) {
    q->purge(why);
    if (auto sender = q->unblock_sender(now)) unblocked_.push_back(std::move(sender));
  }
}

bool actor_cell::call_close(job&) {
  std::shared_ptr<instance> who;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == phase::lost || phase_ == phase::closed) {
      force_ = false;
      return true;
    }
    phase_ = phase::closing;
    force_ = false;
    who = instance_;
  }
  if (id_.is_source()) end_source();
  if (who) {
    const auto began = monotonic_ns();
    emission out(*this, *who, began);
    target_own_session(out);
    error why;
    const auto done = call_as(who, began, why, [&] { return who->component->close(out); });
    if (done == outcome::written_off) return false;
    if (traced_) notify_call(call_kind::close, id_.session, began, done);
    if (done == outcome::failed)
      run_.observers.event(id_.name, "failed",
                           fmt::format("last words: {} [{}]", why.message, why.code));
  }
  return finish_close();
}

bool actor_cell::finish_close() {
  if (!destroy_instance()) return false;
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(mutex_);
    settle_batch();
    phase_ = phase::closed;
    const auto& own = outputs_.only();
    const bool hung_up = own && own->session->closing.load();
    drop_all(hung_up         ? drop_reason::session_closed
             : is_retiring() ? drop_reason::rewired
                             : drop_reason::stopped);
    unblocked.swap(unblocked_);
  }
  for (auto& sender : unblocked) sender->open_gate();
  end_outputs();
  run_.observers.event(id_.name, "closed", "");
  run_.end.cell_closed(*this);
  return true;
}

void actor_cell::notify_end() {
  if (id_.role != actor_role::local) return;  // observers know the actors of the graph, no proxies
  if (is_prepared() || handed_over_.load()) return;  // its streams do not end, or never began
  for (const auto id : outputs_.sessions())
    for (std::size_t port = 0; port < id_.info.outputs.size(); ++port)
      notify_marker(port, id, run_.now(), {control::kind::end_of_stream, "", 0});
}

void actor_cell::end_outputs() {
  if (!id_.is_source()) notify_end();  // a source announced it when it had no more to give
  outputs_.each_link([](const session_outputs&, const link_end& r) {
    if (!r.handed_over) r.to->end_input(*r.queue);
  });
}

void actor_cell::check_hang(std::int64_t now_ns, std::int64_t limit_ns) {
  if (!call_.is_in_call()) return;
  // Opening may load weights from a slow disk: six times the limit of a call.
  const std::int64_t factor = call_.is_opening() ? 6 : 1;
  if (limit_ns == 0) limit_ns = std::int64_t{spec().watchdog_ms} * 1'000'000 * factor;
  // A process has that limit itself, and its end says more; this is for one that cannot be ended.
  if (limit_ns > 0 && hocket::spec::process_of(spec()) != nullptr) limit_ns += 2'000'000'000;
  if (limit_ns > 0 && call_.write_off(now_ns, limit_ns)) hang();
}

// The call was written off: its thread will find that out when, if ever, it comes back. The token
// is ours now, on the watchdog's thread.
void actor_cell::hang() {
  const auto keep = shared_from_this();
  if (calling_) {
    std::lock_guard guard(calling_->emitting);
    calling_->abandoned = true;
  }
  if (traced_) notify_hung();
  phase was;
  const auto life = calling_ ? calling_->life : 0;
  std::deque<task> gone;
  {
    std::lock_guard lock(mutex_);
    was = phase_;
    rescue_batch();
    gone = drop_pending_calls();
    instance_ = nullptr;
    opening_instance_ = nullptr;
    calling_ = nullptr;
  }
  run_.requests.owner_gone(life);
  call_.written_off_done();
  const error why{"host.hang", fmt::format("a call took more than {} ms", spec().watchdog_ms)};
  run_.observers.event(id_.name, "hung", why.message);
  run_.executor->write_off(*this);
  if (is_prepared()) {
    std::lock_guard lock(mutex_);
    phase_ = phase::lost;
  }
  if (is_prepared())
    run_.opened(*this, fail(why.code, why.message));
  else if (was == phase::closing || was == phase::closed)
    finish_close();
  else
    restart_or_lose(why);
  give_token_back();
  // The loop of virtual time has a new thread since then, which may have found nothing to do yet.
  run_.notify_loop();
}

void actor_cell::rescue_batch() {
  if (direct_from_) direct_from_->settle_dropped(drop_reason::actor_restarting);
  direct_from_ = nullptr;
  if (!batch_) return;
  batch_ = batch_->rescue(static_cast<job::kind>(calling_kind_) == job::kind::items);
}

void actor_cell::give_token_back() {
  {
    std::lock_guard lock(mutex_);
    if (!has_work()) {
      scheduled_ = false;
      run_.activity.active.fetch_sub(1, std::memory_order_release);
      return;
    }
  }
  run_.executor->post(*this);
}

}  // namespace hocket::host
