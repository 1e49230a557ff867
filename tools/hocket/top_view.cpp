#include "tools/hocket/top_view.hpp"

#include <algorithm>
#include <map>
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
  return at != from.end() && at->is_string() ? at->get<std::string>() : "";
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
      return s == "hung" || s == "lost" || s == "restarting" || s == "broken";
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

std::string actors_text(const json& now, const rates& per_s, const terminal& t) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& a : list(now, "actors"))
    rows.push_back({word(a, "name"), word(a, "component"), word(a, "state"),
                    per_s.of_actor(a, "packets_in"), per_s.of_actor(a, "packets_out"),
                    short_count(number(a, "queued")),
                    fmt::format("{:.0f} %", 100 * number(a, "busy_ratio")),
                    fmt::format("{:.2f}", number(a, "handler_p50_ms")),
                    fmt::format("{:.2f}", number(a, "handler_p99_ms")),
                    short_count(number(a, "restarts")), word(a, "last_error")});
  return table({{"actor", false},
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
               rows, t);
}

std::string links_text(const json& now, const rates& per_s, const terminal& t) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& l : list(now, "links"))
    rows.push_back({word(l, "from") + " > " + word(l, "to"), short_count(number(l, "sent")),
                    per_s.of_link(l, "sent"), short_count(number(l, "in_flight")),
                    short_count(number(l, "depth_max")), short_count(number(l, "blocked_ns") / 1e6),
                    short_count(total_dropped(l)), drop_reasons(l)});
  return table({{"link", false},
                {"sent"},
                {"per s"},
                {"in flight"},
                {"deepest"},
                {"blocked ms"},
                {"dropped"},
                {"reasons", false}},
               rows, t);
}

std::string budgets_text(const json& now, const terminal& t) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& b : list(now, "budgets")) {
    std::string blame;
    if (const auto at = b.find("blamed"); at != b.end() && at->is_object())
      for (const auto& [actor, n] : at->items())
        blame += fmt::format("{}{} {}", blame.empty() ? "" : ", ", actor, n.dump());
    rows.push_back({word(b, "path"), fmt::format("{:.0f}", number(b, "limit_ms")),
                    fmt::format("{:.1f}", number(b, "p50_ms")),
                    fmt::format("{:.1f}", number(b, "p99_ms")), short_count(number(b, "checked")),
                    short_count(number(b, "missed")), blame});
  }
  if (rows.empty()) return "";
  return "\n" + table({{"budget", false},
                       {"limit ms"},
                       {"p50 ms"},
                       {"p99 ms"},
                       {"checked"},
                       {"missed"},
                       {"to blame", false}},
                      rows, t);
}

std::string counters_text(const json& now, const terminal& t) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& a : list(now, "actors"))
    if (const auto at = a.find("counters"); at != a.end() && at->is_object())
      for (const auto& [name, n] : at->items())
        if (n.is_number()) rows.push_back({word(a, "name"), name, short_count(n.get<double>())});
  if (rows.empty()) return "";
  return "\n" + table({{"actor", false}, {"counter", false}, {"value"}}, rows, t);
}

}  // namespace

std::string top_text(const std::string& before, const std::string& now_text, const terminal& t) {
  const auto now = json::parse(now_text, nullptr, false);
  if (!now.is_object()) return "not a status: " + now_text.substr(0, 200) + "\n";
  auto old = json::parse(before.empty() ? "{}" : before, nullptr, false);
  if (!old.is_object()) old = json::object();
  const rates per_s(old, now);
  const auto law = now.find("law_holds");
  auto out = paint(t, "1", word(now, "graph")) +
             fmt::format("  {:.1f} s, sessions: {:.0f}, sent = delivered + dropped + in flight: ",
                         number(now, "now_s"), number(now, "sessions"));
  out += law != now.end() && *law == json(true) ? "holds" : paint(t, "1;31", "BROKEN");
  return out + "\n\n" + actors_text(now, per_s, t) + "\n" + links_text(now, per_s, t) +
         budgets_text(now, t) + counters_text(now, t);
}

}  // namespace hocket::cli
