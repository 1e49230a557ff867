#include "actors/alerts/alerts.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::alerts {
namespace {

duration of_s(double s) { return duration(static_cast<std::int64_t>(s * 1e9)); }

/// "model/2.audio" is model.audio, of a replica: the graph's name is that of all of them together.
std::string without_replicas(std::string name) {
  for (auto at = name.find('/'); at != name.npos; at = name.find('/', at)) {
    const auto end = std::min(name.find_first_not_of("0123456789", at + 1), name.size());
    const bool is_replica =
        end > at + 1 && (end == name.size() || name[end] == '.' || name[end] == ' ');
    if (is_replica)
      name.erase(at, end - at);
    else
      ++at;
  }
  return name;
}

bool names(const std::string& wanted, const std::string& name) {
  return wanted.empty() || wanted == "*" || wanted == without_replicas(name);
}

/// "mic.audio @edge" is mic.audio, of a link that comes from another host.
std::string port_of(const std::string& end) { return end.substr(0, end.find(" @")); }

/// The links of a port; of a name that is an output and an input, the output's.
class port_links {
 public:
  port_links(const run_figures& run, const std::string& port)
      : port_(port), is_output_(std::ranges::any_of(run.links, [&](const auto& l) {
          return without_replicas(port_of(l.from)) == port;
        })) {}
  bool have(const run_figures::link& l) const {
    return names(port_, port_of(is_output_ ? l.from : l.to));
  }

 private:
  const std::string& port_;
  bool is_output_;
};

/// Counters by name, over a window; how much each grew.
class counters {
 public:
  explicit counters(duration window) : window_(window) {}
  void add(const std::string& name, std::uint64_t count) { now_[name] += count; }
  /// A look at what was added since the last one.
  sight look(timestamp at) {
    std::vector<std::pair<std::uint64_t, std::string>> grown;
    for (const auto& [name, count] : now_) {
      const auto [it, is_new] = all_.try_emplace(name, window_);
      if (is_new && !is_first_) it->second.look(at, 0);  // it was zero, and not told
      if (const auto n = it->second.look(at, count); n > 0) grown.emplace_back(n, name);
    }
    now_.clear();
    is_first_ = false;
    std::ranges::sort(grown, std::greater<>());
    sight out;
    for (std::size_t i = 0; i < grown.size(); ++i) {
      out.value += static_cast<double>(grown[i].first);
      if (i < 3)
        out.where += fmt::format("{}{} {}", i == 0 ? "" : ", ", grown[i].second, grown[i].first);
    }
    if (grown.size() > 3) out.where += fmt::format(" and {} more", grown.size() - 3);
    return out;
  }

 private:
  duration window_;
  bool is_first_ = true;
  std::map<std::string, std::uint64_t> now_;
  std::map<std::string, growth> all_;
};

/// Keys of a rule that counts.
struct count_config {
  std::int64_t above = 0;
  double within_s = 60;
  std::int64_t clear_at = -1;
  double clear_s = 30;
  void visit(config_visitor& v) {
    v.field({.name = "above", .doc = "raised beyond so many", .min = 0, .max = 1e9}, above);
    v.field({.name = "within_s", .doc = "the window", .unit = "s", .min = 0.2, .max = 86'400},
            within_s);
    v.field({.name = "clear_at",
             .doc = "cleared when it was so many or fewer for `clear_s`; half of `above`",
             .min = 0,
             .max = 1e9},
            clear_at);
    v.field({.name = "clear_s", .doc = "how long", .unit = "s", .min = 0, .max = 86'400}, clear_s);
  }
  latch::limits limits() const {
    const auto low = clear_at < 0 ? above / 2 : std::min(clear_at, above);
    return {static_cast<double>(above), static_cast<double>(low), of_s(clear_s)};
  }
};

/// Keys of a rule that waits.
struct wait_config {
  double for_s = 5;
  double clear_s = 2;
  void visit(config_visitor& v) {
    v.field(
        {.name = "for_s", .doc = "raised after so long", .unit = "s", .min = 0.2, .max = 86'400},
        for_s);
    v.field({.name = "clear_s",
             .doc = "cleared when it was over for so long",
             .unit = "s",
             .min = 0,
             .max = 86'400},
            clear_s);
  }
  latch::limits limits() const { return {for_s, for_s, of_s(clear_s)}; }
};

template <class Config>
class counting : public rule {
 public:
  using config = Config;
  explicit counting(Config c) : config_(std::move(c)), seen_(of_s(config_.count.within_s)) {}
  latch::limits limits() const final { return config_.count.limits(); }
  sight look(timestamp now, const run_figures& run) final {
    add_to(seen_, run);
    return seen_.look(now);
  }
  std::string text(const sight& s) const final {
    return fmt::format("{:.0f} {} in {} s (above {}){}{}", s.value, what(), config_.count.within_s,
                       config_.count.above, s.where.empty() ? "" : ": ", s.where);
  }

 protected:
  const Config config_;

 private:
  virtual void add_to(counters& seen, const run_figures& run) const = 0;
  virtual std::string_view what() const = 0;  ///< "restarts"

  counters seen_;
};

struct missed_config {
  std::vector<std::string> path;
  count_config count;
  void visit(config_visitor& v) {
    v.field({.name = "path", .doc = "of a budget of the graph; none: all"}, path);
    count.visit(v);
  }
};
class budget_missed final : public counting<missed_config> {
 public:
  static constexpr auto type = "alert.budget_missed";
  static constexpr auto summary = "Raised while a path misses its budget too often.";
  using counting::counting;

 private:
  std::string_view what() const override { return "budget misses"; }
  void add_to(counters& seen, const run_figures& run) const override {
    const auto wanted = fmt::format("{}", fmt::join(config_.path, " > "));
    for (const auto& b : run.budgets)
      if (names(wanted, b.path)) seen.add(b.path, b.missed);
  }
};

/// What takes away nothing that anybody waits for: a newer one is there, or what was said is no
/// longer to be heard.
constexpr std::array ordinary = {"replaced", "old_epoch", "session_closed", "stopped", "rewired"};

struct dropped_config {
  std::string port = "*";
  std::vector<std::string> reasons;
  count_config count;
  void visit(config_visitor& v) {
    v.field({.name = "port", .doc = "ACTOR.PORT, an output or an input; `*`: all"}, port);
    v.field({.name = "reasons",
             .doc = "which; all but replaced, old_epoch, session_closed, stopped and rewired",
             .choices = {"queue_full_oldest", "queue_full_newest", "replaced", "too_old",
                         "old_epoch", "actor_lost", "actor_restarting", "bad_packet", "late",
                         "session_closed", "stopped", "rewired"}},
            reasons);
    count.visit(v);
  }
};
class dropped final : public counting<dropped_config> {
 public:
  static constexpr auto type = "alert.dropped";
  static constexpr auto summary = "Raised while links drop too many packets.";
  using counting::counting;

 private:
  std::string_view what() const override { return "packets dropped"; }
  void add_to(counters& seen, const run_figures& run) const override {
    const port_links of(run, config_.port);
    for (const auto& l : run.links) {
      if (!of.have(l)) continue;
      const auto from = port_of(l.from), to = port_of(l.to);
      for (const auto& [why, n] : l.dropped)
        if (counts(why)) seen.add(fmt::format("{} > {} {}", from, to, why), n);
    }
  }
  bool counts(const std::string& why) const {
    return config_.reasons.empty()
               ? std::ranges::find(ordinary, why) == ordinary.end()
               : std::ranges::find(config_.reasons, why) != config_.reasons.end();
  }
};

struct restarted_config {
  std::string actor = "*";
  count_config count;
  void visit(config_visitor& v) {
    v.field({.name = "actor", .doc = "which; `*`: all"}, actor);
    count.visit(v);
  }
};
class restarted final : public counting<restarted_config> {
 public:
  static constexpr auto type = "alert.restarted";
  static constexpr auto summary = "Raised while actors fail or hang, and begin anew, too often.";
  using counting::counting;

 private:
  std::string_view what() const override { return "restarts"; }
  void add_to(counters& seen, const run_figures& run) const override {
    for (const auto& a : run.actors)
      if (names(config_.actor, a.name)) seen.add(a.name, a.restarts);
  }
};

struct silent_config {
  std::string port;
  wait_config wait;
  void visit(config_visitor& v) {
    v.field({.name = "port", .doc = "ACTOR.PORT, an output or an input", .required = true}, port);
    wait.visit(v);
  }
};
class silent final : public rule {
 public:
  static constexpr auto type = "alert.silent";
  static constexpr auto summary = "Raised while a port carries nothing.";
  using config = silent_config;
  explicit silent(config c) : config_(std::move(c)) {}
  latch::limits limits() const override { return config_.wait.limits(); }
  // With nobody to talk to a port may be silent.
  sight look(timestamp now, const run_figures& run) override {
    std::uint64_t sent = 0;
    const port_links of(run, config_.port);
    for (const auto& l : run.links)
      if (of.have(l)) sent += l.sent;
    if (!since_ || sent != sent_ || run.sessions == 0) since_ = now;
    sent_ = sent;
    return {static_cast<double>((now - *since_).count()) / 1e9};
  }
  std::string text(const sight& s) const override {
    return s.value > config_.wait.for_s
               ? fmt::format("{} has carried nothing for {:.1f} s", config_.port, s.value)
               : config_.port + " carries packets";
  }

 private:
  const config config_;
  std::uint64_t sent_ = 0;
  std::optional<timestamp> since_;
};

struct host_config {
  std::string host = "*";
  wait_config wait{.for_s = 3, .clear_s = 5};
  void visit(config_visitor& v) {
    v.field({.name = "host", .doc = "which other host; `*`: any"}, host);
    wait.visit(v);
  }
};
class host_lost final : public rule {
 public:
  static constexpr auto type = "alert.host_lost";
  static constexpr auto summary = "Raised while another host of the graph is away.";
  using config = host_config;
  explicit host_lost(config c) : config_(std::move(c)) {}
  latch::limits limits() const override { return config_.wait.limits(); }
  sight look(timestamp now, const run_figures& run) override {
    sight out;
    for (const auto& h : run.hosts) {
      if (!names(config_.host, h.name)) continue;
      auto& since = up_[h.name];
      if (!since || h.is_up) since = now;
      const auto s = static_cast<double>((now - *since).count()) / 1e9;
      if (s <= out.value) continue;
      out.value = s;
      out.where = h.why.empty() ? h.name : fmt::format("{}: {}", h.name, h.why);
    }
    return out;
  }
  std::string text(const sight& s) const override {
    return s.where.empty() ? "every host is there"
                           : fmt::format("a host is away for {:.1f} s: {}", s.value, s.where);
  }

 private:
  const config config_;
  std::map<std::string, std::optional<timestamp>> up_;
};

template <class Rule>
struct alert_of final : alert {
  using config = typename Rule::config;
  explicit alert_of(config c) : alert(std::make_unique<Rule>(std::move(c))) {}
  static component_info info() { return info_of(Rule::type, Rule::summary); }
};

}  // namespace

result<void> register_alerts(registry& into) {
  HOCKET_TRY(into.add(type_of<alert_of<budget_missed>>()));
  HOCKET_TRY(into.add(type_of<alert_of<dropped>>()));
  HOCKET_TRY(into.add(type_of<alert_of<restarted>>()));
  HOCKET_TRY(into.add(type_of<alert_of<silent>>()));
  HOCKET_TRY(into.add(type_of<alert_of<host_lost>>()));
  return {};
}

}  // namespace hocket::alerts
