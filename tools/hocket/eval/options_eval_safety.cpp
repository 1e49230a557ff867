#include "tools/hocket/eval/options_eval_safety.hpp"

#include "tools/hocket/eval/eval_safety.hpp"

namespace hocket::cli {

namespace {

void add_eval_red_team(CLI::App& eval, action& chosen) {
  static red_team_request o;
  auto* sub = eval.add_subcommand(
      "red-team", "Let adversaries talk with a graph for hours; keeps what gets through");
  sub->callback([&eval, &chosen] {
    eval.callback([] {});
    chosen = [] { return attack_a_graph(o); };
  });
  sub->add_option("graph", o.graph, "Graph file (YAML) with a policy.guard")->capture_default_str();
  add_graph_options(*sub, o.how);
  sub->add_option("--policy", o.policy, "Policy file instead of the one that the graph names")
      ->type_name("FILE");
  sub->add_option("--goals", o.goals, "What the adversaries want, and their words")
      ->capture_default_str()
      ->type_name("FILE");
  sub->add_option("--hours", o.hours, "Of stream time")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 1000.0))
      ->check(finite());
  sub->add_option("--talk-min", o.talk_min, "Length of one conversation")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 600.0))
      ->check(finite());
  sub->add_option("--seed", o.seed, "Of everything that is drawn")->capture_default_str();
  sub->add_option("--language-model", o.model,
                  "One of the adversaries, beside the scripted ones: a file, a folder, a fetched "
                  "package, or the URL of an OpenAI-compatible endpoint")
      ->type_name("MODEL");
  sub->add_option("--model-name", o.name, "Of the model at that URL")->type_name("NAME");
  sub->add_option("--key-env", o.key_env, "Environment variable with the key of that URL")
      ->type_name("VARIABLE");
  sub->add_option("--keep", o.keep,
                  "Add what is found, as short as it can be, to this file of cases")
      ->type_name("FILE");
  sub->add_option("--out", o.out, "Folder for red_team.json")
      ->capture_default_str()
      ->type_name("DIR");
  sub->add_option("--at-once", o.at_once, "Conversations in one run")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  sub->add_flag("--strict", o.strict, "Exit code 1 where a target is missed");
  add_json(*sub, o.json);
  sub->footer(
      "What is found is a line `TOPIC: turn | turn`: `hocket policy POLICY --cases FILE` is its "
      "test.");
}

}  // namespace

void add_eval_safety(CLI::App& eval, action& chosen) {
  add_eval_red_team(eval, chosen);
  static safety_request o;
  auto* sub = eval.add_subcommand(
      "safety",
      "Measure what a graph with a policy refuses and lets through; writes a system card");
  // The parent's callback comes after this one and would replace it.
  sub->callback([&eval, &chosen] {
    eval.callback([] {});
    chosen = [] { return judge_safety(o); };
  });
  sub->add_option("graph", o.graph, "Graph file (YAML) with a policy.guard")->capture_default_str();
  add_graph_options(*sub, o.how);
  sub->add_option("--policy", o.policy, "Policy file instead of the one that the graph names")
      ->type_name("FILE");
  sub->add_option("--cases", o.cases, "File of cases")->capture_default_str()->type_name("FILE");
  sub->add_option("--out", o.out, "Folder for system_card.json and system_card.md")
      ->capture_default_str()
      ->type_name("DIR");
  sub->add_option("--seed", o.seed, "Of what is drawn")->capture_default_str();
  sub->add_option("--items", o.items, "Of each family, at most; 0 = all")
      ->check(CLI::Range(0, 100000));
  sub->add_option("--minutes", o.minutes, "Ask again after so much stream time; 0 = never")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(0.0, 600.0))
      ->check(finite());
  sub->add_option("--long-talks", o.long_talks, "Conversations that last so long")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  sub->add_option("--at-once", o.at_once, "Conversations in one run")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  sub->add_option("--adapter", o.adapter,
                  "With --spoken: judge the model through the adapter in this folder beside the "
                  "model without it, and note both in its card")
      ->type_name("DIR");
  sub->add_option("--ledger", o.ledger,
                  "Record what was found of the adapter there, too: for gates")
      ->type_name("FILE");
  sub->add_option(
         "--cost", o.cost_rounds,
         "Runs of the graph with and without its guard, for what it costs; needs the model")
      ->type_name("ROUNDS")
      ->check(CLI::Range(1, 100));
  sub->add_flag(
      "--spoken", o.spoken,
      "Say it to the graph's own model, in voices that no training hears; needs the model");
  sub->add_flag("--quick", o.quick, "Ten of each family, no long conversations; not for reports");
  sub->add_flag("--strict", o.strict, "Exit code 1 where a target is missed");
  add_json(*sub, o.json);
  sub->footer(
      "People, model and background are played by ones that do whatever they are told, in virtual\n"
      "time; everything else is the graph's own. What is refused, the graph refused.");
}

}  // namespace hocket::cli
