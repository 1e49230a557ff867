// How a run over several hosts ends, and how virtual time goes on all of them at once.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "actors/distributed/membership.hpp"

namespace hocket::distributed {
namespace {

constexpr std::size_t report_fields = 11;
constexpr std::int64_t settle_ms = 300;  ///< as in one process

}  // namespace

channel_counts unpack_counts(std::span<const std::int64_t> pairs) {
  channel_counts out;
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2)
    out[ordered_channel::unpack(pairs[i])] = pairs[i + 1];
  return out;
}

std::vector<std::int64_t> host_report::pack() const {
  std::vector<std::int64_t> out = {
      round,   sources_open, closed,        busy,   active_timers, has_open_micro_turn,
      idle_ms, first_rank,   first_session, due_ns, due_rank};
  for (const auto& [to, n] : sent) out.insert(out.end(), {to.pack(), n});
  return out;
}

std::optional<host_report> host_report::unpack(const std::vector<std::int64_t>& v,
                                               std::size_t hosts) {
  if (v.size() < report_fields || (v.size() - report_fields) % 2 != 0) return std::nullopt;
  host_report r;
  r.round = v[0];
  r.sources_open = v[1];
  r.closed = v[2] != 0;
  r.busy = v[3] != 0;
  r.active_timers = v[4] != 0;
  r.has_open_micro_turn = v[5] != 0;
  r.idle_ms = v[6];
  r.first_rank = v[7];
  r.first_session = v[8];
  r.due_ns = v[9];
  r.due_rank = v[10];
  r.sent = unpack_counts(std::span(v).subspan(report_fields));
  for (const auto& [to, n] : r.sent)
    if (to.host >= hosts) return std::nullopt;
  return r;
}

host_report membership::report_now(std::int64_t now_ns) {
  host_report r;
  r.round = round_;
  r.sources_open = run_.sources_open();
  r.closed = run_.all_closed();
  if (const auto c = run_.next_to_close()) {
    r.first_rank = static_cast<std::int64_t>(run_.layout().rank[c->actor()]);
    r.first_session = static_cast<std::int64_t>(c->session());
  }
  r.sent = links_.sent();
  if (run_.is_virtual()) {
    r.active_timers = run_.timer.has_active();
    r.has_open_micro_turn = run_.has_open_micro_turn() || run_.anyone_has_pending_work();
    if (const auto next = run_.timer.next()) std::tie(r.due_ns, r.due_rank) = *next;
    return r;
  }
  r.busy = links_.anything_under_way();
  r.idle_ms = run_.count_idle_ns(now_ns) / 1'000'000;
  return r;
}

void membership::send_report(const host_report& r) {
  wire::host_message m;
  m.what = wire::host_event::round_report;
  m.values = r.pack();
  links_.wire().send_control(local_.leader, std::move(m));
}

std::vector<std::pair<std::size_t, host_report>> membership::all_reports(
    const host_report& own) const {
  std::vector<std::pair<std::size_t, host_report>> all = {{host_index(local_.host), own}};
  for (const auto& [name, o] : peers_) {
    if (o.last)
      all.emplace_back(host_index(name), *o.last);
    else if (!o.lost)
      return {};  // a lost host is not waited for
  }
  return all;
}

void membership::take_report(const std::string& peer, host_report r) {
  if (!local_.leads()) return;
  {
    std::lock_guard lock(mutex_);
    auto& o = peers_.at(peer);
    o.last = std::move(r);
    o.last_ns = monotonic_ns();
  }
  if (run_.is_virtual()) lead_round();
}

// ---------------------------------------------------------------------------- real time

void membership::check() {
  const auto now_ns = monotonic_ns();
  finish_when_told(now_ns);
  if (run_.is_virtual() || !run_.started.load() || run_.finished()) return;
  follow_clock(now_ns);
  const auto drain_ns = static_cast<std::int64_t>(run_.options.drain_limit_s * 1e9);
  if (const auto at = run_.stop_at_ns(); at != 0 && now_ns - at > drain_ns && !run_.all_closed())
    run_.close_next(true);
  if (run_.ending()) run_.close_endless_loop(now_ns);
  if (now_ns < next_report_ns_) {
    if (run_.ending()) run_.count_idle_ns(now_ns);
    return;
  }
  next_report_ns_ = now_ns + 20'000'000;
  if (local_.leads())
    lead_end(now_ns);
  else
    send_report(report_now(now_ns));
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
  std::vector<std::pair<std::size_t, host_report>> all;
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
  if (!run_.ending() || !end_sent_) {
    if (!every([](const auto& r) { return r.sources_open == 0; })) return;
    if (!run_.ends_by_itself() && !run_.stopping()) return;
    end_sent_ = true;
    send_orders(order::end);
    return run_.begin_ending();
  }
  if (every([](const auto& r) { return r.closed; })) {
    send_orders(order::finish);
    std::lock_guard lock(mutex_);
    finish_wanted_ = true;
    return;
  }
  if (now_ns - closed_ns_ < settle_ms * 1'000'000) return;
  if (!every([](const auto& r) { return !r.busy && (r.closed || r.idle_ms > settle_ms); })) return;
  const auto first = std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
    const auto key = [](const host_report& r) {
      return std::tuple(r.first_rank < 0, r.first_rank, r.first_session);
    };
    return key(a.second) < key(b.second);
  });
  if (first->second.first_rank < 0) return;
  closed_ns_ = now_ns;
  close_next(first->first, first->second);
}

// A cell that does not close although all is idle waits for something that will never come.
void membership::close_next(std::size_t host, const host_report& r) {
  const std::pair who(r.first_rank, r.first_session);
  closed_again_ = who == last_closed_ ? closed_again_ + 1 : 0;
  last_closed_ = who;
  const bool force =
      closed_again_ * settle_ms > static_cast<std::int64_t>(run_.options.drain_limit_s * 1e3);
  const auto& name = local_.whole.hosts[host].name;
  if (name != local_.host) return send_order(name, order::close_next, {force ? 1 : 0});
  run_.close_next(force);
}

void membership::finish_when_told(std::int64_t now_ns) {
  bool told = false;
  {
    std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!run_.started.load()) return;  // join() ends it
    told = finish_wanted_;
    if (!told && run_.all_closed()) {
      // No host may be left that says so.
      const auto leader = peers_.find(local_.leader);
      const bool alone = leader != peers_.end() && leader->second.lost;
      if (closed_since_ns_ == 0) closed_since_ns_ = now_ns;
      const auto limit_ns = static_cast<std::int64_t>(run_.options.drain_limit_s * 1e9);
      told = alone || (run_.stopping() && now_ns - closed_since_ns_ > 2 * limit_ns);
    }
    if (!told || !run_.all_closed()) return;
    finished_ = true;
  }
  links_.wire().flush(2000);
  run_.finish();
}

// ---------------------------------------------------------------------------- virtual time

bool membership::idle_virtual() {
  if (const auto next = run_.timer.next();
      next && std::pair<std::int64_t, std::int64_t>(*next) <= allowed_until_) {
    auto due = run_.timer.take_next();
    due->run();
    return true;
  }
  report_round();
  return false;
}

void membership::report_round() {
  const auto activity = run_.activity.load();
  {
    std::lock_guard lock(mutex_);
    // Something came from outside (a stop, a thread of an actor): the leader must look again.
    if (!report_due_ && activity == reported_activity_) return;
    if (links_.anyone_waits()) return;
    report_due_ = false;
    reported_activity_ = activity;
  }
  const auto r = report_now(0);
  if (!local_.leads()) return send_report(r);
  {
    std::lock_guard lock(mutex_);
    own_ = r;
  }
  lead_round();
}

void membership::lead_round() {
  std::map<std::string, round_order> orders;
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
    for (const auto& [host, r] : all) known_sent_[host] = r.sent;
    for (const auto& h : local_.whole.hosts) orders[h.name] = next;
    for (const auto& [from, sent] : known_sent_)
      for (const auto& [to, n] : sent)
        orders[local_.whole.hosts[to.host].name].expected[{from, to.link, to.which}] = n;
    if (!finish) wanted_ = orders[local_.host];
  }
  if (finish) return send_orders(order::finish);
  for (const auto& p : local_.peers) {
    const auto& o = orders[p];
    std::vector<std::int64_t> values = {o.round, static_cast<std::int64_t>(o.what), o.due_ns,
                                        o.due_rank, o.closing_host};
    for (const auto& [from, n] : o.expected) values.insert(values.end(), {from.pack(), n});
    send_order(p, order::round, std::move(values));
  }
  begin_round_if_complete();
}

// What comes next: as the loop of one process would decide if it saw all hosts. mutex_ held.
membership::round_order membership::next_round(
    const std::vector<std::pair<std::size_t, host_report>>& all) {
  round_order o;
  o.round = led_round_;
  const auto any = [&](auto holds) {
    return std::any_of(all.begin(), all.end(), [&](const auto& r) { return holds(r.second); });
  };
  const auto go = [&](round_action what) {
    o.round = led_round_ + 1;
    o.what = what;
    return o;
  };
  for (const auto& [host, r] : all)
    if (!known_sent_.contains(host) || known_sent_[host] != r.sent)
      return go(round_action::deliver);
  if (!any([](const auto& r) { return !r.closed; })) {
    finish_wanted_ = true;
    return o;
  }
  const bool sources = any([](const auto& r) { return r.sources_open > 0; });
  if (!end_sent_ && !sources && (run_.ends_by_itself() || run_.stopping())) {
    end_sent_ = true;
    return go(round_action::end);
  }
  const bool active = any([](const auto& r) { return r.active_timers; });
  const bool tells = any([](const auto& r) { return r.has_open_micro_turn; });
  const bool overdue = run_.overdue_virtual();
  std::optional<std::pair<std::int64_t, std::int64_t>> due;
  std::optional<std::tuple<std::int64_t, std::int64_t, std::size_t>> first;
  for (const auto& [host, r] : all) {
    const std::pair when(r.due_ns, r.due_rank);
    if (r.due_ns >= 0 && (!due || when < *due)) due = when;
    const std::tuple who(r.first_rank, r.first_session, host);
    if (r.first_rank >= 0 && (!first || who < *first)) first = who;
  }
  const bool ending = end_sent_ || run_.ending();
  if (first) o.closing_host = static_cast<std::int64_t>(std::get<2>(*first));
  if (ending && first && (overdue || !(active || tells)))
    return go(overdue ? round_action::force : round_action::close);
  if (!active && !ending) return o;
  if (due) {
    std::tie(o.due_ns, o.due_rank) = *due;
    return go(round_action::advance);
  }
  return first ? go(round_action::force) : o;
}

void membership::begin_round_if_complete() {
  round_order o;
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
      [this, o, items = std::move(items)]() mutable { run_round(o, std::move(items)); });
}

// On the loop's thread: what was sent to us comes in, in an order of its own; then what the leader
// lets happen. The loop runs until nothing is ready, and reports.
void membership::run_round(const round_order& o, std::vector<waiting> items) {
  std::sort(items.begin(), items.end(), [&](const auto& a, const auto& b) {
    const auto key = [&](const waiting& w) {
      const auto* known = links_.find(w.what.link);
      return std::tuple(known != nullptr, known != nullptr ? known->link : w.from.host,
                        w.from.which, w.number);
    };
    return key(a) < key(b);
  });
  if (o.what == round_action::advance) {
    allowed_until_ = {o.due_ns, o.due_rank};
    if (o.due_ns > run_.now().ns()) run_.time.set(timestamp(o.due_ns));
  }
  for (auto& [from, number, a] : items) {
    if (a.link != 0) {
      links_.deliver(std::move(a));
      continue;
    }
    const auto& m = a.message;
    run_.interrupt_elsewhere(m.session, m.epoch, m.detail);
  }
  if (o.what == round_action::end) run_.begin_ending();
  const bool ours = o.closing_host == static_cast<std::int64_t>(host_index(local_.host));
  if (ours && (o.what == round_action::close || o.what == round_action::force))
    if (const auto c = run_.next_to_close()) c->request_close(o.what == round_action::force);
  std::lock_guard lock(mutex_);
  round_ = o.round;
  report_due_ = true;
}

}  // namespace hocket::distributed
