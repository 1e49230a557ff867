// hocket bench session: compute time of the interaction model's micro-turns on one core.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "engine/interaction/session_bench.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/report/measures.hpp"
#include "tools/scenarios/conversation.hpp"

namespace hocket::cli {

using namespace report;
namespace {

constexpr double deadline_ms = 200;  // a micro-turn
constexpr double p99_target_ms = 40, tail_target = 1.15;
constexpr std::int64_t hour = 18000;  // micro-turns of 60 min

double percentile(std::vector<double> v, double p) {
  if (v.empty()) return 0;
  const auto at = static_cast<std::size_t>(p * static_cast<double>(v.size() - 1) + 0.5);
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(at), v.end());
  return v[at];
}

/// Mean of the last n over the mean of the first n, both without their top hundredth. CPU time: what
/// other processes take is no property of the model.
double tail_over_head(const std::vector<double>& times, std::size_t n) {
  auto mean = [](std::vector<double> part) {
    std::sort(part.begin(), part.end());
    part.resize(part.size() - part.size() / 100);
    return std::accumulate(part.begin(), part.end(), 0.0) / static_cast<double>(part.size());
  };
  n = std::min(n, times.size() / 2);
  const auto m = static_cast<std::ptrdiff_t>(n);
  return mean({times.end() - m, times.end()}) / mean({times.begin(), times.begin() + m});
}

}  // namespace

int run_bench_session(const bench_options& o) {
  progress shown(o.json, 0, "session: loading " + o.model);
  auto model = engine::interaction_model::load(o.model, "cpu");
  if (!model) return tell(model.error(), exit_bad_input);
  scenarios::source_options source;
  source.seed = 900002;
  source.which = scenarios::split::heldout;
  source.seconds = 30;
  const auto talk = scenarios::make_conversation(source, 0);
  if (!talk) return tell(talk.error(), exit_failed);
  const auto& audio = talk->example.audio;

  measures out;
  const std::int64_t turns = o.micro_turns > 0 ? o.micro_turns : (o.quick ? 600 : hour);
  shown.at(0, fmt::format("session: {} micro-turns of one conversation", turns));
  const auto one = engine::time_micro_turns(*model, audio, 1, turns);
  if (!one) return tell(one.error(), exit_failed);
  const double p50 = percentile(one->wall_ms, 0.5), floor = engine::weight_read_floor_ms(**model);
  out.add("session.micro_turn.p50_ms", p50, "ms", turns);
  out.add("session.micro_turn.p99_ms", percentile(one->wall_ms, 0.99), "ms", turns, p99_target_ms,
          goal::at_most);
  out.add("session.micro_turn.p999_ms", percentile(one->wall_ms, 0.999), "ms", turns);
  out.add("session.micro_turn.cpu_p50_ms", percentile(one->cpu_ms, 0.5), "ms", turns);
  out.add("session.micro_turn.cpu_p99_ms", percentile(one->cpu_ms, 0.99), "ms", turns);
  out.add("session.weight_read_floor_ms", floor, "ms", 50);
  out.add("session.micro_turn.p50_over_floor", p50 / floor, "ratio", turns);
  out.add("session.tail_over_head.150",
          tail_over_head(
              {one->cpu_ms.begin(), one->cpu_ms.begin() + std::min<std::int64_t>(turns, 150)}, 50),
          "ratio", 150);
  out.add("session.tail_over_head", tail_over_head(one->cpu_ms, 600), "ratio", turns, tail_target,
          goal::at_most);
  out.add("session.rss_start_mib", one->rss_start_mib, "MiB", 1);
  out.add("session.rss_end_mib", one->rss_end_mib, "MiB", 1);
  out.add("session.rss_growth_mib", one->rss_end_mib - one->rss_start_mib, "MiB", 1, 8.0,
          goal::at_most);
  out.add("session.voiced_share",
          static_cast<double>(one->voiced_frames) / static_cast<double>(turns * 4), "ratio",
          turns * 4);

  int fits = 0;
  const std::int64_t batch_turns = o.quick ? 30 : 150;
  for (int batch = o.sessions > 0 ? o.sessions : 1; batch <= 512; batch *= 2) {
    shown.next(fmt::format("session: {} conversations at once", batch));
    const auto many = engine::time_micro_turns(*model, audio, batch, batch_turns);
    if (!many) return tell(many.error(), exit_failed);
    const double cpu99 = percentile(many->cpu_ms, 0.99);
    out.add(fmt::format("session.batch.{}.cpu_p99_ms", batch), cpu99, "ms", batch_turns);
    if (cpu99 > deadline_ms) break;
    fits = batch;
    if (o.sessions > 0 || (o.quick && batch >= 8)) break;
  }
  out.add("session.sessions_per_core", fits, "", batch_turns);
  out.note(fmt::format(
      "one thread, {} parameters as {}; a held-out conversation of 30 s over and over; wall times "
      "hold what other processes took; tail over head: mean CPU time of the last 600 micro-turns "
      "over the first 600; sessions per core: the largest power of two whose batch has a CPU p99 "
      "within {} ms.",
      (*model)->description().parameters, (*model)->description().weights, deadline_ms));
  shown.finish();
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
