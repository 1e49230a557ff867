#include <time.h>

#include <chrono>
#include <cstdio>
#include <unistd.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "engine/interaction/network.hpp"
#include "engine/interaction/session_bench.hpp"
#include "engine/transformer/simd.hpp"

namespace hocket::engine {
namespace {

double thread_cpu_ms() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

double wall_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double rss_mib() {
  long pages = 0, resident = 0;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%ld %ld", &pages, &resident) != 2) resident = 0;
    std::fclose(f);
  }
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

HOCKET_CLONES std::uint64_t read_all(const std::uint64_t* data, std::int64_t count) {
  std::uint64_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum ^= data[i];
  return sum;
}

}  // namespace

result<micro_turn_times> time_micro_turns(const std::shared_ptr<const interaction_model>& model,
                                          std::span<const std::uint8_t> audio, int batch,
                                          std::int64_t micro_turns) {
  at::set_num_threads(1);
  const auto& c = model->description().config;
  const std::size_t row = static_cast<std::size_t>(c.layout.audio) * c.dmel_channels;
  const auto turns = static_cast<std::int64_t>(audio.size() / row);
  std::vector<session> sessions;
  std::vector<session*> pointers;
  for (int i = 0; i < batch; ++i)
    sessions.emplace_back(model, session_options{.seed = static_cast<std::uint64_t>(i)});
  for (auto& s : sessions) pointers.push_back(&s);
  std::vector<micro_turn_input> inputs(batch);
  for (auto& in : inputs)  // a model that sees has something to see
    for (std::int64_t p = 0; p < c.video_size(); ++p)
      in.video.push_back(static_cast<std::uint8_t>(p * 7919));
  micro_turn_times times;
  times.wall_ms.reserve(micro_turns), times.cpu_ms.reserve(micro_turns);
  for (std::int64_t k = 0; k < micro_turns; ++k) {
    for (int i = 0; i < batch; ++i) {
      const auto from = static_cast<std::size_t>((k + i * 37) % turns) * row;
      inputs[i].audio.assign(audio.begin() + static_cast<std::ptrdiff_t>(from),
                             audio.begin() + static_cast<std::ptrdiff_t>(from + row));
    }
    const double wall = wall_ms(), cpu = thread_cpu_ms();
    auto outputs = batch_step(pointers, inputs);
    times.cpu_ms.push_back(thread_cpu_ms() - cpu);
    times.wall_ms.push_back(wall_ms() - wall);
    if (!outputs) return fail(outputs);
    for (const auto& o : *outputs)
      for (const auto v : o.voice) times.voiced_frames += v;
    if (k == 149) times.rss_start_mib = rss_mib();
  }
  times.rss_end_mib = rss_mib();
  return times;
}

double weight_read_floor_ms(const interaction_model& model) {
  network net = model.net();
  std::vector<at::Tensor> weights;
  for (const auto& p : net.parameters())
    if (p.weight && p.name.rfind("layers.", 0) == 0) weights.push_back(p.weight->packed);
  const auto& layout = net.config().layout;
  const int passes = 1 + layout.text_out + layout.speech - 1;
  double best = 1e9;
  volatile std::uint64_t sink = 0;
  for (int repeat = 0; repeat < 50; ++repeat) {
    const double start = wall_ms();
    for (int p = 0; p < passes; ++p)
      for (const auto& w : weights)
        sink = sink ^ read_all(static_cast<const std::uint64_t*>(w.data_ptr()),
                               static_cast<std::int64_t>(w.nbytes() / 8));
    best = std::min(best, wall_ms() - start);
  }
  return best;
}

}  // namespace hocket::engine
