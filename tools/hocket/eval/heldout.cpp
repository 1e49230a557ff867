#include "tools/hocket/eval/heldout.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "tools/scenarios/conversation.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::cli {

using namespace report;
namespace {

constexpr double target = 0.85;

int family_number(const std::string& name) {
  const auto& names = scenarios::family_names();
  return static_cast<int>(std::find(names.begin(), names.end(), name) - names.begin());
}

/// What comes in as text less the results, which the model has to ask for.
std::vector<std::int32_t> typed_in(const scenarios::conversation& c,
                                   const engine::vocabulary& words) {
  const auto& own = scenarios::nano_vocabulary();
  auto typed = c.example.text_in;
  for (const auto& d : c.delegations) {
    const auto size = static_cast<std::int64_t>(own.encode(d.result).size());
    for (auto k = d.answered; k < std::min(d.answered + size, c.micro_turns); ++k)
      typed[static_cast<std::size_t>(k)] = engine::vocabulary::pad;
  }
  for (auto& token : typed)
    if (token != engine::vocabulary::pad) token = words.id_of(own.token_of(token));
  return typed;
}

engine::script script_of(scenarios::conversation c, const engine::vocabulary& words) {
  constexpr std::int64_t turn = 3200, frame = 800;
  engine::script s;
  s.micro_turns = c.micro_turns;
  s.typed = typed_in(c, words);
  s.audio = std::move(c.example.audio);
  s.video = std::move(c.example.video);
  s.pictured = std::move(c.example.pictured);
  for (const auto& e : c.episodes)
    s.episodes.push_back({family_number(e.family), e.start / turn, e.end / turn});
  for (const auto& w : c.model_words) {
    const auto token = words.id_of(w.word);
    if (token == engine::vocabulary::delegate || token == engine::vocabulary::end) continue;
    s.words.push_back({token, w.micro_turn,
                       family_number(c.episodes[static_cast<std::size_t>(w.episode)].family)});
  }
  for (const auto& w : c.person_words)
    if (w.labelled) s.person.push_back({words.id_of(w.word), (w.end - 1) / frame});
  for (const auto& d : c.delegations)
    s.errands.push_back({words.encode(d.task), words.encode(d.result), d.asked, d.answered});
  return s;
}

/// found / all over conversations, with a percentile bootstrap over conversations.
struct ratio {
  double value = 0, low = 0, high = 0;
  std::int64_t n = 0;  ///< words in the denominator
};

ratio bootstrap(const std::vector<std::pair<double, double>>& parts) {
  double found = 0, all = 0;
  for (const auto& [f, a] : parts) found += f, all += a;
  ratio r{all > 0 ? found / all : 0, 0, 0, static_cast<std::int64_t>(all)};
  std::mt19937_64 random(1);
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) {
    double f = 0, a = 0;
    for (std::size_t j = 0; j < parts.size(); ++j) {
      const auto& p = parts[random() % parts.size()];
      f += p.first, a += p.second;
    }
    values.push_back(a > 0 ? f / a : 0);
  }
  std::sort(values.begin(), values.end());
  r.low = values[24], r.high = values[974];
  return r;
}

void add(measures& out, const std::string& name, const ratio& r, bool with_target) {
  measure m{.name = name,
            .value = r.value,
            .unit = "ratio",
            .low = r.low,
            .high = r.high,
            .target = {},
            .good = goal::none,
            .n = r.n};
  if (with_target) m.target = target, m.good = goal::at_least;
  out.add(std::move(m));
}

}  // namespace

measures summarise_closed_loop(const engine::closed_loop_result& r) {
  std::map<int, std::vector<std::pair<double, double>>> recall, precision, exact;
  for (const auto& conversation : r.conversations) {
    engine::word_counts all;
    for (const auto& c : conversation) {
      recall[c.family].emplace_back(c.found, c.expected);
      precision[c.family].emplace_back(c.found, c.said);
      all.found += c.found, all.expected += c.expected, all.said += c.said, all.exact += c.exact;
    }
    recall[-1].emplace_back(all.found, all.expected);
    precision[-1].emplace_back(all.found, all.said);
    exact[-1].emplace_back(all.exact, all.found);
  }
  measures out;
  add(out, "closed_loop.recall", bootstrap(recall[-1]), true);
  add(out, "closed_loop.precision", bootstrap(precision[-1]), true);
  add(out, "closed_loop.exact_micro_turn", bootstrap(exact[-1]), false);
  const auto& names = scenarios::family_names();
  for (const auto& [family, parts] : recall) {
    if (family < 0 || family >= static_cast<int>(names.size())) continue;
    double expected = 0, said = 0;
    for (const auto& part : parts) expected += part.second;
    for (const auto& part : precision[family]) said += part.second;
    if (expected == 0) {  // a family in which the model should be silent
      out.add("closed_loop." + names[family] + ".false_words", said, "",
              static_cast<std::int64_t>(parts.size()));
      continue;
    }
    add(out, "closed_loop." + names[family] + ".recall", bootstrap(parts), false);
    add(out, "closed_loop." + names[family] + ".precision", bootstrap(precision[family]), false);
  }
  out.add("closed_loop.heard.recall", r.person_found / std::max(1.0, r.person_expected), "ratio",
          static_cast<std::int64_t>(r.person_expected));
  out.add("closed_loop.heard.precision", r.person_found / std::max(1.0, r.person_said), "ratio",
          static_cast<std::int64_t>(r.person_said));
  out.add("closed_loop.delegations_right", r.errands_asked / std::max(1.0, r.errands), "ratio",
          static_cast<std::int64_t>(r.errands));
  out.add("closed_loop.real_time_factor", r.seconds / (r.micro_turns * 0.2), "ratio",
          static_cast<std::int64_t>(r.micro_turns));
  return out;
}

result<std::vector<engine::script>> heldout_scripts(scenarios::source_options source,
                                                    const engine::vocabulary& words,
                                                    std::int64_t count) {
  source.which = scenarios::split::heldout;
  std::vector<engine::script> scripts;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto made = scenarios::make_conversation(source, static_cast<std::uint64_t>(i));
    if (!made) return fail(made);
    scripts.push_back(script_of(std::move(*made), words));
  }
  return scripts;
}

}  // namespace hocket::cli
