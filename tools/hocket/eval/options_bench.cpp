// Options of `hocket bench`.
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/options.hpp"

namespace hocket::cli {
namespace {

struct named_benchmark {
  const char* name;
  benchmark run;
};
constexpr named_benchmark benchmarks[] = {
    {"hop", run_bench_hop},
#ifdef HOCKET_WITH_ENGINE
    {"lora", run_bench_lora}, {"plan", run_bench_plan}, {"session", run_bench_session},
#endif
    {"wire", run_bench_wire},
};

int run_bench(const std::string& what, const bench_options& o) {
  std::vector<benchmark> parts;
  for (const auto& each : benchmarks)
    if (what == each.name ||
        (what == "all" && (std::string_view(each.name) != "lora" || !o.language_model.empty())))
      parts.push_back(each.run);
  return run_benchmarks(parts, o);
}

}  // namespace

void add_bench(CLI::App& app, action& chosen) {
  static bench_options o;
  static std::string what = "all";
  auto& sub =
      command(app, chosen, "bench", "Measure this machine", [] { return run_bench(what, o); });
  std::vector<std::string> parts{"all"};
  for (const auto& each : benchmarks) parts.emplace_back(each.name);
  sub.add_option("what", what,
                 "hop: packets between actors; session: micro-turns of a model;\n"
                 "lora: training of adapters; wire: packets between processes;\n"
                 "plan: sessions per core, predicted over measured")
      ->check(CLI::IsMember(parts))
      ->capture_default_str();
  sub.add_option("--model", o.model, "session: model folder")->capture_default_str();
  sub.add_option("--language-model", o.language_model, "lora: folder or GGUF file");
  sub.add_option("--sessions", o.sessions, "session: conversations at once; 0 = a sweep");
  sub.add_option("--micro-turns", o.micro_turns, "session: length of the long run; 0 = 18000");
  sub.add_option("--seconds", o.seconds, "About how long to measure; 0 = the default");
  sub.add_option("--csv", o.csv, "wire: also write dora-benchmark's CSV columns to this file")
      ->type_name("FILE");
  sub.add_flag("--quick", o.quick, "A smoke run of a few seconds; not for reports");
  sub.add_option("--out", o.out, "Also write the JSON to this file")->type_name("FILE");
  add_json(sub, o.json);
}

}  // namespace hocket::cli
