#include "tools/hocket/run/accounts.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/host/wire_status.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

std::uint64_t dropped(const host::link_account& l) {
  return std::accumulate(std::begin(l.dropped), std::end(l.dropped), std::uint64_t{0});
}

std::string reasons(const host::link_account& l) {
  std::string out;
  for (int i = 0; i < host::drop_reason_count; ++i)
    if (l.dropped[i] > 0)
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ",
                         host::to_string(static_cast<host::drop_reason>(i)), l.dropped[i]);
  return out;
}

std::string links_text(const host::snapshot& s) {
  std::size_t wide = 4;
  for (const auto& l : s.links) wide = std::max(wide, l.from.size() + l.to.size() + 3);
  auto out =
      fmt::format("{:<{}}  {:>9}  {:>9}  {:>8}  {:>9}  {:>6}  {:>10}  {}\n", "link", wide, "sent",
                  "delivered", "dropped", "in flight", "queue", "blocked ms", "reasons");
  for (const auto& l : s.links) {
    out += fmt::format("{:<{}}  {:>9}  {:>9}  {:>8}  {:>9}  {:>6}  {:>10.1f}  {}{}",
                       l.from + " > " + l.to, wide, l.sent, l.delivered, dropped(l), l.in_flight,
                       l.depth_max, static_cast<double>(l.blocked_ns) / 1e6, reasons(l),
                       l.adds_up() ? "" : "  ACCOUNTS DO NOT ADD UP");
    out.erase(out.find_last_not_of(' ') + 1);
    out += "\n";
  }
  return out;
}

std::string budgets_text(const host::snapshot& s) {
  if (s.budgets.empty()) return "";
  std::size_t wide = 6;
  for (const auto& b : s.budgets) wide = std::max(wide, b.path.size());
  auto out = fmt::format("\n{:<{}}  {:>8}  {:>8}  {:>8}  {:>8}  {:>8}  {}\n", "budget", wide,
                         "limit ms", "p50 ms", "p99 ms", "checked", "missed", "to blame");
  for (const auto& b : s.budgets) {
    std::string blame;
    for (const auto& [actor, n] : b.blamed)
      blame += fmt::format("{}{} {}", blame.empty() ? "" : ", ", actor, n);
    out += fmt::format("{:<{}}  {:>8.0f}  {:>8.1f}  {:>8.1f}  {:>8}  {:>8}  {}", b.path, wide,
                       b.limit_ms, b.p50_ms, b.p99_ms, b.checked, b.missed, blame);
    out.erase(out.find_last_not_of(' ') + 1);
    out += "\n";
  }
  return out;
}

std::string actors_text(const host::snapshot& s) {
  std::string out;
  for (const auto& a : s.actors) {
    std::string line;
    if (a.restarts > 0) line += fmt::format("  restarts {}", a.restarts);
    for (const auto& [name, n] : a.counters)
      if (n != 0) line += fmt::format("  {} {}", name, n);
    if (!a.last_error.empty()) line += "  last error: " + a.last_error;
    if (!line.empty()) out += fmt::format("  {}:{}\n", a.name, line);
  }
  return out.empty() ? "" : "\ncounters\n" + out;
}

}  // namespace

std::string accounts_text(const host::snapshot& last) {
  auto out = links_text(last) + host::wire_rows_text(last) + budgets_text(last) + actors_text(last);
  return out + fmt::format("\nsent = delivered + dropped + in flight: {} on {} links\n",
                           last.law_holds() ? "holds" : "BROKEN", last.links.size());
}

std::string accounts_json(const host::snapshot& last) {
  json links = json::array(), budgets = json::array(), actors = json::array();
  for (const auto& l : last.links) {
    json drops = json::object();
    for (int i = 0; i < host::drop_reason_count; ++i)
      if (l.dropped[i] > 0)
        drops[std::string(host::to_string(static_cast<host::drop_reason>(i)))] = l.dropped[i];
    links.push_back({{"from", l.from},
                     {"to", l.to},
                     {"sent", l.sent},
                     {"delivered", l.delivered},
                     {"dropped", drops},
                     {"in_flight", l.in_flight},
                     {"depth_max", l.depth_max},
                     {"blocked_ns", l.blocked_ns},
                     {"holds", l.adds_up()}});
  }
  for (const auto& b : last.budgets) {
    json blamed = json::object();
    for (const auto& [actor, n] : b.blamed) blamed[actor] = n;
    budgets.push_back({{"path", b.path},
                       {"limit_ms", b.limit_ms},
                       {"checked", b.checked},
                       {"missed", b.missed},
                       {"p50_ms", b.p50_ms},
                       {"p99_ms", b.p99_ms},
                       {"blamed", blamed}});
  }
  for (const auto& a : last.actors) {
    json counters = json::object();
    for (const auto& [name, n] : a.counters) counters[name] = n;
    actors.push_back({{"name", a.name},
                      {"component", a.component},
                      {"state", host::to_string(a.state)},
                      {"packets_in", a.packets_in},
                      {"packets_out", a.packets_out},
                      {"restarts", a.restarts},
                      {"handler_p50_ms", a.handler_p50_ms},
                      {"handler_p99_ms", a.handler_p99_ms},
                      {"last_error", a.last_error},
                      {"counters", counters}});
  }
  json out = {
      {"law_holds", last.law_holds()}, {"links", links}, {"budgets", budgets}, {"actors", actors}};
  host::add_wire_rows(last, out);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace hocket::cli
