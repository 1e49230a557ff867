#include "tools/duplex/timeline.hpp"

#include <algorithm>
#include <cmath>

#include "engine/text/vocabulary.hpp"
#include "tools/duplex/item.hpp"

namespace hocket::duplex {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(segment, from_s, to_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(said_word, at_s, word)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(tool_use, at_s, tool, arguments, request, in_force)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(run_costs, lost_sound_s, budget_checked,
                                                budget_missed, budget_p50_ms, budget_p99_ms)

inline void to_json(nlohmann::json& j, const own_voice& v) {
  j = {{"border_steps_db", v.border_steps_db},
       {"inside_steps_db", v.inside_steps_db},
       {"teacher_steps_db", v.teacher_steps_db},
       {"clicks", v.clicks},
       {"teacher_clicks", v.teacher_clicks}};
  if (v.longer_s) j["longer_s"] = *v.longer_s;
}

inline void from_json(const nlohmann::json& j, own_voice& v) {
  j.at("border_steps_db").get_to(v.border_steps_db);
  j.at("inside_steps_db").get_to(v.inside_steps_db);
  j.at("teacher_steps_db").get_to(v.teacher_steps_db);
  j.at("clicks").get_to(v.clicks);
  j.at("teacher_clicks").get_to(v.teacher_clicks);
  if (j.contains("longer_s")) v.longer_s = j.at("longer_s").get<double>();
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(timeline, length_s, has_words, has_tools, speech,
                                                words, calls, delegations_s, person_db, model_db,
                                                spoken_words, understood_words, teacher_words,
                                                minute_wall_s, minute_rss_mib, voice, real_time,
                                                word_waits_s, cost, has_heard, heard, own)

nlohmann::json json_of(const timeline& t) { return t; }
timeline timeline_of(const nlohmann::json& j) { return j.get<timeline>(); }

namespace {

constexpr std::size_t block = rate_hz / 100;

std::vector<double> block_powers(std::span<const float> x, std::size_t length) {
  std::vector<double> out;
  for (std::size_t at = 0; at < x.size(); at += length) {
    const auto part = x.subspan(at, std::min(length, x.size() - at));
    double sum = 0;
    for (const float v : part) sum += double(v) * double(v);
    out.push_back(sum / static_cast<double>(part.size()));
  }
  return out;
}

}  // namespace

std::vector<segment> segments_of(std::span<const float> samples, double gap_s) {
  const auto powers = block_powers(samples, block);
  if (powers.empty()) return {};
  const double loudest = *std::ranges::max_element(powers);
  const double threshold = std::max(std::pow(10.0, -4.5), loudest * std::pow(10.0, -3.5));
  std::vector<segment> raw;
  for (std::size_t i = 0; i < powers.size(); ++i) {
    if (powers[i] < threshold) continue;
    const double from = static_cast<double>(i) / 100, to = static_cast<double>(i + 1) / 100;
    if (!raw.empty() && raw.back().to_s > from - 1e-9)
      raw.back().to_s = to;
    else
      raw.push_back({from, to});
  }
  auto out = merged(std::move(raw), gap_s);
  std::erase_if(out, [](const segment& s) { return s.length_s() < 0.04 - 1e-9; });
  return out;
}

std::vector<segment> merged(std::vector<segment> segments, double gap_s) {
  std::vector<segment> out;
  for (const auto& s : segments)
    if (!out.empty() && s.from_s - out.back().to_s <= gap_s + 1e-9)
      out.back().to_s = std::max(out.back().to_s, s.to_s);
    else
      out.push_back(s);
  return out;
}

std::vector<std::int8_t> levels_of(std::span<const float> samples) {
  std::vector<std::int8_t> out;
  for (const double p : block_powers(samples, rate_hz / 50))
    out.push_back(static_cast<std::int8_t>(
        std::clamp(std::lround(10 * std::log10(p + 1e-10)), long{-100}, long{0})));
  return out;
}

bool takes_over(const timeline& t, double from_s, double to_s, const take_over_rule& rule) {
  double first = -1, last = -1;
  for (const auto& s : t.speech) {
    if (s.from_s < from_s || s.from_s >= to_s) continue;
    if (first < 0) first = s.from_s;
    last = s.to_s;
  }
  if (first < 0) return false;
  if (last - first >= rule.span_s - 1e-9) return true;
  const auto in_it = std::ranges::count_if(
      t.words, [&](const said_word& w) { return w.at_s >= from_s && w.at_s < to_s; });
  return t.has_words && in_it > rule.words;
}

std::optional<double> find_phrase(const timeline& t, const std::string& phrase, double from_s,
                                  int skip) {
  const auto wanted = engine::words_of(phrase);
  if (wanted.empty()) return std::nullopt;
  for (std::size_t i = 0; i < t.words.size(); ++i) {
    if (t.words[i].at_s < from_s || t.words[i].word != wanted.front()) continue;
    std::size_t at = i, next = 1;
    while (next < wanted.size()) {
      const auto limit = std::min(t.words.size(), at + 2 + static_cast<std::size_t>(skip));
      std::size_t k = at + 1;
      while (k < limit && t.words[k].word != wanted[next]) ++k;
      if (k >= limit) break;
      at = k;
      ++next;
    }
    if (next == wanted.size()) return t.words[i].at_s;
  }
  return std::nullopt;
}

std::optional<double> find_any(const timeline& t, const std::vector<std::string>& phrases,
                               double from_s, int skip) {
  std::optional<double> best;
  for (const auto& p : phrases)
    if (const auto at = find_phrase(t, p, from_s, skip); at && (!best || *at < *best)) best = at;
  return best;
}

std::optional<double> sound_of(const timeline& t, double at_s) {
  std::optional<double> best;
  for (const auto& s : t.speech) {
    const bool begins_near = s.from_s >= at_s - 0.3 && s.from_s <= at_s + 0.6;
    if (begins_near && (!best || std::abs(s.from_s - at_s) < std::abs(*best - at_s)))
      best = s.from_s;
  }
  if (best) return best;
  for (const auto& s : t.speech)
    if (s.from_s <= at_s && at_s < s.to_s) return at_s;
  return std::nullopt;
}

std::string_view to_string(behaviour b) {
  switch (b) {
    case behaviour::respond: return "RESPOND";
    case behaviour::resume: return "RESUME";
    case behaviour::uncertain: return "UNCERTAIN";
    case behaviour::unknown: break;
  }
  return "UNKNOWN";
}

behaviour behaviour_of(const timeline& t, double from_s, double to_s,
                       const std::vector<std::string>& replies,
                       const std::vector<std::string>& sequence) {
  constexpr double in_flight_s = 0.6;
  static const std::vector<std::string> asking_back{"pardon", "say that again", "sorry what",
                                                    "what was that", "excuse me"};
  // How far the enumeration was when the overlap began, then what goes on with it.
  std::size_t next = 0;
  double last_s = 0;
  std::optional<double> first, second;
  for (const auto& w : t.words) {
    if (next >= sequence.size()) break;
    if (w.word != sequence[next]) continue;
    ++next;
    last_s = w.at_s;
    if (w.at_s <= to_s + in_flight_s) continue;
    if (!first)
      first = w.at_s;
    else if (!second)
      second = w.at_s;
  }
  const bool only_one_left = first && !second && next == sequence.size();
  const std::optional<double> goes_on = second || only_one_left ? first : std::nullopt;
  const auto reply = find_any(t, replies, from_s);
  if (reply && (!goes_on || *reply < *goes_on)) return behaviour::respond;
  if (goes_on) return behaviour::resume;
  // It spoke on to its end during the overlap or just after: nothing was left to go on with.
  if (!reply && next > 0 && next == sequence.size() && last_s >= from_s) return behaviour::resume;
  return find_any(t, asking_back, from_s) ? behaviour::uncertain : behaviour::unknown;
}

timeline cropped(const timeline& t, double from_s, double to_s) {
  timeline out;
  out.length_s = std::min(to_s, t.length_s) - from_s;
  out.has_words = t.has_words;
  out.has_tools = t.has_tools;
  for (const auto& s : t.speech)
    if (s.to_s > from_s && s.from_s < to_s)
      out.speech.push_back({std::max(s.from_s, from_s) - from_s, std::min(s.to_s, to_s) - from_s});
  for (auto w : t.words)
    if (w.at_s >= from_s && w.at_s < to_s) out.words.push_back({w.at_s - from_s, w.word});
  for (auto c : t.calls)
    if (c.at_s >= from_s && c.at_s < to_s) {
      c.at_s -= from_s;
      out.calls.push_back(std::move(c));
    }
  for (const double d : t.delegations_s)
    if (d >= from_s && d < to_s) out.delegations_s.push_back(d - from_s);
  const auto levels = [&](const std::vector<std::int8_t>& all) {
    const auto a = std::min(all.size(), static_cast<std::size_t>(from_s * 50));
    const auto b = std::min(all.size(), static_cast<std::size_t>(to_s * 50));
    return std::vector<std::int8_t>(all.begin() + static_cast<std::ptrdiff_t>(a),
                                    all.begin() + static_cast<std::ptrdiff_t>(b));
  };
  out.person_db = levels(t.person_db);
  out.model_db = levels(t.model_db);
  return out;
}

double overlap_s(std::span<const segment> a, double from_s, double to_s) {
  double sum = 0;
  for (const auto& s : a) sum += std::max(0.0, std::min(s.to_s, to_s) - std::max(s.from_s, from_s));
  return sum;
}

}  // namespace hocket::duplex
