#include "tools/duplex/rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "graph/core/assert.hpp"
#include "tools/duplex/rules_table.hpp"

namespace hocket::duplex {
namespace {

constexpr std::size_t columns = 8;

std::string_view trimmed(std::string_view s) {
  const auto from = s.find_first_not_of(' ');
  if (from == s.npos) return {};
  return s.substr(from, s.find_last_not_of(' ') - from + 1);
}

std::vector<std::string> words_of(std::string_view cell) {
  std::istringstream in{std::string(cell)};
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

bool read_statistic(std::string_view cell, statistic_of& into) {
  constexpr std::array<std::pair<std::string_view, statistic_of>, 5> known{
      {{"mean", statistic_of::mean},
       {"p50", statistic_of::p50},
       {"p90", statistic_of::p90},
       {"p95", statistic_of::p95},
       {"macro", statistic_of::macro}}};
  for (const auto& [name, how] : known)
    if (name == cell) return into = how, true;
  return false;
}

/// "<= 0.05", ">= 0.9" or nothing.
bool read_target(std::string_view cell, measure_rule& into) {
  if (cell.empty()) return true;
  if (!cell.starts_with("<=") && !cell.starts_with(">=")) return false;
  into.good = cell[0] == '<' ? report::goal::at_most : report::goal::at_least;
  const auto number = trimmed(cell.substr(2));
  double value = 0;
  const auto end = number.data() + number.size();
  if (const auto [stop, bad] = std::from_chars(number.data(), end, value);
      bad != std::errc() || stop != end)
    return false;
  into.target = value;
  return true;
}

/// What is wrong with the row; "" where it reads.
std::string read_row(std::string_view line, measure_rule& into) {
  std::vector<std::string_view> cells;
  while (cells.size() + 1 < columns) {
    const auto bar = line.find('|');
    if (bar == line.npos) return fmt::format("{} columns, not {}", cells.size() + 1, columns);
    cells.push_back(trimmed(line.substr(0, bar)));
    line.remove_prefix(bar + 1);
  }
  into.name = cells[0];
  into.families = words_of(cells[1]);
  into.keys = words_of(cells[2]);
  into.unit = cells[4];
  into.per_voice = cells[6] == "flite";
  into.what = trimmed(line);
  if (into.name.empty() || into.families.empty() || into.keys.empty() || into.what.empty())
    return "name, families, values and definition must be there";
  if (!read_statistic(cells[3], into.how)) return fmt::format("no statistic `{}`", cells[3]);
  if (!read_target(cells[5], into)) return fmt::format("no target: `{}`", cells[5]);
  if (!cells[6].empty() && !into.per_voice) return fmt::format("no synthesiser `{}`", cells[6]);
  return "";
}

}  // namespace

result<std::vector<measure_rule>> read_rules(std::string_view table) {
  std::vector<measure_rule> out;
  std::set<std::string> names;
  bool heading = true;
  for (int number = 1; !table.empty(); ++number) {
    const auto end = std::min(table.find('\n'), table.size());
    const auto line = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    if (trimmed(line).empty() || line.starts_with('#')) continue;
    if (std::exchange(heading, false)) continue;
    measure_rule row;
    auto problem = read_row(line, row);
    if (problem.empty() && !names.insert(row.name).second) problem = "the name comes twice";
    if (!problem.empty())
      return fail("duplex.rules", fmt::format("rules.table, line {}: {}", number, problem));
    out.push_back(std::move(row));
  }
  return out;
}

const std::vector<measure_rule>& rules() {
  static const auto all = [] {
    auto read = read_rules(rules_table);
    // The table was compiled in, and a test reads it.
    if (!read) assertion_failed(read.error().message.c_str(), __FILE__, __LINE__);
    return std::move(*read);
  }();
  return all;
}

}  // namespace hocket::duplex
