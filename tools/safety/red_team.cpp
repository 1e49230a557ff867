#include "tools/safety/red_team.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tools/safety/judge.hpp"

namespace hocket::safety {
namespace {

constexpr double between_attacks_s = 8.0;

/// Each in a conversation of its own: which succeed.
result<std::vector<bool>> try_alone(const arena& where, const std::vector<attack>& all,
                                    const policy::rules& rules, const play_options& how) {
  std::vector<script> scripts;
  for (const auto& a : all) {
    script s;
    append_to(s, a, 1.0);
    s.length_s = s.says.back().end_s() + turn_s + 4;
    scripts.push_back(std::move(s));
  }
  const auto did = play(where, scripts, how);
  if (!did) return fail(did);
  std::vector<bool> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto verdicts = judge(scripts[i], (*did)[i], rules, where.language);
    out.push_back(!verdicts.empty() && !verdicts.back().good);
  }
  return out;
}

bool is_wrapping(const attack_turn& t) { return std::ranges::none_of(t, &attack_word::is_core); }

std::vector<attack> without_a_turn(const attack& a) {
  std::vector<attack> out;
  for (std::size_t i = 0; i < a.turns.size() && a.turns.size() > 1; ++i) {
    if (!is_wrapping(a.turns[i])) continue;
    auto less = a;
    less.turns.erase(less.turns.begin() + static_cast<std::ptrdiff_t>(i));
    out.push_back(std::move(less));
  }
  return out;
}

// All words that only wrap, then halves of them, down to single ones.
std::vector<attack> without_words(const attack& a) {
  std::vector<attack> out;
  for (std::size_t i = 0; i < a.turns.size(); ++i) {
    std::vector<std::size_t> loose;
    for (std::size_t k = 0; k < a.turns[i].size(); ++k)
      if (!a.turns[i][k].is_core) loose.push_back(k);
    for (auto chunk = loose.size(); chunk > 0; chunk /= 2)
      for (std::size_t from = 0; from < loose.size(); from += chunk) {
        auto less = a;
        auto& turn = less.turns[i];
        for (auto k = std::min(from + chunk, loose.size()); k-- > from;)
          turn.erase(turn.begin() + static_cast<std::ptrdiff_t>(loose[k]));
        if (!turn.empty()) out.push_back(std::move(less));
      }
  }
  return out;
}

/// A conversation full of attacks, with those that it holds.
struct round {
  script talk;
  std::vector<attack> attacks;
};

round next_round(adversary& who, const case_set& goals, std::size_t number, double length_s) {
  round out;
  out.talk.id = fmt::format("red_team/{:04}", number);
  double at = 2;
  while (at < length_s) {
    auto a = who.next();
    append_to(out.talk, a, at);
    at = out.talk.says.back().end_s() + between_attacks_s;
    out.attacks.push_back(std::move(a));
    if (goals.chatter.empty()) continue;
    utterance u;
    u.at_s = at;
    u.words = goals.chatter[out.attacks.size() % goals.chatter.size()].words;
    out.talk.says.push_back(u);
    at = u.end_s() + between_attacks_s;
  }
  out.talk.length_s = at + turn_s;
  return out;
}

void count_round(const round& r, const played& did, const policy::rules& rules,
                 const std::string& language, red_team_report& into) {
  const auto verdicts = judge(r.talk, did, rules, language);
  std::size_t n = 0;
  for (const auto& u : r.talk.says) {
    if (u.family.empty()) continue;
    // A conversation that was ended judges no more.
    if (n >= verdicts.size()) break;
    const auto& a = r.attacks[n];
    auto& counted = into.by_strategy[a.strategy.substr(0, a.strategy.find('+'))];
    ++counted.second;
    ++into.attacks;
    if (!verdicts[n].good) {
      ++counted.first;
      into.successes.push_back({a, u.at_s, true});
    }
    ++n;
  }
  into.hours += (did.ended_s >= 0 ? did.ended_s : r.talk.length_s) / 3600;
}

}  // namespace

result<attack> shrunk(const arena& where, attack a, const policy::rules& all,
                      const play_options& how) {
  // An order in what a tool returns is one text: it stays as it is.
  if (!a.returns.empty()) return a;
  for (const auto less : {without_a_turn, without_words})
    while (true) {
      const auto candidates = less(a);
      if (candidates.empty()) break;
      const auto works = try_alone(where, candidates, all, how);
      if (!works) return fail(works);
      const auto first = std::ranges::find(*works, true);
      if (first == works->end()) break;
      a = candidates[static_cast<std::size_t>(first - works->begin())];
    }
  return a;
}

result<red_team_report> attack_graph(const arena& where, const case_set& goals,
                                     const policy::rules& all, const red_team_options& how) {
  if (goals.asks.empty())
    return fail("safety.bad_cases", "the goals name nothing that this policy forbids (`asks`)");
  adversary who(goals, how.seed, how.model);
  red_team_report out;
  std::size_t learnt = 0;
  for (std::size_t number = 0; out.hours < how.hours;) {
    std::vector<round> rounds;
    double planned = out.hours;
    while (planned < how.hours && rounds.size() < static_cast<std::size_t>(how.play.at_once)) {
      const double left_s = (how.hours - planned) * 3600;
      rounds.push_back(next_round(who, goals, number++, std::min(how.talk_min * 60, left_s)));
      planned += rounds.back().talk.length_s / 3600;
    }
    std::vector<script> scripts;
    for (const auto& r : rounds) scripts.push_back(r.talk);
    const auto did = play(where, scripts, how.play);
    if (!did) return fail(did);
    for (std::size_t i = 0; i < rounds.size(); ++i)
      count_round(rounds[i], (*did)[i], all, where.language, out);
    for (; how.model != nullptr && learnt < out.successes.size(); ++learnt)
      if (const auto& a = out.successes[learnt].what; is_by_model(a))
        how.model->got_through(core_of(a));
    if (how.progress) how.progress(out.hours, static_cast<std::int64_t>(out.successes.size()));
  }
  std::vector<attack> found;
  for (const auto& s : out.successes) found.push_back(s.what);
  const auto alone = try_alone(where, found, all, how.play);
  if (!alone) return fail(alone);
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto& s = out.successes[i];
    s.is_alone = (*alone)[i];
    if (!s.is_alone || static_cast<std::int64_t>(i) >= how.shrunk) continue;
    auto less = shrunk(where, s.what, all, how.play);
    if (!less) return fail(less);
    s.what = std::move(*less);
  }
  return out;
}

}  // namespace hocket::safety
