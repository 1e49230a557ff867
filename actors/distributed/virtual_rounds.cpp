// How a run over several hosts ends, and how virtual time goes on all of them at once.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "actors/distributed/membership.hpp"

namespace hocket::distributed {
namespace {

constexpr std::int64_t settle_ms = 300;  ///< as in one process

}  // namespace

wire::host_report membership::report_now(std::int64_t now_ns) {
  wire::host_report r;
  r.round = round_;
  r.sources_open = static_cast<std::uint32_t>(run_.end.sources_open());
  r.all_closed = run_.end.all_closed();
  if (const auto c = run_.end.next_to_close())
    r.next_to_close = {static_cast<std::uint32_t>(run_.layout().rank[c->id().actor]),
                       c->id().session};
  r.sent = to_message(links_.sent());
  if (run_.is_virtual()) {
    r.active_timers = run_.timer.has_active();
    r.open_work = run_.end.has_open_micro_turn() || run_.end.anyone_has_pending_work();
    if (const auto next = run_.timer.next()) r.next_timer = {next->first, next->second};
    return r;
  }
  r.wire_busy = links_.anything_under_way();
  r.idle_ms = run_.end.count_idle_ns(now_ns) / 1'000'000;
  return r;
}

std::vector<std::pair<std::size_t, wire::host_report>> membership::all_reports(
    const wire::host_report& own) const {
  std::vector<std::pair<std::size_t, wire::host_report>> all = {{host_index(local_.host), own}};
  for (const auto& [name, o] : peers_) {
    if (o.last)
      all.emplace_back(host_index(name), *o.last);
    else if (!o.lost)
      return {};  // a lost host is not waited for
  }
  return all;
}

void membership::on(const std::string& peer, const wire::host_report& m) {
  if (!local_.leads()) return;
  for (const auto& c : m.sent)
    if (c.host >= local_.whole.hosts.size()) return;
  {
    std::lock_guard lock(mutex_);
    auto& o = peers_.at(peer);
    o.last = m;
    o.last_ns = monotonic_ns();
  }
  if (run_.is_virtual()) lead_round();
}

// ---------------------------------------------------------------------------- real time

void membership::check() {
  const auto now_ns = monotonic_ns();
  std::string deaf;
  {
    std::lock_guard lock(mutex_);
    if (!rounds_over_.load()) deaf = deaf_;
  }
  if (!deaf.empty()) {
    run_.end.stop(end_reason::failed, "host " + deaf + " takes no more messages");
    rounds_over_.store(true);
  }
  if (rounds_over_.load()) run_.notify_loop();
  finish_when_told(now_ns);
  if (run_.is_virtual() || !run_.started.load() || run_.end.finished()) return;
  follow_clock(now_ns);
  const auto drain_ns = static_cast<std::int64_t>(run_.options.drain_limit_s * 1e9);
  if (const auto at = run_.end.stop_at_ns();
      at != 0 && now_ns - at > drain_ns && !run_.end.all_closed())
    run_.end.close_next(true);
  if (run_.end.ending()) run_.end.close_endless_loop(now_ns);
  if (now_ns < next_report_ns_) {
    if (run_.end.ending()) run_.end.count_idle_ns(now_ns);
    return;
  }
  next_report_ns_ = now_ns + 20'000'000;
  if (local_.leads())
    lead_end(now_ns);
  else
    send(local_.leader, report_now(now_ns));
}

// Stream time follows the leader's clock: its estimate gets better, and clocks drift. By at most
// half a millisecond per second, so that no micro-turn notices.
void membership::follow_clock(std::int64_t now_ns) {
  if (local_.leads() || now_ns < next_clock_ns_) return;
  next_clock_ns_ = now_ns + 1'000'000'000;
  std::int64_t leader_began = 0;
  {
    std::lock_guard lock(mutex_);
    leader_began = leader_began_ns_;
  }
  for (const auto& p : links_.wire().status().peers) {
    if (p.name != local_.leader || p.state != wire::peer_state::up || p.clock.samples == 0)
      continue;
    constexpr std::int64_t step_ns = 500'000;
    const auto was = run_.time.due_ns(timestamp());
    const auto want = leader_began - p.clock.offset_ns;
    run_.time.begin(was + std::clamp(want - was, -step_ns, step_ns));
  }
}

void membership::lead_end(std::int64_t now_ns) {
  const auto own = report_now(now_ns);
  std::vector<std::pair<std::size_t, wire::host_report>> all;
  bool fresh = true;
  {
    std::lock_guard lock(mutex_);
    all = all_reports(own);
    for (const auto& [name, o] : peers_) fresh = fresh && (o.lost || o.last_ns > closed_ns_);
  }
  if (all.empty() || !fresh) return;
  const auto every = [&](auto holds) {
    return std::all_of(all.begin(), all.end(), [&](const auto& r) { return holds(r.second); });
  };
  if (!run_.end.ending() || !end_sent_) {
    if (!every([](const auto& r) { return r.sources_open == 0; })) return;
    if (!run_.end.ends_by_itself() && !run_.end.stopping()) return;
    end_sent_ = true;
    send_all(wire::begin_ending{});
    return run_.end.begin_ending();
  }
  if (every([](const auto& r) { return r.all_closed; })) {
    send_all(wire::finish_run{});
    std::lock_guard lock(mutex_);
    finish_wanted_ = true;
    return;
  }
  if (now_ns - closed_ns_ < settle_ms * 1'000'000) return;
  if (!every([](const auto& r) { return !r.wire_busy && (r.all_closed || r.idle_ms > settle_ms); }))
    return;
  const auto first = std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
    const auto key = [](const wire::host_report& r) {
      return std::pair(!r.next_to_close, r.next_to_close.value_or(wire::close_candidate{}));
    };
    return key(a.second) < key(b.second);
  });
  if (!first->second.next_to_close) return;
  closed_ns_ = now_ns;
  close_next(first->first, first->second);
}

// A cell that does not close although all is idle waits for something that will never come.
void membership::close_next(std::size_t host, const wire::host_report& r) {
  closed_again_ = r.next_to_close == last_closed_ ? closed_again_ + 1 : 0;
  last_closed_ = r.next_to_close;
  const bool force =
      closed_again_ * settle_ms > static_cast<std::int64_t>(run_.options.drain_limit_s * 1e3);
  const auto& name = local_.whole.hosts[host].name;
  if (name != local_.host) return send(name, wire::close_next{force});
  run_.end.close_next(force);
}

void membership::finish_when_told(std::int64_t now_ns) {
  bool told = false;
  {
    std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!run_.started.load()) return;  // join() ends it
    told = finish_wanted_;
    if (!told && run_.end.all_closed()) {
      // No host may be left that says so.
      const auto leader = peers_.find(local_.leader);
      const bool alone = rounds_over_.load() || (leader != peers_.end() && leader->second.lost);
      if (closed_since_ns_ == 0) closed_since_ns_ = now_ns;
      const auto limit_ns = static_cast<std::int64_t>(run_.options.drain_limit_s * 1e9);
      told = alone || (run_.end.stopping() && now_ns - closed_since_ns_ > 2 * limit_ns);
    }
    if (!told || !run_.end.all_closed()) return;
    finished_ = true;
  }
  links_.wire().flush(2000);
  run_.end.finish();
}

// ---------------------------------------------------------------------------- virtual time

// What the others have not sent will not come, and nobody says what is next: actors close as they
// stand. One that still does not stop after the time to drain is not waited for.
bool membership::end_alone() {
  if (run_.end.finished() || run_.end.all_closed()) return false;
  const auto at = run_.end.stop_at_ns();
  const auto drain_ns = static_cast<std::int64_t>(run_.options.drain_limit_s * 1e9);
  if (!run_.end.ending() && (at == 0 || monotonic_ns() - at < drain_ns)) return false;
  return run_.end.close_next(true);
}

bool membership::idle_virtual() {
  if (rounds_over_.load()) return end_alone();
  if (const auto next = run_.timer.next();
      next && wire::timer_due{next->first, next->second} <= allowed_until_) {
    auto due = run_.timer.take_next();
    due->run();
    return true;
  }
  report_round();
  return false;
}

void membership::report_round() {
  const auto activity = run_.activity.scheduled.load();
  {
    std::lock_guard lock(mutex_);
    // Something came from outside (a stop, a thread of an actor): the leader must look again.
    if (!report_due_ && activity == reported_activity_) return;
    if (links_.anyone_waits()) return;
    report_due_ = false;
    reported_activity_ = activity;
  }
  const auto r = report_now(0);
  if (!local_.leads()) return send(local_.leader, r);
  {
    std::lock_guard lock(mutex_);
    own_ = r;
  }
  lead_round();
}

void membership::lead_round() {
  std::map<std::string, wanted_round> orders;
  bool finish = false;
  {
    std::lock_guard lock(mutex_);
    if (finish_wanted_ || !own_ || own_->round != led_round_) return;
    const auto all = all_reports(*own_);
    if (all.size() != peers_.size() + 1) return;
    for (const auto& [host, r] : all)
      if (r.round != led_round_) return;
    const auto next = next_round(all);
    finish = finish_wanted_;
    if (!finish && next.round == led_round_) return;  // until something comes from outside
    led_round_ = next.round;
    for (const auto& [host, r] : all) known_sent_[host] = counts_of(r.sent);
    for (const auto& h : local_.whole.hosts) orders[h.name].order = next;
    for (const auto& [from, sent] : known_sent_)
      for (const auto& [to, n] : sent)
        orders[local_.whole.hosts[to.host].name].expected[{from, to.link, to.which}] = n;
    if (!finish) wanted_ = orders[local_.host];
  }
  if (finish) return send_all(wire::finish_run{});
  for (const auto& p : local_.peers) {
    auto& o = orders[p];
    o.order.expected = to_message(o.expected);
    send(p, std::move(o.order));
  }
  begin_round_if_complete();
}

// What comes next: as the loop of one process would decide if it saw all hosts. mutex_ held.
wire::round_order membership::next_round(
    const std::vector<std::pair<std::size_t, wire::host_report>>& all) {
  wire::round_order o;
  o.round = led_round_;
  const auto any = [&](auto holds) {
    return std::any_of(all.begin(), all.end(), [&](const auto& r) { return holds(r.second); });
  };
  const auto go = [&](wire::round_action action) {
    o.round = led_round_ + 1;
    o.action = action;
    return o;
  };
  for (const auto& [host, r] : all)
    if (!known_sent_.contains(host) || known_sent_[host] != counts_of(r.sent))
      return go(wire::round_action::deliver);
  if (!any([](const auto& r) { return !r.all_closed; })) {
    finish_wanted_ = true;
    return o;
  }
  const bool sources = any([](const auto& r) { return r.sources_open > 0; });
  if (!end_sent_ && !sources && (run_.end.ends_by_itself() || run_.end.stopping())) {
    end_sent_ = true;
    return go(wire::round_action::end);
  }
  const bool active = any([](const auto& r) { return r.active_timers; });
  const bool tells = any([](const auto& r) { return r.open_work; });
  const bool overdue = run_.end.overdue_virtual();
  std::optional<wire::timer_due> due;
  std::optional<std::pair<wire::close_candidate, std::size_t>> first;
  for (const auto& [host, r] : all) {
    if (r.next_timer && (!due || *r.next_timer < *due)) due = r.next_timer;
    if (!r.next_to_close) continue;
    const std::pair candidate(*r.next_to_close, host);
    if (!first || candidate < *first) first = candidate;
  }
  const bool ending = end_sent_ || run_.end.ending();
  if (first) o.closing_host = static_cast<std::uint32_t>(first->second);
  if (ending && first && (overdue || !(active || tells)))
    return go(overdue ? wire::round_action::force : wire::round_action::close);
  if (!active && !ending) return o;
  if (due) {
    o.due = *due;
    return go(wire::round_action::advance);
  }
  return first ? go(wire::round_action::force) : o;
}

void membership::begin_round_if_complete() {
  wanted_round o;
  std::vector<waiting> items;
  {
    std::lock_guard lock(mutex_);
    if (!wanted_ || !started_) return;
    for (const auto& [from, n] : wanted_->expected)
      if (const auto it = received_.find(from); it == received_.end() || it->second < n) return;
    o = std::move(*wanted_);
    wanted_.reset();
    // What a host sent that has begun this round already belongs to the next.
    const auto later =
        std::stable_partition(waiting_.begin(), waiting_.end(), [&](const waiting& w) {
          const auto it = o.expected.find(w.from);
          return it != o.expected.end() && w.number <= it->second;
        });
    items.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(later));
    waiting_.erase(waiting_.begin(), later);
  }
  run_.executor->inside(
      [this, o, items = std::move(items)]() mutable { run_round(o.order, std::move(items)); });
}

// On the loop's thread: what was sent to us comes in, in an order of its own; then what the leader
// lets happen. The loop runs until nothing is ready, and reports.
void membership::run_round(const wire::round_order& o, std::vector<waiting> items) {
  std::sort(items.begin(), items.end(), [&](const auto& a, const auto& b) {
    const auto key = [&](const waiting& w) {
      const auto* known = links_.find(w.what.link);
      return std::tuple(known != nullptr, known != nullptr ? known->link : w.from.host,
                        w.from.which, w.number);
    };
    return key(a) < key(b);
  });
  if (o.action == wire::round_action::advance) {
    allowed_until_ = o.due;
    if (o.due.due_ns > run_.now().ns()) run_.time.set(timestamp(o.due.due_ns));
  }
  for (auto& [from, number, a] : items) {
    if (a.link != 0) {
      links_.deliver(std::move(a));
      continue;
    }
    if (const auto* m = std::get_if<wire::epoch_raised>(&a.message.event))
      run_.interrupts.raised_elsewhere(m->session, m->epoch, m->actor);
    else if (is_about_session(a.message.event))
      take_in(local_.whole.hosts[from.host].name, a.message.event);
  }
  if (o.action == wire::round_action::end) run_.end.begin_ending();
  const bool ours = o.closing_host == static_cast<std::uint32_t>(host_index(local_.host));
  if (ours && (o.action == wire::round_action::close || o.action == wire::round_action::force))
    if (const auto c = run_.end.next_to_close())
      c->request_close(o.action == wire::round_action::force);
  std::lock_guard lock(mutex_);
  round_ = o.round;
  report_due_ = true;
}

}  // namespace hocket::distributed
