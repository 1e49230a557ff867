// hocket eval background: which tools a planner asks for requests in words, and with which arguments.
#include <map>
#include <optional>

#include <fmt/format.h>

#include "graph/trust/files.hpp"
#include "actors/background/learning.hpp"
#include "actors/trainer/adapters/adapter_packet.hpp"
#include "tools/hocket/eval/background_score.hpp"
#include "tools/hocket/eval/evaluated_adapter.hpp"
#include "tools/hocket/eval/eval_background.hpp"
#include "tools/hocket/options.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/types.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {
namespace {

using counters = std::map<std::string, std::int64_t>;

/// The planner of that name with settings as a graph would give them.
result<std::unique_ptr<planner>> make_planner(const background_request& o, const registry& types,
                                              counters& counted) {
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
  if (o.planner == "language") {
    all.push_back({"held", {}, value(!o.free)});
    all.push_back({"prefix_mb", {}, value(o.prefix_mb)});
    all.push_back({"threads", {}, value(o.threads)});
    all.push_back({"step_ms", {}, value(std::int64_t{600'000})});
  }
  auto settings = type->make_config();
  diagnostics findings;
  read_config(value(std::move(all)), *settings, "planner " + o.planner, {}, findings);
  if (findings.has_errors()) return fail("eval.planner", findings.to_string());
  auto plan = type->make(*settings);
  planner_context where;
  where.types = &types;
  where.count = [&](std::string_view name, std::int64_t n) { counted[std::string(name)] += n; };
  if (const auto opened = plan->open(where); !opened) return fail(opened);
  return plan;
}

/// What the model's turns cost, where it is in this process.
void add_costs(report::measures& out, const std::string& name, counters& counted) {
  const auto turns = counted["model_turns"];
  if (turns == 0 || counted["prompt_tokens"] == 0) return;
  const auto mean = [&](const char* key) {
    return static_cast<double>(counted[key]) / static_cast<double>(turns);
  };
  out.add(name + "first_token_ms", mean("first_token_ms"), "ms", turns);
  out.add(name + "prompt_tokens", mean("prompt_tokens"), "per turn", turns);
  out.add(name + "reused_prompt_tokens", mean("reused_prompt_tokens"), "per turn", turns);
}

nlohmann::json told_of(const background_case& c) {
  auto wanted = nlohmann::json::array();
  for (const auto& w : c.calls) wanted.push_back({{"tool", w.tool}, {"arguments", w.arguments}});
  return {
      {"kind", c.kind}, {"task", c.task}, {"wanted", wanted}, {"calls", nlohmann::json::array()}};
}

/// The requests and tools as files that `trainer.labelled_talk` and `use: listed` read.
int write_background(const background_request& o) {
  std::string lines;
  for (const auto& c : background_cases(o.seed, static_cast<std::size_t>(o.cases)))
    lines += trainer::to_json(labelled(c)).dump() + "\n";
  auto tools = nlohmann::ordered_json::array();
  for (const auto& t : background_tools())
    tools.push_back({{"name", t.name},
                     {"description", t.summary},
                     {"parameters", nlohmann::ordered_json::parse(t.parameters_json_schema)},
                     {"says", "done"}});
  const auto put = [](const std::string& path, const std::string& text) -> result<void> {
    if (path.empty()) return {};
    return trust::write_file(path, text);
  };
  if (const auto done = put(o.write, lines); !done) return tell(done.error(), exit_bad_input);
  if (const auto done = put(o.write_tools, tools.dump(1) + "\n"); !done)
    return tell(done.error(), exit_bad_input);
  return exit_fine;
}

/// The planner works through the adapter of that folder from now on.
result<adapter> through_adapter(const background_request& o, planner& plan) {
  auto a = trainer::read_adapter_folder(o.adapter);
  if (!a) return a;
  auto* can = dynamic_cast<background::learner*>(&plan);
  if (can == nullptr)
    return fail("eval.adapter", "planner " + o.planner + " takes no adapters; `language` does");
  HOCKET_TRY(can->prepare(*a));
  HOCKET_TRY(can->adapt(*a));
  return a;
}

int judge_background(const background_request& o) {
  if (!o.ledger.empty() && o.adapter.empty())
    return tell({"eval.adapter", "--ledger records what is found of an --adapter"}, exit_bad_input);
  if (!o.write.empty() || !o.write_tools.empty()) return write_background(o);
  const auto types = known_types();
  if (!types) return tell(types.error(), exit_failed);
  progress shown(o.json, static_cast<std::size_t>(o.cases), "opening " + o.planner);
  counters counted;
  auto plan = make_planner(o, *types, counted);
  if (!plan) return tell(plan.error(), exit_bad_input);
  const auto through = o.adapter.empty() ? result<adapter>() : through_adapter(o, **plan);
  if (!through) return tell(through.error(), exit_bad_input);
  const auto tools = background_tools();
  const auto cases = background_cases(o.seed, static_cast<std::size_t>(o.cases));
  background_score score;
  std::optional<trust::file> lines;
  if (!o.calls.empty()) {
    auto made = trust::create_file(o.calls);
    if (!made) return tell(made.error(), exit_bad_input);
    lines.emplace(std::move(*made));
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    auto told = told_of(cases[i]);
    run_case(**plan, cases[i], tools, i + 1, o.steps, score, &told);
    if (lines)
      if (const auto done = lines->write(told.dump() + "\n"); !done)
        return tell(done.error(), exit_failed);
    shown.at(i + 1, "requests");
  }
  shown.finish();
  report::measures out;
  const auto name = o.name.empty() ? o.planner : o.name;
  score.add_to(out, name);
  add_costs(out, "background." + name + ".", counted);
  if (!o.adapter.empty())
    if (const auto noted = note_evaluation(
            o.adapter, *through, o.ledger,
            fmt::format("hocket eval background, {} requests of seed {}", o.cases, o.seed),
            {{"background.pass1", score.pass()},
             {"background.f1", score.f1()},
             {"background.exact_arguments", score.exact_share()}});
        !noted)
      return tell(noted.error(), exit_failed);
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
  sub->add_flag("--free", o.free, "language: decode freely, not held to the tools' schemas");
  sub->add_option("--prefix-mb", o.prefix_mb, "language: memory for beginnings of prompts; 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000000));
  sub->add_option("--threads", o.threads, "language: of a model in this process")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  sub->add_option("--name", o.name, "Name in the results; the planner's");
  sub->add_option("--adapter", o.adapter,
                  "language: judge it through the adapter in this folder, and note it in its card");
  sub->add_option("--ledger", o.ledger, "Record what was found of the adapter there, too");
  sub->add_option("--cases", o.cases, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  sub->add_option("--seed", o.seed, "Of the requests")->capture_default_str();
  sub->add_option("--steps", o.steps, "Of one request, at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  sub->add_option("--calls", o.calls, "JSON lines to write: each request, calls made and wanted");
  sub->add_option("--out", o.out, "JSON file to write too");
  sub->add_option("--write", o.write,
                  "Write the requests with their labels (JSON lines), and judge nothing");
  sub->add_option("--write-tools", o.write_tools, "Write the tools (JSON), and judge nothing");
  add_json(*sub, o.json);
}

}  // namespace hocket::cli
