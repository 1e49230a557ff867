// hocket eval background: which tools a planner asks for requests in words, and with which arguments.
#include <fmt/format.h>

#include "tools/hocket/eval/background_score.hpp"
#include "tools/hocket/eval/eval_background.hpp"
#include "tools/hocket/options.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

int tell(const error& e, int code) {
  fmt::print(stderr, "error: {} [{}]\n", e.message, e.code);
  return code;
}

/// The planner of that name with settings as a graph would give them.
result<std::unique_ptr<planner>> make_planner(const background_request& o, const registry& types) {
  const auto* type = types.find_planner(o.planner);
  if (type == nullptr)
    return fail("eval.planner", fmt::format("no planner is called `{}`; there are: {}", o.planner,
                                            fmt::join(types.part_names(part_kind::planner), ", ")));
  value::map all;
  if (!o.model.empty()) all.push_back({"model", {}, value(o.model)});
  value::map endpoint;
  if (!o.base_url.empty()) endpoint.push_back({"base_url", {}, value(o.base_url)});
  if (!o.endpoint_model.empty()) endpoint.push_back({"model", {}, value(o.endpoint_model)});
  if (!o.key_env.empty()) endpoint.push_back({"key_env", {}, value(o.key_env)});
  if (!endpoint.empty()) all.push_back({"openai", {}, value(std::move(endpoint))});
  if (o.all_tools) all.push_back({"choose_tools", {}, value(false)});
  auto settings = type->make_config();
  diagnostics findings;
  read_config(value(std::move(all)), *settings, "planner " + o.planner, {}, findings);
  if (findings.has_errors()) return fail("eval.planner", findings.to_string());
  auto plan = type->make(*settings);
  planner_context where;
  where.types = &types;
  if (const auto opened = plan->open(where); !opened) return fail(opened);
  return plan;
}

int judge_background(const background_request& o) {
  const auto types = known_types();
  if (!types) return tell(types.error(), exit_failed);
  progress shown(o.json, static_cast<std::size_t>(o.cases), "opening " + o.planner);
  auto plan = make_planner(o, *types);
  if (!plan) return tell(plan.error(), exit_bad_input);
  const auto tools = background_tools();
  const auto cases = background_cases(o.seed, static_cast<std::size_t>(o.cases));
  background_score score;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    run_case(**plan, cases[i], tools, i + 1, o.steps, score);
    shown.at(i + 1, "requests");
  }
  shown.finish();
  report::measures out;
  score.add_to(out, o.name.empty() ? o.planner : o.name);
  out.note(
      fmt::format("{} requests of seed {}, {} tools: of ten four with one call, two with two, one "
                  "with three, one correction, one talk, one that no tool can do.",
                  o.cases, o.seed, tools.size()));
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace

void add_eval_background(CLI::App& eval, action& chosen) {
  static background_request o;
  auto* sub = eval.add_subcommand(
      "background", "Judge a planner: which tools it asks for 200 requests, and with what");
  // The parent's callback comes after this one and would replace it.
  sub->callback([&eval, &chosen] {
    eval.callback([] {});
    chosen = [] { return judge_background(o); };
  });
  sub->add_option("--planner", o.planner, "match, language, …")->capture_default_str();
  sub->add_option("--model", o.model, "language: a GGUF file or a folder");
  sub->add_option("--base-url", o.base_url, "language: an OpenAI-compatible endpoint");
  sub->add_option("--endpoint-model", o.endpoint_model, "language: the model's name there");
  sub->add_option("--key-env", o.key_env, "language: variable that holds the key");
  sub->add_flag("--all-tools", o.all_tools, "language: without choosing tools first");
  sub->add_option("--name", o.name, "Name in the results; the planner's");
  sub->add_option("--cases", o.cases, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  sub->add_option("--seed", o.seed, "Of the requests")->capture_default_str();
  sub->add_option("--steps", o.steps, "Of one request, at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  sub->add_option("--out", o.out, "JSON file to write too");
  add_json(*sub, o.json);
}

}  // namespace hocket::cli
