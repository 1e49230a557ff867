#include "graph/core/diagnostic.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace hocket {
namespace {

/// Insertions, deletions and changes from `a` to `b`; `limit` where there are that many or more. What
/// begins or ends alike is cut off first: in a graph of many includes names share long beginnings.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  const auto same = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
  a.remove_prefix(static_cast<std::size_t>(same));
  b.remove_prefix(static_cast<std::size_t>(same));
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) >= limit) return limit;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    std::size_t least = row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t up = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = up;
      least = std::min(least, row[j]);
    }
    if (least >= limit) return limit;
  }
  return std::min(row[b.size()], limit);
}

auto key(const diagnostic& d) {
  return std::tie(d.where.file, d.where.line, d.where.column, d.code, d.message, d.level, d.hint,
                  d.notes);
}

}  // namespace

bool diagnostics::has_errors() const {
  return std::any_of(items_.begin(), items_.end(),
                     [](const diagnostic& d) { return d.level == severity::error; });
}

void diagnostics::sort() {
  std::stable_sort(items_.begin(), items_.end(),
                   [](const auto& a, const auto& b) { return key(a) < key(b); });
  items_.erase(std::unique(items_.begin(), items_.end(),
                           [](const auto& a, const auto& b) { return key(a) == key(b); }),
               items_.end());
}

std::string to_string(const diagnostic& d) {
  std::string out = d.where.file;
  if (d.where.line > 0) out += fmt::format(":{}:{}", d.where.line, d.where.column);
  if (!out.empty()) out += ": ";
  out += fmt::format("{}: {} [{}]\n", d.level == severity::error ? "error" : "warning", d.message,
                     d.code);
  if (!d.hint.empty()) out += fmt::format("  hint: {}\n", d.hint);
  for (const auto& note : d.notes) out += fmt::format("  note: {}\n", note);
  return out;
}

std::string diagnostics::to_string() const {
  std::string out;
  for (const auto& d : items_) out += hocket::to_string(d);
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  // A third of the word, and at most eight letters of a long one: more is no slip of the hand.
  std::size_t best_distance = std::clamp<std::size_t>(word.size() / 3, 2, 8) + 1;
  for (const auto& c : candidates) {
    // Nor is one of which no letter stays.
    const auto limit = std::min(best_distance, std::max(word.size(), c.size()));
    const auto d = edit_distance(word, c, limit);
    if (d < limit) {
      best_distance = d;
      best = c;
    }
  }
  return best;
}

}  // namespace hocket
