// hocket policy: what a policy of policy.guard does about words, without a conversation.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

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

int try_words(const policy::rules& all, const policy::topic_head* judged, const policy_options& o) {
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

int try_cases(const policy::rules& all, const policy::topic_head* judged, const policy_options& o) {
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

}  // namespace

int run_policy(const policy_options& o) {
  const auto yaml = trust::read_given_file(o.file, 1u << 20);
  if (!yaml) return tell(yaml.error(), exit_bad_input);
  const auto all = policy::read_rules(o.file, *yaml);
  if (!all) {
    say(stderr, "{}", all.error().message);
    return exit_bad_input;
  }
  policy::topic_head head;
  if (!o.judge.empty()) {
    const auto text = trust::read_given_file(o.judge, 8u << 20);
    if (!text) return tell(text.error(), exit_bad_input);
    auto learnt = policy::topic_head::read(o.judge, *text);
    if (!learnt) return tell(learnt.error(), exit_bad_input);
    head = std::move(*learnt);
  }
  const auto* judged = o.judge.empty() ? nullptr : &head;
  if (!o.cases.empty()) return try_cases(*all, judged, o);
  if (!o.words.empty()) return try_words(*all, judged, o);
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
