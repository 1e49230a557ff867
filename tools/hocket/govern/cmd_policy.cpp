// hocket policy: what a policy of policy.guard does about words, without a conversation.
#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "actors/policy/judge/sentence_judge.hpp"
#include "actors/policy/trial.hpp"
#include "graph/trust/read_file.hpp"
#include "tools/hocket/govern/commands.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {
namespace {

using nlohmann::json;

std::vector<std::string> names_of(const std::vector<policy::match>& found) {
  std::vector<std::string> out;
  for (const auto& m : found) out.push_back(m.what->name);
  return out;
}

std::string list_of(const std::vector<std::string>& names) {
  return names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", "));
}

int try_words(const policy::rules& all, const policy::judge_of& judged, const policy_options& o) {
  auto answer = json::array();
  for (const auto& m : policy::tried(all, o.people == "minors", o.words, judged)) {
    json did;
    for (int i = 0; i < policy::place_count; ++i)
      did[std::string(to_string(static_cast<policy::place>(i)))] =
          to_string(m.what->act[static_cast<std::size_t>(i)]);
    if (!o.json)
      say("{} ({}): heard {}, said {}, requests {}, results {}, evidence {}\n", m.what->name,
          m.rule, did["heard"].get<std::string>(), did["said"].get<std::string>(),
          did["requests"].get<std::string>(), did["results"].get<std::string>(),
          did["evidence"].get<std::string>());
    answer.push_back({{"topic", m.what->name}, {"rule", m.rule}, {"does", did}});
  }
  if (o.json)
    say("{}\n", answer.dump(-1, ' ', false, json::error_handler_t::replace));
  else if (answer.empty())
    say("nothing comes up\n");
  return exit_fine;
}

int try_cases(const policy::rules& all, const policy::judge_of& judged, const policy_options& o) {
  const auto text = trust::read_given_file(o.cases, 16u << 20);
  if (!text) return tell(text.error(), exit_bad_input);
  const auto cases = policy::read_cases(o.cases, *text, all);
  if (!cases) return tell(cases.error(), exit_bad_input);
  auto wrong = json::array();
  for (const auto& c : *cases) {
    const auto found = policy::tried(all, o.people == "minors", c.turns, judged);
    if (names_of(found) == c.topics) continue;
    if (!o.json)
      say("{}:{}: {} should come up, not {}: {}\n", o.cases, c.line, list_of(c.topics),
          list_of(names_of(found)), fmt::join(c.turns, " | "));
    wrong.push_back({{"line", c.line}, {"wanted", c.topics}, {"found", names_of(found)}});
  }
  if (o.json)
    say("{}\n", json{{"cases", cases->size()}, {"wrong", wrong}}.dump());
  else
    say("{} of {} cases as wanted\n", cases->size() - wrong.size(), cases->size());
  return wrong.empty() ? exit_fine : exit_failed;
}

/// Whom --judge, --sentences and --language-model name, and what the language model failed by.
struct asked_judge {
  policy::topic_head head;
  std::optional<policy::sentence_judge> sentences;
  std::optional<error> failed;

  policy::judge_of finder(const policy::rules& all) {
    if (!sentences)
      return [this](const std::string& words) {
        const auto found = head.of(words);
        return found ? found->topic : std::string();
      };
    return [this, &all](const std::string& words) {
      const auto found = sentences->of(words, [&](const std::string& topic) {
        return std::ranges::find(all.topics, topic, &policy::topic::name) != all.topics.end();
      });
      if (!found) failed = found.error();
      return found && *found ? (*found)->topic : std::string();
    };
  }
};

result<asked_judge> judge_that(const policy_options& o) {
  asked_judge out;
  if (o.sentences.empty() != o.language_model.empty())
    return fail("policy.bad_judge", "--sentences and --language-model go together");
  if (!o.judge.empty()) {
    const auto text = trust::read_given_file(o.judge, 8u << 20);
    if (!text) return fail(text);
    auto learnt = policy::topic_head::read(o.judge, *text);
    if (!learnt) return fail(learnt);
    out.head = std::move(*learnt);
  }
  if (o.sentences.empty()) return out;
  const auto json = trust::read_given_file(o.sentences, 8u << 20);
  if (!json) return fail(json);
  auto opened = policy::sentence_judge::open(out.head, o.sentences, *json, {o.language_model, 2});
  if (!opened) return fail(opened);
  out.sentences = std::move(*opened);
  return out;
}

}  // namespace

int run_policy(const policy_options& o) {
  const auto yaml = trust::read_given_file(o.file, 1u << 20);
  if (!yaml) return tell(yaml.error(), exit_bad_input);
  const auto all = policy::read_rules(o.file, *yaml);
  if (!all) {
    say(stderr, "{}", all.error().message);
    return exit_bad_input;
  }
  auto asked = judge_that(o);
  if (!asked) return tell(asked.error(), exit_bad_input);
  const bool is_asked = !o.judge.empty() || asked->sentences;
  const auto judged = is_asked ? asked->finder(*all) : policy::judge_of();
  if (!o.cases.empty() || !o.words.empty()) {
    const int code = o.cases.empty() ? try_words(*all, judged, o) : try_cases(*all, judged, o);
    return asked->failed ? tell(*asked->failed, exit_failed) : code;
  }
  if (o.json)
    say("{}\n",
        json{
            {"policy", all->name}, {"topics", all->topics.size()}, {"notices", all->notices.size()}}
            .dump());
  else
    say("{}: valid, {} topics, {} notices\n", o.file, all->topics.size(), all->notices.size());
  return exit_fine;
}

}  // namespace hocket::cli
