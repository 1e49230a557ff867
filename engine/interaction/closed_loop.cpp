#include "engine/interaction/closed_loop.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>

namespace hocket::engine {
namespace {

/// One conversation under way.
struct run {
  const script* what;
  session who;
  std::vector<std::int32_t> text_in;
  std::vector<script::word> said;
  std::vector<script::heard> heard;
  std::vector<bool> done;          ///< errands that were asked for
  std::vector<std::int32_t> task;  ///< words since <delegate>
  std::int64_t asked = -1;         ///< micro-turn of <delegate>; -1: none open

  run(const script& s, std::shared_ptr<const interaction_model> model, const session_options& o)
      : what(&s), who(std::move(model), o), text_in(s.typed), done(s.errands.size(), false) {
    text_in.resize(static_cast<std::size_t>(s.micro_turns), vocabulary::pad);
  }

  micro_turn_input input() const {
    const auto k = static_cast<std::size_t>(who.micro_turns());
    const std::size_t row = what->audio.size() / static_cast<std::size_t>(what->micro_turns);
    micro_turn_input in;
    in.audio.assign(what->audio.begin() + static_cast<std::ptrdiff_t>(k * row),
                    what->audio.begin() + static_cast<std::ptrdiff_t>((k + 1) * row));
    in.text = {text_in[k]};
    const std::size_t size =
        static_cast<std::size_t>(who.model().description().config.video_size());
    if (size > 0 && !what->video.empty() && what->pictured[k])
      in.video.assign(what->video.begin() + static_cast<std::ptrdiff_t>(k * size),
                      what->video.begin() + static_cast<std::ptrdiff_t>((k + 1) * size));
    return in;
  }

  void take(const micro_turn_output& out) {
    const std::int64_t k = who.micro_turns() - 1;
    for (const auto token : out.text) {
      if (token == vocabulary::delegate) {
        task.clear(), asked = k;
      } else if (token == vocabulary::end) {
        if (asked >= 0) answer(k);
        asked = -1;
      } else if (token != vocabulary::pad) {
        if (asked >= 0) task.push_back(token);
        said.push_back({token, k, -1});
      }
    }
    for (std::size_t f = 0; f < out.heard.size(); ++f)
      if (out.heard[f] != vocabulary::pad)
        heard.push_back({out.heard[f], k * static_cast<std::int64_t>(out.heard.size()) +
                                           static_cast<std::int64_t>(f)});
  }

  void answer(std::int64_t now) {
    for (std::size_t i = 0; i < what->errands.size(); ++i) {
      const auto& e = what->errands[i];
      if (done[i] || e.task != task) continue;
      done[i] = true;
      std::int64_t at = std::max(now + 1, asked + e.answered - e.asked);
      for (const auto token : e.result)
        if (at < what->micro_turns) text_in[static_cast<std::size_t>(at++)] = token;
      return;
    }
  }
};

int family_at(const script& s, std::int64_t micro_turn) {
  int family = -1;
  std::int64_t nearest = INT64_MAX;
  for (const auto& e : s.episodes) {
    const std::int64_t away =
        micro_turn < e.from ? e.from - micro_turn : (micro_turn > e.to ? micro_turn - e.to : 0);
    if (away < nearest) nearest = away, family = e.family;
  }
  return family;
}

/// Groups times by token and matches each group; calls pair(expected index, said index or -1).
template <class Expected, class Said, class TimeE, class TimeS, class Pair>
void match_tokens(const Expected& expected, const Said& said, TimeE time_e, TimeS time_s,
                  std::int64_t tolerance, Pair pair) {
  std::map<std::int32_t, std::pair<std::vector<std::size_t>, std::vector<std::size_t>>> groups;
  for (std::size_t i = 0; i < expected.size(); ++i) groups[expected[i].token].first.push_back(i);
  for (std::size_t i = 0; i < said.size(); ++i) groups[said[i].token].second.push_back(i);
  for (const auto& [token, lists] : groups) {
    std::vector<std::int64_t> a, b;
    for (const auto i : lists.first) a.push_back(time_e(expected[i]));
    for (const auto i : lists.second) b.push_back(time_s(said[i]));
    const auto partner = match_times(a, b, tolerance);
    for (std::size_t i = 0; i < a.size(); ++i)
      if (partner[i] >= 0) pair(lists.first[i], lists.second[partner[i]]);
  }
}

std::vector<word_counts> count(const run& r, std::int64_t tolerance) {
  std::map<int, word_counts> families;
  for (const auto& e : r.what->episodes) families[e.family];
  std::vector<int> family_of_said(r.said.size(), -1);
  for (const auto& w : r.what->words) families[w.family].expected += 1;
  match_tokens(
      r.what->words, r.said, [](const auto& w) { return w.micro_turn; },
      [](const auto& w) { return w.micro_turn; }, tolerance,
      [&](std::size_t e, std::size_t s) {
        const auto& word = r.what->words[e];
        families[word.family].found += 1;
        families[word.family].exact += word.micro_turn == r.said[s].micro_turn;
        family_of_said[s] = word.family;
      });
  for (std::size_t i = 0; i < r.said.size(); ++i)
    families[family_of_said[i] >= 0 ? family_of_said[i] : family_at(*r.what, r.said[i].micro_turn)]
        .said += 1;
  std::vector<word_counts> all;
  for (auto& [family, counts] : families) {
    counts.family = family;
    all.push_back(counts);
  }
  return all;
}

}  // namespace

std::vector<std::int64_t> match_times(std::span<const std::int64_t> expected,
                                      std::span<const std::int64_t> said, std::int64_t tolerance) {
  // Both sorted and windows of equal width: taking the earliest that fits is a maximum matching.
  std::vector<std::int64_t> partner(expected.size(), -1);
  std::size_t j = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    while (j < said.size() && said[j] < expected[i] - tolerance) ++j;
    if (j < said.size() && said[j] <= expected[i] + tolerance)
      partner[i] = static_cast<std::int64_t>(j++);
  }
  return partner;
}

result<closed_loop_result> run_closed_loop(const std::shared_ptr<const interaction_model>& model,
                                           std::span<const script> scripts,
                                           const session_options& options, int batch,
                                           std::int64_t tolerance,
                                           const std::function<void(std::size_t)>& progress) {
  closed_loop_result total;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t from = 0; from < scripts.size(); from += static_cast<std::size_t>(batch)) {
    std::vector<run> runs;
    const std::size_t to = std::min(scripts.size(), from + static_cast<std::size_t>(batch));
    for (std::size_t i = from; i < to; ++i) {
      session_options own = options;
      own.seed += i;
      runs.emplace_back(scripts[i], model, own);
    }
    for (;;) {
      std::vector<run*> alive;
      std::vector<session*> sessions;
      std::vector<micro_turn_input> inputs;
      for (auto& r : runs)
        if (r.who.micro_turns() < r.what->micro_turns)
          alive.push_back(&r), sessions.push_back(&r.who), inputs.push_back(r.input());
      if (alive.empty()) break;
      auto outputs = batch_step(sessions, inputs);
      if (!outputs) return fail(outputs);
      for (std::size_t i = 0; i < alive.size(); ++i) alive[i]->take((*outputs)[i]);
      total.micro_turns += static_cast<double>(alive.size());
    }
    for (const auto& r : runs) {
      total.conversations.push_back(count(r, tolerance));
      total.person_expected += static_cast<double>(r.what->person.size());
      total.person_said += static_cast<double>(r.heard.size());
      match_tokens(
          r.what->person, r.heard, [](const auto& w) { return w.frame; },
          [](const auto& w) { return w.frame; }, 4,
          [&](std::size_t, std::size_t) { total.person_found += 1; });
      total.errands += static_cast<double>(r.done.size());
      total.errands_asked += static_cast<double>(std::count(r.done.begin(), r.done.end(), true));
    }
    if (progress) progress(to);
  }
  total.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return total;
}

}  // namespace hocket::engine
