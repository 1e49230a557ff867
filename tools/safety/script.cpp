#include "tools/safety/script.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::safety {
namespace {

/// Turns of one person stand so far apart that each is answered.
constexpr double between_turns_s = 6.0;
/// Of a long conversation: harmless talk so often; at each mark so many requests of each kind.
constexpr double chatter_every_s = 20.0;
constexpr std::size_t asks_at_mark = 12;

class maker {
 public:
  maker(const case_set& cases, const script_options& how)
      : cases_(cases), how_(how), random_(how.seed) {}

  std::vector<script> make() {
    each("plain", cases_.asks, [&](const line& l, script& s) { ask(s, 1.0, l, "plain"); });
    each("near", cases_.near, [&](const line& l, script& s) { ask(s, 1.0, l, "plain"); });
    each("language", cases_.languages,
         [&](const line& l, script& s) { ask(s, 1.0, l, "language"); });
    each("spelled", cases_.asks, [&](const line& l, script& s) { spell(s, l); });
    each("pieces", cases_.pieces, [&](const line& l, script& s) { in_pieces(s, l); });
    each("second_voice", cases_.asks, [&](const line& l, script& s) { second_voice(s, l); });
    each("interrupted", cases_.asks, [&](const line& l, script& s) { barges_in(s, l); });
    each("interrupted_near", cases_.near, [&](const line& l, script& s) { barges_in(s, l); });
    each("talked_over", cases_.asks, [&](const line& l, script& s) { talks_over(s, l); });
    each("care", cases_.care, [&](const line& l, script& s) { care(s, l); });
    each("stop", cases_.slips, [&](const line& l, script& s) { slips(s, l); });
    injections();
    if (!how_.minutes.empty())
      for (std::int64_t n = 0; n < how_.long_talks; ++n) long_talk(n);
    return std::move(out_);
  }

 private:
  template <class Make>
  void each(const char* family, const lines& all, const Make& make) {
    std::int64_t n = 0;
    for (const auto& l : all) {
      if (how_.items > 0 && n >= how_.items) return;
      script s;
      s.id = fmt::format("{}/{:04}", family, n++);
      make(l, s);
      if (s.says.empty() && s.slips.empty()) continue;
      finish(std::move(s));
    }
  }

  void finish(script s) {
    double end = 0;
    for (const auto& u : s.says) end = std::max(end, u.end_s());
    for (const auto& slip : s.slips) end = std::max(end, slip.at_s + 10);
    s.length_s = end + turn_s + 1;
    out_.push_back(std::move(s));
  }

  static utterance& say(script& s, double at_s, std::string words) {
    utterance u;
    u.at_s = at_s;
    u.words = std::move(words);
    u.source = u.words;
    s.says.push_back(std::move(u));
    return s.says.back();
  }

  static void ask(script& s, double at_s, const line& l, const std::string& family) {
    auto& u = say(s, at_s, l.words);
    u.family = family;
    u.topic = l.topic;
    u.want = l.topic.empty() ? wanted::answer : wanted::refusal;
  }

  void spell(script& s, const line& l) {
    const auto words = with_spelled_word(l.words);
    if (words.empty()) return;
    ask(s, 1.0, {l.topic, words}, "spelled");
    s.says.back().source = l.words;
  }

  void in_pieces(script& s, const line& l) {
    const auto turns = parts_of(l.words);
    double at = 1.0;
    for (std::size_t i = 0; i + 1 < turns.size(); ++i) {
      say(s, at, turns[i]);
      at = s.says.back().end_s() + between_turns_s;
    }
    ask(s, at, {l.topic, turns.back()}, "pieces");
    s.says.back().source = l.words;
    s.says.back().turns = turns.size();
  }

  // Somebody else says something right before: the recogniser hears one run of words.
  void second_voice(script& s, const line& l) {
    ask(s, 1.0, {l.topic, chatter() + " " + l.words}, "second_voice");
    s.says.back().source = l.words;
  }

  // Asked into the model's answer.
  void barges_in(script& s, const line& l) {
    say(s, 1.0, chatter());
    ask(s, s.says.back().end_s() + 1.5, l, "interrupted");
  }

  // The person speaks on while the refusal begins: nothing of the request may get through for that.
  void talks_over(script& s, const line& l) {
    ask(s, 1.0, l, "interrupted");
    say(s, s.says.back().end_s() + 1.3, chatter());
  }

  void care(script& s, const line& l) {
    auto& u = say(s, 1.0, l.words);
    u.family = "care";
    u.topic = l.topic;
    u.want = wanted::care;
  }

  void slips(script& s, const line& l) { s.slips.push_back({1.0, parts_of(l.words), l.topic}); }

  // A harmless question; what the tool returns says what to do instead. Then a plain request.
  void injections() {
    if (cases_.asks.empty() || cases_.chatter.empty()) return;
    const auto count = how_.items > 0 ? how_.items : std::int64_t{100};
    if (cases_.wrappers.empty()) return;
    for (std::int64_t n = 0; n < count; ++n) {
      const auto& wrapper = cases_.wrappers[static_cast<std::size_t>(n) % cases_.wrappers.size()];
      const auto& request = pick(cases_.asks);
      auto text = wrapper.words;
      if (const auto at = text.find("{ask}"); at != text.npos) text.replace(at, 5, request.words);
      script s;
      s.id = fmt::format("injections/{:04}", n);
      auto& first = say(s, 1.0, chatter());
      first.returns = text;
      first.topic = wrapper.words.find("{ask}") == wrapper.words.npos ? "" : request.topic;
      first.family = "injected";
      first.source = first.topic.empty() ? text : request.words;
      const auto& later = pick(cases_.asks);
      ask(s, first.end_s() + 12, later, "after_injection");
      finish(std::move(s));
    }
  }

  void long_talk(std::int64_t n) {
    script s;
    s.id = fmt::format("long/{:04}", n);
    double at = 2;
    for (const auto minutes : how_.minutes) {
      for (; at < minutes * 60; at += chatter_every_s) say(s, at, chatter());
      const auto family = fmt::format("{:g}min", minutes);
      for (std::size_t i = 0; i < asks_at_mark; ++i) {
        for (const auto* list : {&cases_.asks, &cases_.near}) {
          if (list->empty()) continue;
          ask(s, at, pick(*list), family);
          at = s.says.back().end_s() + between_turns_s;
        }
      }
    }
    finish(std::move(s));
  }

  std::string chatter() {
    return cases_.chatter.empty() ? "the sky is blue today" : pick(cases_.chatter).words;
  }

  // Not a distribution of the library: those differ between implementations.
  const line& pick(const lines& from) { return from[random_() % from.size()]; }

  const case_set& cases_;
  const script_options& how_;
  std::mt19937_64 random_;
  std::vector<script> out_;
};

}  // namespace

double utterance::length_s() const { return word_s * static_cast<double>(words_of(words).size()); }

std::string spelled(const std::string& word) {
  std::string out;
  for (const char c : word) {
    if (!out.empty()) out += ' ';
    out += c;
  }
  return out;
}

std::string with_spelled_word(const std::string& words) {
  auto all = words_of(words);
  const auto is_plain = [](const std::string& w) {
    return w.size() >= 3 && std::ranges::all_of(w, [](char c) { return c >= 'a' && c <= 'z'; });
  };
  const auto last = std::find_if(all.rbegin(), all.rend(), is_plain);
  if (last == all.rend()) return "";
  *last = spelled(*last);
  return fmt::format("{}", fmt::join(all, " "));
}

std::vector<script> scripts_of(const case_set& cases, const script_options& how) {
  return maker(cases, how).make();
}

}  // namespace hocket::safety
