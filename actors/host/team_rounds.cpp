// How a run over several hosts ends, and how virtual time goes on all of them at once.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "actors/host/team.hpp"

namespace hocket::host {
namespace {

constexpr std::size_t report_fields = 11;
constexpr std::int64_t settle_ms = 300;  ///< as in one process

}  // namespace

channel_counts unpack_counts(std::span<const std::int64_t> pairs) {
  channel_counts out;
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2)
    out[channel::unpack(pairs[i])] = pairs[i + 1];
  return out;
}

std::vector<std::int64_t> host_report::pack() const {
  std::vector<std::int64_t> out = {round,         sources_open,   closed,   busy,
                                   active_timers, time_will_tell, quiet_ms, first_rank,
                                   first_session, due_ns,         due_rank};
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
  r.time_will_tell = v[5] != 0;
  r.quiet_ms = v[6];
  r.first_rank = v[7];
  r.first_session = v[8];
  r.due_ns = v[9];
  r.due_rank = v[10];
  r.sent = unpack_counts(std::span(v).subspan(report_fields));
  for (const auto& [to, n] : r.sent)
    if (to.host >= hosts) return std::nullopt;
  return r;
}

host_report team::report_now(std::int64_t now_ns) {
  host_report r;
  r.round = round_;
  r.sources_open = world_.sources_open();
  r.closed = world_.all_closed();
  if (const auto c = world_.next_to_release()) {
    r.first_rank = static_cast<std::int64_t>(world_.shape().rank[c->actor()]);
    r.first_session = static_cast<std::int64_t>(c->session());
  }
  r.sent = edge_.sent();
  if (world_.is_virtual()) {
    r.active_timers = world_.timer.has_active();
    r.time_will_tell = world_.time_will_tell() || world_.anyone_holds();
    if (const auto next = world_.timer.next()) std::tie(r.due_ns, r.due_rank) = *next;
    return r;
  }
  r.busy = edge_.anything_under_way();
  r.quiet_ms = world_.count_quiet_ns(now_ns) / 1'000'000;
  return r;
}

void team::send_report(const host_report& r) {
  wire::host_message m;
  m.what = wire::host_event::round_report;
  m.values = r.pack();
  edge_.wire().send_control(place_.leader, std::move(m));
}

std::vector<std::pair<std::size_t, host_report>> team::all_reports(const host_report& own) const {
  std::vector<std::pair<std::size_t, host_report>> all = {{host_index(place_.host), own}};
  for (const auto& [name, o] : others_) {
    if (o.last)
      all.emplace_back(host_index(name), *o.last);
    else if (!o.lost)
      return {};  // who is lost is not waited for
  }
  return all;
}

void team::take_report(const std::string& peer, host_report r) {
  if (!place_.leads()) return;
  {
    std::lock_guard lock(mutex_);
    auto& o = others_.at(peer);
    o.last = std::move(r);
    o.last_ns = monotonic_ns();
  }
  if (world_.is_virtual()) lead_round();
}

// ---------------------------------------------------------------------------- real time

void team::check() {
  const auto now_ns = monotonic_ns();
  finish_when_told(now_ns);
  if (world_.is_virtual() || !world_.gone.load() || world_.finished()) return;
  follow_clock(now_ns);
  const auto drain_ns = static_cast<std::int64_t>(world_.options.drain_limit_s * 1e9);
  if (const auto at = world_.stop_at_ns();
      at != 0 && now_ns - at > drain_ns && !world_.all_closed())
    world_.release_next(true);
  if (world_.ending()) world_.end_echo(now_ns);
  if (now_ns < next_report_ns_) {
    if (world_.ending()) world_.count_quiet_ns(now_ns);
    return;
  }
  next_report_ns_ = now_ns + 20'000'000;
  if (place_.leads())
    lead_end(now_ns);
  else
    send_report(report_now(now_ns));
}

// Stream time follows the leader's clock: its estimate gets better, and clocks drift. By at most
// half a millisecond per second, so that no micro-turn notices.
void team::follow_clock(std::int64_t now_ns) {
  if (place_.leads() || now_ns < next_clock_ns_) return;
  next_clock_ns_ = now_ns + 1'000'000'000;
  std::int64_t leader_began = 0;
  {
    std::lock_guard lock(mutex_);
    leader_began = leader_began_ns_;
  }
  for (const auto& p : edge_.wire().status().peers) {
    if (p.name != place_.leader || p.state != wire::peer_state::up || p.clock.samples == 0)
      continue;
    constexpr std::int64_t step_ns = 500'000;
    const auto was = world_.time.due_ns(timestamp());
    const auto want = leader_began - p.clock.offset_ns;
    world_.time.begin(was + std::clamp(want - was, -step_ns, step_ns));
  }
}

void team::lead_end(std::int64_t now_ns) {
  const auto own = report_now(now_ns);
  std::vector<std::pair<std::size_t, host_report>> all;
  bool fresh = true;
  {
    std::lock_guard lock(mutex_);
    all = all_reports(own);
    for (const auto& [name, o] : others_) fresh = fresh && (o.lost || o.last_ns > released_ns_);
  }
  if (all.empty() || !fresh) return;
  const auto every = [&](auto holds) {
    return std::all_of(all.begin(), all.end(), [&](const auto& r) { return holds(r.second); });
  };
  if (!world_.ending() || !end_told_) {
    if (!every([](const auto& r) { return r.sources_open == 0; })) return;
    if (!world_.ends_by_itself() && !world_.stopping()) return;
    end_told_ = true;
    send_orders(order::end);
    return world_.begin_ending();
  }
  if (every([](const auto& r) { return r.closed; })) {
    send_orders(order::finish);
    std::lock_guard lock(mutex_);
    finish_wanted_ = true;
    return;
  }
  if (now_ns - released_ns_ < settle_ms * 1'000'000) return;
  if (!every([](const auto& r) { return !r.busy && (r.closed || r.quiet_ms > settle_ms); })) return;
  const auto first = std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
    const auto key = [](const host_report& r) {
      return std::tuple(r.first_rank < 0, r.first_rank, r.first_session);
    };
    return key(a.second) < key(b.second);
  });
  if (first->second.first_rank < 0) return;
  released_ns_ = now_ns;
  release(first->first, first->second);
}

// Who does not go although all is quiet waits for something that nobody will ever send.
void team::release(std::size_t host, const host_report& r) {
  const std::pair who(r.first_rank, r.first_session);
  released_again_ = who == released_ ? released_again_ + 1 : 0;
  released_ = who;
  const bool force =
      released_again_ * settle_ms > static_cast<std::int64_t>(world_.options.drain_limit_s * 1e3);
  const auto& name = place_.whole.hosts[host].name;
  if (name != place_.host) return send_order(name, order::release, {force ? 1 : 0});
  world_.release_next(force);
}

void team::finish_when_told(std::int64_t now_ns) {
  bool told = false;
  {
    std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!world_.gone.load()) return;  // join() ends it
    told = finish_wanted_;
    if (!told && world_.all_closed()) {
      // Nobody may be left to tell us.
      const auto leader = others_.find(place_.leader);
      const bool alone = leader != others_.end() && leader->second.lost;
      if (closed_since_ns_ == 0) closed_since_ns_ = now_ns;
      const auto limit_ns = static_cast<std::int64_t>(world_.options.drain_limit_s * 1e9);
      told = alone || (world_.stopping() && now_ns - closed_since_ns_ > 2 * limit_ns);
    }
    if (!told || !world_.all_closed()) return;
    finished_ = true;
  }
  edge_.wire().flush(2000);
  world_.finish();
}

// ---------------------------------------------------------------------------- virtual time

bool team::idle_virtual() {
  if (const auto next = world_.timer.next();
      next && std::pair<std::int64_t, std::int64_t>(*next) <= granted_) {
    auto due = world_.timer.take_next();
    due->run();
    return true;
  }
  report_round();
  return false;
}

void team::report_round() {
  const auto activity = world_.activity.load();
  {
    std::lock_guard lock(mutex_);
    // Something came from outside (a stop, a thread of an actor): the leader must look again.
    if (!report_due_ && activity == reported_activity_) return;
    if (edge_.anyone_waits()) return;
    report_due_ = false;
    reported_activity_ = activity;
  }
  const auto r = report_now(0);
  if (!place_.leads()) return send_report(r);
  {
    std::lock_guard lock(mutex_);
    own_ = r;
  }
  lead_round();
}

void team::lead_round() {
  std::map<std::string, round_order> orders;
  bool finish = false;
  {
    std::lock_guard lock(mutex_);
    if (finish_wanted_ || !own_ || own_->round != led_round_) return;
    const auto all = all_reports(*own_);
    if (all.size() != others_.size() + 1) return;
    for (const auto& [host, r] : all)
      if (r.round != led_round_) return;
    const auto next = next_round(all);
    finish = finish_wanted_;
    if (!finish && next.round == led_round_) return;  // until somebody comes from outside
    led_round_ = next.round;
    for (const auto& [host, r] : all) known_sent_[host] = r.sent;
    for (const auto& h : place_.whole.hosts) orders[h.name] = next;
    for (const auto& [from, sent] : known_sent_)
      for (const auto& [to, n] : sent)
        orders[place_.whole.hosts[to.host].name].expected[{from, to.link, to.which}] = n;
    if (!finish) wanted_ = orders[place_.host];
  }
  if (finish) return send_orders(order::finish);
  for (const auto& p : place_.peers) {
    const auto& o = orders[p];
    std::vector<std::int64_t> values = {o.round, static_cast<std::int64_t>(o.what), o.due_ns,
                                        o.due_rank, o.target};
    for (const auto& [from, n] : o.expected) values.insert(values.end(), {from.pack(), n});
    send_order(p, order::round, std::move(values));
  }
  begin_round_if_complete();
}

// What comes next: as the loop of one process would decide if it saw all hosts. mutex_ held.
team::round_order team::next_round(const std::vector<std::pair<std::size_t, host_report>>& all) {
  round_order o;
  o.round = led_round_;
  const auto any = [&](auto holds) {
    return std::any_of(all.begin(), all.end(), [&](const auto& r) { return holds(r.second); });
  };
  const auto go = [&](step what) {
    o.round = led_round_ + 1;
    o.what = what;
    return o;
  };
  for (const auto& [host, r] : all)
    if (!known_sent_.contains(host) || known_sent_[host] != r.sent) return go(step::deliver);
  if (!any([](const auto& r) { return !r.closed; })) {
    finish_wanted_ = true;
    return o;
  }
  const bool sources = any([](const auto& r) { return r.sources_open > 0; });
  if (!end_told_ && !sources && (world_.ends_by_itself() || world_.stopping())) {
    end_told_ = true;
    return go(step::end);
  }
  const bool active = any([](const auto& r) { return r.active_timers; });
  const bool tells = any([](const auto& r) { return r.time_will_tell; });
  const bool overdue = world_.overdue_virtual();
  std::optional<std::pair<std::int64_t, std::int64_t>> due;
  std::optional<std::tuple<std::int64_t, std::int64_t, std::size_t>> first;
  for (const auto& [host, r] : all) {
    const std::pair when(r.due_ns, r.due_rank);
    if (r.due_ns >= 0 && (!due || when < *due)) due = when;
    const std::tuple who(r.first_rank, r.first_session, host);
    if (r.first_rank >= 0 && (!first || who < *first)) first = who;
  }
  const bool ending = end_told_ || world_.ending();
  if (first) o.target = static_cast<std::int64_t>(std::get<2>(*first));
  if (ending && first && (overdue || !(active || tells)))
    return go(overdue ? step::force : step::release);
  if (!active && !ending) return o;
  if (due) {
    std::tie(o.due_ns, o.due_rank) = *due;
    return go(step::advance);
  }
  return first ? go(step::force) : o;
}

void team::begin_round_if_complete() {
  round_order o;
  std::vector<waiting> inbox;
  {
    std::lock_guard lock(mutex_);
    if (!wanted_ || !going_) return;
    for (const auto& [from, n] : wanted_->expected)
      if (const auto it = received_.find(from); it == received_.end() || it->second < n) return;
    o = std::move(*wanted_);
    wanted_.reset();
    // What a host sent that has begun this round already belongs to the next.
    const auto later = std::stable_partition(inbox_.begin(), inbox_.end(), [&](const waiting& w) {
      const auto it = o.expected.find(w.from);
      return it != o.expected.end() && w.number <= it->second;
    });
    inbox.assign(std::make_move_iterator(inbox_.begin()), std::make_move_iterator(later));
    inbox_.erase(inbox_.begin(), later);
  }
  world_.exec->inside(
      [this, o, inbox = std::move(inbox)]() mutable { run_round(o, std::move(inbox)); });
}

// On the loop's thread: what was sent to us comes in, in an order of its own; then what the leader
// lets happen. The loop runs until nothing is ready, and reports.
void team::run_round(const round_order& o, std::vector<waiting> inbox) {
  std::sort(inbox.begin(), inbox.end(), [&](const auto& a, const auto& b) {
    const auto key = [&](const waiting& w) {
      const auto* crossing = edge_.find(w.what.link);
      return std::tuple(crossing != nullptr, crossing != nullptr ? crossing->link : w.from.host,
                        w.from.which, w.number);
    };
    return key(a) < key(b);
  });
  if (o.what == step::advance) {
    granted_ = {o.due_ns, o.due_rank};
    if (o.due_ns > world_.now().ns()) world_.time.set(timestamp(o.due_ns));
  }
  for (auto& [from, number, a] : inbox) {
    if (a.link != 0) {
      edge_.deliver(std::move(a));
      continue;
    }
    const auto& m = a.message;
    world_.interrupt_elsewhere(m.session, m.epoch, m.detail);
  }
  if (o.what == step::end) world_.begin_ending();
  const bool ours = o.target == static_cast<std::int64_t>(host_index(place_.host));
  if (ours && (o.what == step::release || o.what == step::force))
    if (const auto c = world_.next_to_release()) c->request_release(o.what == step::force);
  std::lock_guard lock(mutex_);
  round_ = o.round;
  report_due_ = true;
}

}  // namespace hocket::host
