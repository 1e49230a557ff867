#include "tools/plan/simulate.hpp"

#include <algorithm>
#include <cmath>
#include <queue>
#include <random>
#include <set>

namespace hocket::planning {
namespace {

constexpr double hour_s = 3600, day_s = 86400, year_s = 365.25 * day_s;

struct event {
  enum class what : std::uint8_t { arrival, end, failure, repair, region_lost, region_back };
  double at_s = 0;
  what kind = what::arrival;
  std::int64_t whom = 0;  ///< session, rack or region
  bool operator>(const event& o) const { return at_s != o.at_s ? at_s > o.at_s : whom > o.whom; }
};

struct group {
  int occupied = 0;
  int down = 0;        ///< reasons why it is: its rack, its region
  double since_s = 0;  ///< when `occupied` last changed
  std::vector<std::int64_t> sessions;
};

struct live_session {
  int group = -1;
  std::size_t place = 0;  ///< in the group's list
  double ends_s = 0;
};

class world {
 public:
  explicit world(const simulation_config& c)
      : c_(c),
        random_(c.seed),
        groups_(static_cast<std::size_t>(c.regions) *
                static_cast<std::size_t>(c.groups_per_region)),
        room_(static_cast<std::size_t>(c.regions)),
        time_at_(static_cast<std::size_t>(c.sessions_per_group) + 1) {
    for (int g = 0; g < static_cast<int>(groups_.size()); ++g) room_[region_of(g)].insert({0, g});
  }

  simulation run() {
    // Little's law: as many come as are wanted at once, per mean length.
    per_s_ = c_.busiest_sessions / (c_.mean_minutes * 60);
    counting_from_ = c_.sessions / 10;
    push(next_arrival(0), event::what::arrival, 0);
    for (int rack = 0; rack < racks(); ++rack) fail_later(0, rack);
    if (c_.lost_region_at_h >= 0) push(c_.lost_region_at_h * hour_s, event::what::region_lost, 0);
    while (!events_.empty()) {
      const auto e = events_.top();
      events_.pop();
      now_ = e.at_s;
      if (e.kind == event::what::arrival && e.whom >= c_.sessions) break;
      take(e);
    }
    return results();
  }

 private:
  std::size_t region_of(int g) const {
    return static_cast<std::size_t>(g) / static_cast<std::size_t>(c_.groups_per_region);
  }
  int racks_of_region() const {
    return (c_.groups_per_region + c_.groups_per_rack - 1) / c_.groups_per_rack;
  }
  int racks() const { return racks_of_region() * c_.regions; }
  bool counting() const { return come_ > counting_from_; }
  void push(double at, event::what kind, std::int64_t whom) { events_.push({at, kind, whom}); }

  double next_arrival(double from) {
    // Thinning: candidates at the busiest rate, kept with the rate of their hour.
    std::exponential_distribution<double> gap(per_s_);
    std::uniform_real_distribution<double> keep(0, 1);
    for (double t = from;;) {
      t += gap(random_);
      const double wave = 0.5 - 0.5 * std::cos(2 * M_PI * t / day_s);
      if (keep(random_) <= 1 - c_.day_swing * (1 - wave)) return t;
    }
  }
  double a_length() {
    const double s = c_.length_sigma, mean_s = c_.mean_minutes * 60;
    std::lognormal_distribution<double> d(std::log(mean_s) - s * s / 2, s);
    return d(random_);
  }
  void fail_later(double from, int rack) {
    if (c_.rack_failures_per_year <= 0) return;
    std::exponential_distribution<double> d(c_.rack_failures_per_year / year_s);
    push(from + d(random_), event::what::failure, rack);
  }

  /// The emptiest group of the region, else of any other; -1: all are full.
  int place_in(std::size_t region) {
    for (std::size_t i = 0; i < room_.size(); ++i) {
      const auto& free = room_[(region + i) % room_.size()];
      if (!free.empty() && free.begin()->first < c_.sessions_per_group) return free.begin()->second;
    }
    return -1;
  }
  void set_occupied(int g, int n) {
    auto& group = groups_[static_cast<std::size_t>(g)];
    if (group.down == 0) {
      room_[region_of(g)].erase({group.occupied, g});
      if (counting()) time_at_[static_cast<std::size_t>(group.occupied)] += now_ - group.since_s;
    }
    at_once_ += n - group.occupied;
    group.occupied = n, group.since_s = now_;
    if (group.down == 0) room_[region_of(g)].insert({n, g});
  }
  void enter(std::int64_t id, int g) {
    auto& s = sessions_[static_cast<std::size_t>(id)];
    auto& group = groups_[static_cast<std::size_t>(g)];
    s.group = g, s.place = group.sessions.size();
    group.sessions.push_back(id);
    set_occupied(g, group.occupied + 1);
  }
  void leave(std::int64_t id) {
    auto& s = sessions_[static_cast<std::size_t>(id)];
    auto& group = groups_[static_cast<std::size_t>(s.group)];
    const auto last = group.sessions.back();
    group.sessions[s.place] = last;
    sessions_[static_cast<std::size_t>(last)].place = s.place;
    group.sessions.pop_back();
    set_occupied(s.group, group.occupied - 1);
    s.group = -1;
  }
  /// Groups [first, last): all of them fail before their sessions look for another.
  void down(int first, int last, bool fails) {
    for (int g = first; g < last; ++g) {
      auto& group = groups_[static_cast<std::size_t>(g)];
      if (!fails) {
        if (--group.down == 0) group.since_s = now_, room_[region_of(g)].insert({0, g});
      } else if (group.down++ == 0) {
        room_[region_of(g)].erase({group.occupied, g});
        if (counting()) time_at_[static_cast<std::size_t>(group.occupied)] += now_ - group.since_s;
      }
    }
    for (int g = first; fails && g < last; ++g) {
      const auto whose = groups_[static_cast<std::size_t>(g)].sessions;
      for (const auto id : whose) {
        leave(id);
        const int other = place_in(region_of(g));
        if (other >= 0) enter(id, other);
        if (counting()) ++(other >= 0 ? out_.moved : out_.interrupted);
        if (other < 0) hour().interrupted += 1;
      }
    }
  }

  simulated_hour& hour() {
    const auto h = static_cast<std::size_t>(now_ / hour_s);
    if (out_.by_hour.size() <= h) out_.by_hour.resize(h + 1);
    return out_.by_hour[h];
  }
  void count_time() {
    // at_once_ between the last event and this one, shared out to the hours it lies in.
    for (double t = last_s_; t < now_;) {
      const double end = std::min(now_, (std::floor(t / hour_s) + 1) * hour_s);
      const auto h = static_cast<std::size_t>(t / hour_s);
      if (out_.by_hour.size() <= h) out_.by_hour.resize(h + 1);
      out_.by_hour[h].sessions += at_once_ * (end - t) / hour_s;
      t = end;
    }
    last_s_ = now_;
  }

  void take(const event& e) {
    count_time();
    switch (e.kind) {
      case event::what::arrival: return arrive(e.whom);
      case event::what::end:
        if (sessions_[static_cast<std::size_t>(e.whom)].group < 0) return;
        leave(e.whom);
        if (counting()) ++out_.served;
        return;
      case event::what::failure:
      case event::what::repair: {
        const bool fails = e.kind == event::what::failure;
        const auto rack = static_cast<int>(e.whom);
        const int region = rack / racks_of_region();
        const int first = (rack % racks_of_region()) * c_.groups_per_rack;
        const int base = region * c_.groups_per_region;
        down(base + first, base + std::min(first + c_.groups_per_rack, c_.groups_per_region),
             fails);
        if (fails) {
          if (counting()) ++out_.rack_failures;
          push(now_ + c_.repair_hours * hour_s, event::what::repair, rack);
        } else {
          fail_later(now_, rack);
        }
        return;
      }
      case event::what::region_lost:
      case event::what::region_back:
        down(0, c_.groups_per_region, e.kind == event::what::region_lost);
        if (e.kind == event::what::region_lost)
          push(now_ + c_.repair_hours * hour_s, event::what::region_back, 0);
    }
  }
  void arrive(std::int64_t id) {
    ++come_;
    push(next_arrival(now_), event::what::arrival, id + 1);
    sessions_.push_back({});
    std::uniform_int_distribution<int> home(0, c_.regions - 1);
    const int g = place_in(static_cast<std::size_t>(home(random_)));
    if (g < 0) {
      if (counting()) ++out_.refused;
      hour().refused += 1;
      return;
    }
    const double length = a_length();
    sessions_.back().ends_s = now_ + length;
    if (counting()) lengths_.push_back(static_cast<float>(length));
    enter(id, g);
    push(now_ + length, event::what::end, id);
    if (counting()) out_.most_at_once = std::max(out_.most_at_once, at_once_);
  }

  simulation results() {
    count_time();
    out_.hours = now_ / hour_s;
    if (!out_.by_hour.empty()) {  // the last hour is a part of one
      const double part = now_ / hour_s - std::floor(now_ / hour_s);
      if (part > 0) out_.by_hour.back().sessions /= part;
    }
    micro_turns();
    drain();
    return out_;
  }
  /// Quantiles over all session-micro-turns: the time at each occupancy, spread by the tail.
  void micro_turns() {
    if (!c_.micro_turn_ms) return;
    constexpr double z99 = 2.3263478740408408;
    const double sigma = std::log(std::max(c_.tail_p99, 1.0)) / z99;
    std::vector<std::pair<double, double>> spread;  // ms, weight
    double sum = 0;
    for (std::size_t n = 1; n < time_at_.size(); ++n) {
      const double weight = time_at_[n] * static_cast<double>(n);
      if (weight <= 0) continue;
      const double ms = c_.micro_turn_ms(static_cast<int>(n));
      constexpr int slices = 200;
      for (int i = 0; i < slices; ++i)
        spread.emplace_back(ms * std::exp(sigma * quantile_of_normal((i + 0.5) / slices)),
                            weight / slices);
      sum += weight;
      out_.micro_turn_max_ms = std::max(out_.micro_turn_max_ms, ms);
    }
    std::sort(spread.begin(), spread.end());
    double passed = 0;
    for (const auto& [ms, weight] : spread) {
      passed += weight;
      if (out_.micro_turn_p50_ms == 0 && passed >= 0.5 * sum) out_.micro_turn_p50_ms = ms;
      if (out_.micro_turn_p99_ms == 0 && passed >= 0.99 * sum) out_.micro_turn_p99_ms = ms;
    }
  }
  /// Inverse of the normal distribution by bisection of its error function.
  static double quantile_of_normal(double p) {
    double low = -8, high = 8;
    while (high - low > 1e-9) {
      const double middle = (low + high) / 2;
      (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
    }
    return (low + high) / 2;
  }
  /// A full group is empty when its longest session ends: what is left of a session that is met at
  /// random has the density of lengths weighted by length.
  void drain() {
    if (lengths_.empty()) return;
    std::discrete_distribution<std::size_t> met(lengths_.begin(), lengths_.end());
    std::uniform_real_distribution<double> left(0, 1);
    std::vector<double> empty_after;
    const int n = std::clamp(c_.sessions_per_group, 1, 256);
    for (int i = 0; i < 400; ++i) {
      double longest = 0;
      for (int k = 0; k < n; ++k)
        longest = std::max(longest, static_cast<double>(lengths_[met(random_)]) * left(random_));
      empty_after.push_back(longest);
    }
    std::sort(empty_after.begin(), empty_after.end());
    out_.drain_p99_min = empty_after[empty_after.size() * 99 / 100] / 60;
  }

  const simulation_config& c_;
  std::mt19937_64 random_;
  std::vector<group> groups_;
  std::vector<std::set<std::pair<int, int>>> room_;  ///< by region: (occupied, group) of those up
  std::vector<double> time_at_;                      ///< group-seconds at each occupancy
  std::vector<live_session> sessions_;
  std::vector<float> lengths_;
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  simulation out_;
  std::int64_t come_ = 0, counting_from_ = 0;
  double per_s_ = 1, now_ = 0, last_s_ = 0, at_once_ = 0;
};

}  // namespace

simulation simulate(const simulation_config& config) { return world(config).run(); }

}  // namespace hocket::planning
