#include "tools/report/excerpt.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace hocket::report {
namespace {

/// Longer than what a row has room for.
constexpr std::size_t longest_text = 240;
constexpr std::size_t most_tools = 8;
constexpr std::size_t most_requests = 600, most_events = 2000, most_words = 4000;

/// At most `longest_text` bytes, whole characters, with an ellipsis where something is gone.
std::string shortened(const std::string& text) {
  if (text.size() <= longest_text) return text;
  auto end = longest_text;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

/// The moment of the last thing that a picture shows.
double last_moment(const conversation& what) {
  double out = 0;
  for (const auto& w : what.words) out = std::max(out, w.t_ms);
  for (const auto& d : what.delegations) out = std::max(out, d.answered_ms.value_or(d.asked_ms));
  for (const auto& v : what.person_voice()) out = std::max(out, v.to_ms);
  for (const auto& v : what.model_voice()) out = std::max(out, v.to_ms);
  return out;
}

template <class T>
void keep_last(std::vector<T>& all, std::size_t most) {
  if (all.size() > most) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(most));
}

}  // namespace

excerpt excerpt_of(const conversation& what, double shown_ms, std::size_t words_per_s) {
  excerpt out;
  auto& to = out.kept;
  to.graph = what.graph;
  to.session = what.session;
  to.micro_turn_ms = what.micro_turn_ms;
  // A long silence at the end is not drawn: what is shown ends soon after the last moment.
  constexpr double spare_ms = 20'000;
  const double last = last_moment(what);
  const double from = last - shown_ms - spare_ms;
  const auto first = static_cast<std::int64_t>(std::floor(from / what.micro_turn_ms));
  to.turns.insert(what.turns.lower_bound(first), what.turns.end());

  const auto second_of = [](const word_record& w) {
    return std::pair(static_cast<std::int64_t>(std::floor(w.t_ms / 1000)),
                     w.role == "user" || w.role == "heard");
  };
  std::map<std::pair<std::int64_t, bool>, std::size_t> in_second;
  for (const auto& w : what.words)
    if (w.t_ms >= from) ++in_second[second_of(w)];
  // Many wordy seconds: fewer words of each.
  std::size_t all = 0;
  for (const auto& [second, n] : in_second) all += std::min(n, words_per_s);
  if (all > most_words) words_per_s = std::max<std::size_t>(1, most_words / in_second.size());
  for (auto& [second, n] : in_second) n = 0;
  for (const auto& w : what.words) {
    if (w.t_ms < from) continue;
    if (++in_second[second_of(w)] > words_per_s)
      ++out.words_left_out;
    else
      to.words.push_back({w.t_ms, w.role, shortened(w.text)});
  }
  for (const auto& d : what.delegations) {
    if (d.answered_ms.value_or(last) < from) continue;
    auto& kept = to.delegations.emplace_back(d);
    kept.task = shortened(kept.task);
    kept.answer = shortened(kept.answer);
    keep_last(kept.tools, most_tools);
  }
  if (to.delegations.size() > most_requests)
    out.requests_left_out = to.delegations.size() - most_requests;
  keep_last(to.delegations, most_requests);
  for (const auto& e : what.events)
    if (e.t_ms >= from) to.events.push_back({e.t_ms, shortened(e.actor), e.what, ""});
  keep_last(to.events, most_events);
  return out;
}

}  // namespace hocket::report
