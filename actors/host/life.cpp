// The lives of a cell's component: open, failure, restart, hang, close.
#include <fmt/format.h>

#include "actors/host/cell_job.hpp"
#include "actors/host/clone_config.hpp"
#include "actors/host/emission.hpp"

namespace hocket::host {

context cell::make_context(const std::shared_ptr<instance>& who) {
  context c;
  c.actor = name_;
  c.session = session_;
  c.time = late_clock_ ? late_clock_.get() : &world_.time;
  c.grid = world_.graph().grid;
  c.self = make_mailbox(weak_from_this(), who);
  c.types = &world_.types;
  c.graph = &world_.view;
  c.output_dir = world_.options.output_dir;
  c.may = world_.options.may;
  c.hold = [weak = weak_from_this(), life = std::weak_ptr(who)]() -> std::shared_ptr<const void> {
    const auto now = life.lock();
    if (!now) return nullptr;
    now->holds.fetch_add(1);
    // The last token may go in any thread, also after the actor.
    return std::shared_ptr<const void>(now.get(), [weak, life](const void*) {
      if (const auto then = life.lock()) then->holds.fetch_sub(1);
      if (const auto self = weak.lock()) {
        self->wake();
        self->world_.poke_driver();
      }
    });
  };
  c.still_at_work = [weak = weak_from_this(), life = std::weak_ptr(who)] {
    const auto now = life.lock();
    const auto self = weak.lock();
    if (!now || !self) return;
    std::lock_guard guard(now->emitting);
    if (!now->abandoned) self->call_began_ns_.store(monotonic_ns(), std::memory_order_relaxed);
  };
  {
    std::lock_guard lock(mutex_);
    // A life in a process that died counts, too: what it wrote is there, and time has passed.
    c.restarts = static_cast<std::uint32_t>(restarts_) + static_cast<std::uint32_t>(lives_before_) +
                 (world_.resumed.load() ? 1 : 0);
    c.began = began_;
  }
  c.log = [weak = weak_from_this()](std::string_view message) {
    if (auto self = weak.lock()) self->world_.event(self->name(), "log", message);
  };
  c.count = [weak = weak_from_this()](std::string_view counter, std::int64_t add) {
    if (auto self = weak.lock()) self->add_count(counter, add);
  };
  return c;
}

bool cell::perform_open() {
  auto who = std::make_shared<instance>();
  error why;
  call_opens_.store(true);
  const auto began_ns = monotonic_ns();
  const auto done = call_as(who, began_ns, why, [&]() -> result<void> {
    auto config =
        spec().config ? clone_config(*spec().type, *spec().config) : spec().type->make_config();
    who->part = spec().type->make(*config);
    who->surroundings = make_context(who);
    return who->part->open(who->surroundings);
  });
  if (done == outcome::written_off) return false;
  if (traced_) tell_call(call_kind::open, session_, began_ns, done);
  call_opens_.store(false);
  bool again = false;
  {
    std::lock_guard lock(mutex_);
    again = phase_ == phase::restarting;
    if (done == outcome::fine) {
      instance_ = who;
      phase_ = phase::open;
    }
  }
  if (done == outcome::fine) {
    recent_max_ns_ = 0;
    world_.event(name(), again ? "recovered" : "opened", "");
    if (again) world_.neighbours(*this, control::kind::input_recovered, "");
    world_.opened(*this, {});
    return true;
  }
  if (!again && (on_trial() || !world_.gone.load())) {
    // A graph that cannot even begin tells so at once.
    {
      std::lock_guard lock(mutex_);
      phase_ = phase::fresh;
      last_error_ = why.message;
    }
    world_.opened(*this, fail(why.code, why.message));
    return true;
  }
  return failed(why);
}

bool cell::conclude(outcome how, const error& why) {
  if (how == outcome::fine) return true;
  if (how == outcome::written_off) return false;
  return failed(why);
}

bool cell::failed(const error& why) {
  world_.event(name(), "failed", fmt::format("{} [{}]", why.message, why.code));
  if (!drop_instance()) return false;
  decide(why);
  return true;
}

// Takes the component down; false where even its destructor hangs.
bool cell::drop_instance() {
  std::shared_ptr<instance> gone;
  {
    std::lock_guard lock(mutex_);
    gone = std::move(instance_);
    instance_ = nullptr;
    forget_calls();
  }
  if (!gone) return true;
  error why;
  return call_as(gone, monotonic_ns(), why, [&]() -> result<void> {
           gone->part.reset();
           return {};
         }) != outcome::written_off;
}

void cell::forget_calls() {
  for (auto& c : control_)
    if (c.lent) c.lent->settle_dropped(drop_reason::actor_restarting);
  control_.clear();
  control_waiting_.store(false, std::memory_order_relaxed);
  tasks_.clear();
  order_.remove_if([](const token& t) { return t.queue == nullptr; });
}

// Restart, or the end of this actor. The token is ours; there is no instance.
void cell::decide(const error& why) {
  std::int64_t wait_ms = -1;
  {
    std::lock_guard lock(mutex_);
    last_error_ = fmt::format("{} [{}]", why.message, why.code);
    const auto& r = spec().restart;
    const auto now = world_.time.axis_now_ns();
    const auto window = static_cast<std::int64_t>(r.within_s * 1e9);
    std::erase_if(restarts_at_ns_, [&](std::int64_t t) { return now - t > window; });
    const bool may = r.when != restart_policy::mode::never && !force_ && !is_leaving() &&
                     restarts_at_ns_.size() < static_cast<std::size_t>(std::max(r.max, 0));
    if (may) {
      const auto doublings = std::min<std::size_t>(restarts_at_ns_.size(), 20);
      wait_ms = std::min<std::int64_t>(std::int64_t{r.backoff_ms} << doublings, r.backoff_max_ms);
      restarts_at_ns_.push_back(now);
      ++restarts_;
      phase_ = phase::restarting;
    }
  }
  if (wait_ms < 0) return become_lost(why);
  world_.event(name(), "restarting", fmt::format("in {} ms", wait_ms));
  world_.neighbours(*this, control::kind::input_lost, why.message);
  world_.restarts_pending.fetch_add(1);
  world_.after(std::chrono::milliseconds(wait_ms), [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->restart_now();
  });
}

void cell::become_lost(const error& why) {
  std::vector<std::shared_ptr<cell>> freed;
  bool was_source = false;
  {
    std::lock_guard lock(mutex_);
    settle_hand();
    phase_ = phase::lost;
    drop_all(drop_reason::actor_lost);
    freed.swap(freed_);
    was_source = is_source() && !source_ended_;
    source_ended_ = true;
  }
  for (auto& sender : freed) sender->unblock();
  world_.event(name(), "lost", why.message);
  if (!is_leaving()) world_.neighbours(*this, control::kind::input_lost, why.message);
  world_.lost(*this, fmt::format("{} [{}]", why.message, why.code));
  if (was_source) show_end();
  if (was_source) world_.source_ended(*this);
  end_outputs();
  world_.closed(*this);
}

// Everything that waits here goes, and whoever waits for room is let go (later: freed_).
void cell::drop_all(drop_reason why) {
  if (hand_) {
    for (; hand_->at < hand_->items.size(); ++hand_->at) {
      hand_->items[hand_->at].dropped = true;
      hand_->items[hand_->at].why = why;
    }
    settle_hand();
  }
  for (auto& c : control_)
    if (c.lent) c.lent->settle_dropped(why);
  control_.clear();
  tasks_.clear();
  order_.remove_if([](const token&) { return true; });
  dead_tokens_.clear();
  const auto now = monotonic_ns();
  for (auto& q : queues_) {
    q->purge(why);
    if (auto sender = q->release_sender(now)) freed_.push_back(std::move(sender));
  }
}

bool cell::perform_close(job&) {
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
  if (is_source()) end_source();
  if (who) {
    const auto began = monotonic_ns();
    emission out(*this, *who, began);
    aim_at_home(out);
    error why;
    const auto done = call_as(who, began, why, [&] { return who->part->close(out); });
    if (done == outcome::written_off) return false;
    if (traced_) tell_call(call_kind::close, session_, began, done);
    if (done == outcome::failed)
      world_.event(name(), "failed", fmt::format("last words: {} [{}]", why.message, why.code));
  }
  return finish_close();
}

bool cell::finish_close() {
  if (!drop_instance()) return false;
  std::vector<std::shared_ptr<cell>> freed;
  {
    std::lock_guard lock(mutex_);
    settle_hand();
    phase_ = phase::closed;
    const bool hung_up = !is_shared() && own_outlet_ && own_outlet_->session->closing.load();
    drop_all(hung_up        ? drop_reason::session_closed
             : is_leaving() ? drop_reason::rewired
                            : drop_reason::stopped);
    freed.swap(freed_);
  }
  for (auto& sender : freed) sender->unblock();
  end_outputs();
  world_.event(name(), "closed", "");
  world_.closed(*this);
  return true;
}

void cell::show_end() {
  if (stand_ != standing::here) return;  // observers know the actors of the graph, no proxies
  if (on_trial() || passes_on_.load()) return;  // its streams do not end, or never began
  std::vector<session_id> ids;  // an observer may come back to us: not under the lock
  {
    std::lock_guard lock(outlets_mutex_);
    for (const auto& [id, out] : outlets_) ids.push_back(id);
  }
  for (const auto id : ids)
    for (std::size_t port = 0; port < info_.outputs.size(); ++port)
      world_.show_mark(actor_, port, id, world_.now(), {control::kind::end_of_stream, "", 0});
}

void cell::end_outputs() {
  if (!is_source()) show_end();  // a source told so when it had no more to give
  each_route([](const outlet&, const route& r) {
    if (!r.passes_on) r.to->end_input(*r.queue);
  });
}

void cell::check_hang(std::int64_t now_ns, std::int64_t limit_ns) {
  auto id = call_id_.load(std::memory_order_acquire);
  if ((id & 1) == 0) return;
  // Opening may load weights from a slow disk: six times the limit of a call.
  const std::int64_t factor = call_opens_.load() ? 6 : 1;
  if (limit_ns == 0) limit_ns = std::int64_t{spec().watchdog_ms} * 1'000'000 * factor;
  if (limit_ns <= 0) return;
  if (now_ns - call_began_ns_.load(std::memory_order_relaxed) <= limit_ns) return;
  if (!call_id_.compare_exchange_strong(id, 2, std::memory_order_acq_rel)) return;
  hang();
}

// The call was written off: its thread will find that out when, if ever, it comes back. The token
// is ours now, on the watchdog's thread.
void cell::hang() {
  const auto keep = shared_from_this();
  if (calling_) {
    std::lock_guard guard(calling_->emitting);
    calling_->abandoned = true;
  }
  if (traced_) tell_hung();
  phase was;
  {
    std::lock_guard lock(mutex_);
    was = phase_;
    rescue_hand();
    forget_calls();
    instance_ = nullptr;
    calling_ = nullptr;
  }
  call_opens_.store(false);
  call_id_.store(0, std::memory_order_release);
  const error why{"host.hang", fmt::format("a call took more than {} ms", spec().watchdog_ms)};
  world_.event(name(), "hung", why.message);
  world_.exec->write_off(*this);
  if (on_trial()) {
    std::lock_guard lock(mutex_);
    phase_ = phase::lost;
  }
  if (on_trial())
    world_.opened(*this, fail(why.code, why.message));
  else if (was == phase::closing || was == phase::closed)
    finish_close();
  else
    decide(why);
  give_token_back();
}

void cell::rescue_hand() {
  if (lent_now_) lent_now_->settle_dropped(drop_reason::actor_restarting);
  lent_now_ = nullptr;
  if (!hand_) return;
  auto old = std::move(hand_);
  hand_ = std::make_shared<hand>();
  const auto kind = static_cast<job::kind>(calling_kind_);
  for (auto i = old->settled; i < old->items.size(); ++i) {
    auto& item = old->items[i];
    if (i < old->at) {
      if (item.dropped)
        item.from->settle_dropped(item.why);
      else
        item.from->settle_delivered(1);
    } else if (i == old->at && kind == job::kind::items) {
      item.from->settle_dropped(drop_reason::actor_restarting);
    } else {
      hand_->items.push_back(std::move(item));
    }
  }
  for (auto& [q, n] : old->set_uses) q->settle_dropped(drop_reason::actor_restarting, n);
}

void cell::give_token_back() {
  {
    std::lock_guard lock(mutex_);
    if (!has_work()) {
      scheduled_ = false;
      world_.active.fetch_sub(1, std::memory_order_release);
      return;
    }
  }
  world_.exec->post(*this);
}

}  // namespace hocket::host
