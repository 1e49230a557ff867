// Options of the commands that train, judge and measure. A command that is not built has none.
#include "tools/hocket/options.hpp"

namespace hocket::cli {
namespace {

#if defined(HOCKET_COMMAND_BENCH_HOP) || defined(HOCKET_COMMAND_BENCH_SESSION) || \
    defined(HOCKET_COMMAND_BENCH_WIRE)
int run_bench(const std::string& what, const bench_options& o) {
  std::vector<benchmark> parts;
#ifdef HOCKET_COMMAND_BENCH_HOP
  if (what == "all" || what == "hop") parts.push_back(run_bench_hop);
#endif
#ifdef HOCKET_COMMAND_BENCH_SESSION
  if (what == "all" || what == "session") parts.push_back(run_bench_session);
#endif
#ifdef HOCKET_COMMAND_BENCH_WIRE
  if (what == "all" || what == "wire") parts.push_back(run_bench_wire);
#endif
  return run_benchmarks(parts, o);
}
#endif

}  // namespace

void add_train([[maybe_unused]] CLI::App& app, [[maybe_unused]] action& chosen) {
#ifdef HOCKET_COMMAND_TRAIN
  static train_options o;
  auto& sub = command(app, chosen, "train", "Train a model", [] { return run_train(o); });
  sub.add_option("config", o.config, "Training file (YAML), such as configs/train/nano.yaml")
      ->required();
  sub.add_flag("--resume", o.resume, "Go on from the newest checkpoint");
  sub.add_option("--steps", o.steps, "Stop after that many steps; 0 = as the config says");
  sub.add_option("--decay-steps", o.decay_steps, "Length of the last learning-rate decay");
  sub.add_option("--out", o.out, "Folder for checkpoints and curves");
  sub.add_option("--from", o.from, "Folder of a trained model to begin with");
  sub.add_option("--workers", o.workers, "Threads that make training data");
  add_json(sub, o.json);
#endif
}

void add_eval([[maybe_unused]] CLI::App& app, [[maybe_unused]] action& chosen) {
#ifdef HOCKET_COMMAND_EVAL
  static eval_options o;
  auto& sub = command(app, chosen, "eval", "Evaluate a model", [] { return run_eval(o); });
  sub.add_option("what", o.what, "closed-loop: the model hears only the person and itself")
      ->check(CLI::IsMember({"closed-loop"}))
      ->capture_default_str();
  sub.add_option("--model", o.model, "Model folder")->capture_default_str();
  sub.add_option("--conversations", o.conversations, "How many")->capture_default_str();
  sub.add_option("--seed", o.seed, "First seed; 0 = the held-out seeds")->capture_default_str();
  sub.add_option("--seconds", o.seconds, "Length of a conversation")->capture_default_str();
  sub.add_option("--family", o.families, "Only these families (repeat), or all; none = the core");
  sub.add_flag("--rich", o.rich, "flite voices too, rooms, noise, echo, loss");
  sub.add_option("--batch", o.batch, "Conversations at once")->capture_default_str();
  sub.add_option("--out", o.out, "JSON file to write too");
  add_json(sub, o.json);
#ifdef HOCKET_COMMAND_EVAL_DUPLEX
  add_eval_duplex(sub, chosen);
#endif
#endif
}

void add_scenarios([[maybe_unused]] CLI::App& app, [[maybe_unused]] action& chosen) {
#ifdef HOCKET_COMMAND_SCENARIOS
  static scenarios_options o;
  auto& sub = command(app, chosen, "scenarios", "Make synthetic conversations with exact labels",
                      [] { return run_scenarios(o); });
  sub.add_option("--out", o.out, "Folder to write")->capture_default_str();
  sub.add_option("--count", o.count, "How many")->capture_default_str();
  sub.add_option("--seed", o.seed, "First seed")->capture_default_str();
  sub.add_option("--split", o.split, "Voices and seeds")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "heldout"}));
  sub.add_option("--family", o.families, "Only these families (repeat), or all; none = the core");
  sub.add_flag("--rich", o.rich, "flite voices too, rooms, noise, echo, loss");
  sub.add_flag("--demo", o.demo, "The conversation that tools/run shows");
  add_json(sub, o.json);
#endif
}

void add_bench([[maybe_unused]] CLI::App& app, [[maybe_unused]] action& chosen) {
#if defined(HOCKET_COMMAND_BENCH_HOP) || defined(HOCKET_COMMAND_BENCH_SESSION) || \
    defined(HOCKET_COMMAND_BENCH_WIRE)
  static bench_options o;
  static std::string what = "all";
  auto& sub =
      command(app, chosen, "bench", "Measure this machine", [] { return run_bench(what, o); });
  std::vector<std::string> parts;
#ifdef HOCKET_COMMAND_BENCH_HOP
  parts.push_back("hop");
#endif
#ifdef HOCKET_COMMAND_BENCH_SESSION
  parts.push_back("session");
#endif
#ifdef HOCKET_COMMAND_BENCH_WIRE
  parts.push_back("wire");
#endif
  parts.push_back("all");
  sub.add_option("what", what,
                 "hop: packets between actors; session: micro-turns of a model;\n"
                 "wire: packets between processes")
      ->check(CLI::IsMember(parts))
      ->capture_default_str();
  sub.add_option("--model", o.model, "session: model folder")->capture_default_str();
  sub.add_option("--sessions", o.sessions, "session: conversations at once; 0 = a sweep");
  sub.add_option("--micro-turns", o.micro_turns, "session: length of the long run; 0 = 18000");
  sub.add_option("--seconds", o.seconds, "About how long to measure; 0 = the default");
  sub.add_option("--csv", o.csv, "wire: also write dora-benchmark's CSV columns to this file")
      ->type_name("FILE");
  sub.add_flag("--quick", o.quick, "A smoke run of a few seconds; not for reports");
  sub.add_option("--out", o.out, "Also write the JSON to this file")->type_name("FILE");
  add_json(sub, o.json);
#endif
}

}  // namespace hocket::cli
