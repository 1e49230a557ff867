// hocket bench plan: sessions per core as `hocket plan` predicts them, over what they are.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "engine/interaction/session_bench.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/shipped.hpp"
#include "tools/plan/capacity.hpp"
#include "tools/report/measures.hpp"
#include "tools/scenarios/conversation.hpp"

namespace hocket::cli {

using namespace report;
namespace {

constexpr double deadline_ms = 200;
constexpr double seconds_of_talk = 30;

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

/// Sessions whose micro-turn takes the deadline, between two batches that lie around it.
result<double> measured(const std::shared_ptr<const engine::interaction_model>& model,
                        std::span<const std::uint8_t> audio, bool quick) {
  double before = 0, before_ms = 0;
  for (int batch = 4; batch <= 1024; batch *= 2) {
    const auto times = engine::time_micro_turns(model, audio, batch, quick ? 20 : 150);
    if (!times) return fail(times);
    const double ms = median(times->cpu_ms);
    if (ms >= deadline_ms)
      return before + (batch - before) * (deadline_ms - before_ms) / (ms - before_ms);
    before = batch, before_ms = ms;
  }
  return before;
}

}  // namespace

int run_bench_plan(const bench_options& o) {
  measures out;
  diagnostics findings;
  const auto machines = planning::read_machines(shipped("configs/plan/machines.yaml"), findings);
  const auto core = std::find_if(machines.begin(), machines.end(),
                                 [](const auto& m) { return m.name == "cpu_core"; });
  if (core == machines.end()) {
    fmt::print(stderr, "{}error: no machine `cpu_core` in configs/plan/machines.yaml\n",
               findings.to_string());
    return exit_bad_input;
  }
  scenarios::source_options source;
  source.seed = 900002, source.which = scenarios::split::heldout, source.seconds = seconds_of_talk;
  const auto talk = scenarios::make_conversation(source, 0);
  if (!talk) return tell(talk.error(), exit_failed);
  std::vector<std::string> folders{shipped("configs/models/nano"),
                                   shipped("configs/models/duplex")};
  if (std::find(folders.begin(), folders.end(), o.model) == folders.end())
    folders.push_back(o.model);
  progress shown(o.json, folders.size(), "plan");
  for (const auto& folder : folders) {
    const auto name = std::filesystem::path(folder).filename().string();
    shown.next("plan: " + name);
    const auto model = engine::interaction_model::load(folder, "cpu");
    if (!model) return tell(model.error(), exit_failed);
    const auto seen = measured(*model, talk->example.audio, o.quick);
    if (!seen) return tell(seen.error(), exit_failed);
    planning::workload w;
    w.shape = planning::read_shape(folder, findings), w.on = *core;
    planning::demand need;
    need.deadline_share = 1, need.session_minutes = seconds_of_talk / 60, need.longest_minutes = 1;
    const double predicted = planning::capacity_of(w, need, 1).sessions;
    out.add("plan.sessions_per_core." + name + ".measured", *seen, "", o.quick ? 20 : 150);
    out.add("plan.sessions_per_core." + name + ".predicted", predicted, "");
    out.add({.name = "plan.sessions_per_core." + name + ".over_measured",
             .value = predicted / *seen,
             .unit = "ratio",
             .low = {},
             .high = {},
             .target = {},
             .good = goal::none,
             .n = 1});
  }
  out.note("measured: sessions whose micro-turn's median CPU time reaches 200 ms on one core");
  shown.finish();
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
