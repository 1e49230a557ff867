#include "tools/hocket/watch/top_view.hpp"

#include "actors/alerts/names.hpp"
#include "graph/contract/run_figures.hpp"
#include "graph/text/clean.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

double number(const json& from, const char* key) {
  const auto at = from.find(key);
  return at != from.end() && at->is_number() ? at->get<double>() : 0.0;
}

std::string word(const json& from, const char* key) {
  const auto at = from.find(key);
  return at != from.end() && at->is_string() ? clean_text(at->get<std::string>()) : "";
}

const json& list(const json& from, const char* key) {
  static const json none = json::array();
  const auto at = from.find(key);
  return at != from.end() && at->is_array() ? *at : none;
}

double total_dropped(const json& link) {
  double out = 0;
  if (const auto at = link.find("dropped"); at != link.end()) {
    if (at->is_number()) return at->get<double>();
    for (const auto& [reason, n] : at->items())
      if (n.is_number()) out += n.get<double>();
  }
  return out;
}

std::string drop_reasons(const json& link) {
  std::string out;
  if (const auto at = link.find("dropped"); at != link.end() && at->is_object())
    for (const auto& [reason, n] : at->items())
      if (n.is_number() && n.get<double>() > 0)
        out +=
            fmt::format("{}{} {}", out.empty() ? "" : ", ", reason, short_count(n.get<double>()));
  return out;
}

struct column {
  std::string title;
  bool right = true;
};

/// Rows under titles; as wide as needed, cut at the terminal's edge.
std::string table(const std::vector<column>& columns,
                  const std::vector<std::vector<std::string>>& rows, const terminal& t) {
  std::vector<int> wide;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    int w = display_width(columns[i].title);
    for (const auto& row : rows) w = std::max(w, display_width(row[i]));
    wide.push_back(w);
  }
  auto line = [&](auto cell) {
    std::string out;
    for (std::size_t i = 0; i < columns.size(); ++i)
      out += (i ? "  " : "") + fit(cell(i), wide[i], columns[i].right);
    out.erase(out.find_last_not_of(' ') + 1);
    return t.is_terminal && display_width(out) > t.columns ? fit(out, t.columns) : out;
  };
  auto out = paint(t, "1", line([&](std::size_t i) { return columns[i].title; })) + "\n";
  for (const auto& row : rows) {
    auto text = line([&](std::size_t i) { return row[i]; });
    const bool trouble = std::any_of(row.begin(), row.end(), [](const std::string& s) {
      return s == "hung" || s == "lost" || s == "restarting" || s == "broken" || s == "refused" ||
             s == "dead" || s == "silent";
    });
    out += (trouble ? paint(t, "31", text) : text) + "\n";
  }
  return out;
}

/// Growth of a counter per second of stream time since the last status.
class rates {
 public:
  rates(const json& before, const json& now) {
    seconds_ = number(now, "now_s") - number(before, "now_s");
    for (const auto& a : list(before, "actors")) actors_[word(a, "name")] = a;
    for (const auto& l : list(before, "links")) links_[word(l, "from") + word(l, "to")] = l;
  }
  std::string of_actor(const json& a, const char* key) const {
    return rate(actors_, word(a, "name"), a, key);
  }
  /// Share of the time between the looks that an actor spent in its component.
  std::string busy(const json& a) const {
    const auto at = actors_.find(word(a, "name"));
    if (at == actors_.end() || seconds_ <= 0 || !a.contains("busy_s")) return "-";
    return fmt::format("{:.0f} %",
                       100 * (number(a, "busy_s") - number(at->second, "busy_s")) / seconds_);
  }
  std::string of_link(const json& l, const char* key) const {
    return rate(links_, word(l, "from") + word(l, "to"), l, key);
  }

 private:
  std::string rate(const std::map<std::string, json>& old, const std::string& name, const json& now,
                   const char* key) const {
    const auto at = old.find(name);
    if (at == old.end() || seconds_ <= 0) return "-";
    return fmt::format("{:.1f}", (number(now, key) - number(at->second, key)) / seconds_);
  }
  double seconds_ = 0;
  std::map<std::string, json> actors_, links_;
};

/// A run that answered, ready to be shown.
struct shown {
  std::string host;
  json now;  ///< of one that is gone: what it last said
  rates per_s;
  std::string gone = {};  ///< dead, ended, silent; "": it answers
  std::string last_words = {};
};
using shown_runs = std::vector<shown>;
using rows = std::vector<std::vector<std::string>>;

/// The table of all runs; where there are several, the host of each row stands in front.
/// `with_gone`: also those that no longer answer.
std::string grouped(const shown_runs& runs, std::vector<column> columns, const terminal& t,
                    const std::function<void(const shown&, rows&)>& add, bool with_gone = false) {
  rows all;
  if (runs.size() > 1) columns.insert(columns.begin(), {"host", false});
  for (const auto& run : runs) {
    if (!run.gone.empty() && !with_gone) continue;
    rows mine;
    add(run, mine);
    for (auto& row : mine) {
      if (runs.size() > 1) row.insert(row.begin(), run.host);
      all.push_back(std::move(row));
    }
  }
  return all.empty() ? "" : "\n" + table(columns, all, t);
}

std::string actors_text(const shown_runs& runs, const terminal& t) {
  const auto add = [](const shown& run, rows& out) {
    for (const auto& a : list(run.now, "actors")) {
      if (!run.gone.empty()) {
        out.push_back({word(a, "name"), word(a, "component"), run.gone, "-", "-", "-", "-", "-",
                       "-", short_count(number(a, "restarts")), word(a, "last_error")});
        continue;
      }
      out.push_back({word(a, "name"), word(a, "component"), word(a, "state"),
                     run.per_s.of_actor(a, "packets_in"), run.per_s.of_actor(a, "packets_out"),
                     short_count(number(a, "queued")), run.per_s.busy(a),
                     fmt::format("{:.2f}", number(a, "handler_p50_ms")),
                     fmt::format("{:.2f}", number(a, "handler_p99_ms")),
                     short_count(number(a, "restarts")), word(a, "last_error")});
    }
  };
  return grouped(runs,
                 {{"actor", false},
                  {"component", false},
                  {"state", false},
                  {"in/s"},
                  {"out/s"},
                  {"queued"},
                  {"busy"},
                  {"p50 ms"},
                  {"p99 ms"},
                  {"restarts"},
                  {"last error", false}},
                 t, add, true);
}

std::string links_text(const shown_runs& runs, const terminal& t) {
  const auto add = [](const shown& run, rows& out) {
    for (const auto& l : list(run.now, "links"))
      out.push_back({word(l, "from") + " > " + word(l, "to"), short_count(number(l, "sent")),
                     run.per_s.of_link(l, "sent"), short_count(number(l, "in_flight")),
                     short_count(number(l, "depth_max")),
                     short_count(number(l, "blocked_ns") / 1e6), short_count(total_dropped(l)),
                     drop_reasons(l)});
  };
  return grouped(runs,
                 {{"link", false},
                  {"sent"},
                  {"per s"},
                  {"in flight"},
                  {"deepest"},
                  {"blocked ms"},
                  {"dropped"},
                  {"reasons", false}},
                 t, add);
}

std::string budgets_text(const shown_runs& runs, const terminal& t) {
  const auto add = [](const shown& run, rows& out) {
    for (const auto& b : list(run.now, "budgets")) {
      std::string blame;
      if (const auto at = b.find("blamed"); at != b.end() && at->is_object())
        for (const auto& [actor, n] : at->items())
          blame += fmt::format("{}{} {}", blame.empty() ? "" : ", ", actor, n.dump());
      out.push_back({word(b, "path"), fmt::format("{:.0f}", number(b, "limit_ms")),
                     fmt::format("{:.1f}", number(b, "p50_ms")),
                     fmt::format("{:.1f}", number(b, "p99_ms")), short_count(number(b, "checked")),
                     short_count(number(b, "missed")), blame});
    }
  };
  return grouped(runs,
                 {{"budget", false},
                  {"limit ms"},
                  {"p50 ms"},
                  {"p99 ms"},
                  {"checked"},
                  {"missed"},
                  {"to blame", false}},
                 t, add);
}

/// The other processes of a graph, and the links that cross to them.
std::string peers_text(const shown_runs& runs, const terminal& t) {
  const auto peers = [](const shown& run, rows& out) {
    for (const auto& p : list(run.now, "peers"))
      out.push_back({word(p, "name"), word(p, "state"),
                     fmt::format("{:.1f}", number(p, "state_ms") / 1000),
                     fmt::format("{:.0f}", number(p, "rtt_us")),
                     fmt::format("{:.0f} ± {:.0f}", number(p, "clock_offset_us"),
                                 number(p, "clock_uncertainty_us")),
                     short_count(number(p, "bytes_out")), short_count(number(p, "bytes_in")),
                     short_count(number(p, "connects")), word(p, "reason")});
  };
  const auto wires = [](const shown& run, rows& out) {
    for (const auto& w : list(run.now, "wires")) {
      const auto out_there = w.find("outgoing");
      const bool outgoing = out_there != w.end() && *out_there == json(true);
      out.push_back({word(w, "link") + (outgoing ? " to " : " from ") + word(w, "peer"),
                     short_count(number(w, "sent")), short_count(number(w, "in_flight")),
                     short_count(number(w, "sent_again")), short_count(number(w, "gaps")),
                     short_count(total_dropped(w)), drop_reasons(w)});
    }
  };
  return grouped(runs,
                 {{"peer", false},
                  {"state", false},
                  {"for s"},
                  {"rtt us"},
                  {"clock us"},
                  {"bytes out"},
                  {"bytes in"},
                  {"connects"},
                  {"reason", false}},
                 t, peers) +
         grouped(runs,
                 {{"wire", false},
                  {"sent"},
                  {"in flight"},
                  {"again"},
                  {"gaps"},
                  {"dropped"},
                  {"reasons", false}},
                 t, wires);
}

std::string counters_text(const shown_runs& runs, const terminal& t) {
  const auto add = [](const shown& run, rows& out) {
    for (const auto& a : list(run.now, "actors"))
      if (const auto at = a.find("counters"); at != a.end() && at->is_object())
        for (const auto& [name, n] : at->items())
          if (n.is_number()) out.push_back({word(a, "name"), name, short_count(n.get<double>())});
  };
  return grouped(runs, {{"actor", false}, {"counter", false}, {"value"}}, t, add);
}

/// The alerts that are raised, in a line of their own.
std::string alerts_text(const shown_runs& runs, const terminal& t) {
  std::string out;
  for (const auto& run : runs) {
    if (!run.gone.empty()) continue;
    for (const auto& a : list(run.now, "actors")) {
      const auto counters = a.find("counters");
      if (!watches_run(word(a, "component")) || counters == a.end() || !counters->is_object() ||
          number(*counters, std::string(alerts::active_counter).c_str()) <= 0)
        continue;
      out += paint(t, "1;31",
                   fmt::format("{}alert {} is raised (times so far: {:.0f})",
                               runs.size() > 1 ? run.host + ": " : "", word(a, "name"),
                               number(*counters, std::string(alerts::raised_counter).c_str()))) +
             "\n";
    }
  }
  return out;
}

/// The line above the tables: what runs, for how long, and whether the accounts hold.
std::string title(const shown& run, bool with_host, const terminal& t) {
  const auto name = paint(t, "1", (with_host ? run.host + ": " : "") + word(run.now, "graph"));
  if (!run.gone.empty()) return name + "  " + paint(t, "1;31", run.last_words) + "\n";
  const auto law = run.now.find("law_holds");
  const bool holds = law != run.now.end() && *law == json(true);
  return name +
         fmt::format("  {:.1f} s, sessions: {:.0f}, sent = delivered + dropped + in flight: ",
                     number(run.now, "now_s"), number(run.now, "sessions")) +
         (holds ? "holds" : paint(t, "1;31", "BROKEN")) + "\n";
}

/// Hosts that nobody asks, or that never answered, and that their peers have lost.
std::string lost_hosts(const shown_runs& runs, const terminal& t) {
  std::set<std::string> told;
  for (const auto& run : runs) told.insert(run.host);
  std::string out;
  for (const auto& run : runs) {
    if (!run.gone.empty()) continue;
    for (const auto& p : list(run.now, "peers"))
      if (const auto state = word(p, "state"); state == "lost" || state == "refused") {
        if (!told.insert(word(p, "name")).second) continue;
        out += paint(t, "1;31",
                     fmt::format("{}: {} for {:.1f} s, says {}: {}", word(p, "name"), state,
                                 number(p, "state_ms") / 1000, run.host, word(p, "reason"))) +
               "\n";
      }
  }
  return out;
}

/// One that answered before and no longer does, as it last was.
shown gone(const run_look& r, json last) {
  const auto host = word(last, "host");
  const auto how = fate_of(r.fault);
  return {host.empty() ? r.source : host, std::move(last), rates(json::object(), json::object()),
          how, fmt::format("{}, last heard {:.1f} s ago ({})", how, r.silent_s, r.fault.message)};
}

}  // namespace

std::string fate_of(const error& fault) {
  return fault.code == "status.no_run"      ? "ended"
         : fault.code == "status.no_answer" ? "silent"
                                            : "dead";
}

std::string top_text(const std::vector<run_look>& runs, const terminal& t) {
  shown_runs all;
  std::string faults;
  for (const auto& r : runs) {
    auto now = json::parse(r.now, nullptr, false);
    auto before = json::parse(r.before.empty() ? "{}" : r.before, nullptr, false);
    if (!before.is_object()) before = json::object();
    if (!now.is_object()) {
      if (r.now.empty() && !r.before.empty())
        all.push_back(gone(r, std::move(before)));
      else
        faults += r.now.empty()
                      ? paint(t, "31", fmt::format("{}: {}", r.source, r.fault.message)) + "\n"
                      : "not a status: " + r.now.substr(0, 200) + "\n";
      continue;
    }
    const auto host = word(now, "host");
    rates per_s(before, now);
    all.push_back({host.empty() ? r.source : host, std::move(now), std::move(per_s)});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const shown& a, const shown& b) { return a.host < b.host; });
  std::string out;
  for (const auto& run : all) out += title(run, runs.size() > 1, t);
  return out + alerts_text(all, t) + lost_hosts(all, t) + faults + actors_text(all, t) +
         links_text(all, t) + peers_text(all, t) + budgets_text(all, t) + counters_text(all, t);
}

}  // namespace hocket::cli
