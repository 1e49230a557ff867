#include "engine/training/train.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <thread>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <malloc.h>

#include "engine/model/tensor_file.hpp"
#include "engine/training/loss.hpp"
#include "engine/training/optimizer.hpp"
#include "engine/training/warm_start.hpp"
#include "engine/training/workers.hpp"
#include "graph/trust/files.hpp"

namespace hocket::engine {
namespace {

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {  // splitmix64
  std::uint64_t z = a + 0x9e3779b97f4a7c15ull * (b + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

class trainer {
 public:
  trainer(const train_config& config, const example_source& source)
      : config_(config),
        source_(source),
        net_(config.model, config.seed),
        optimizer_(net_, {.matrix_rate = config.matrix_rate, .rate = config.rate}),
        pool_(config.workers) {
    loss_ = {.text_weight = config.text_weight,
             .heard_weight = config.heard_weight,
             .gate_weight = config.gate_weight,
             .spoken_weight = config.spoken_weight,
             .flow_weight = config.flow_weight,
             .flow_frames = config.flow_frames,
             .speech_noise = config.speech_noise,
             .token_dropout = config.token_dropout,
             .frequency_warp = config.frequency_warp};
    path_ = config.output + "/checkpoint.safetensors";
  }

  result<void> prepare() {
    if (const auto out = trust::folder::open(config_.output); !out)
      return fail("train.io", out.error().message);
    if (config_.resume) {
      auto metadata = load_tensors(path_, everything());
      if (!metadata) return fail("train.resume", metadata.error().message);
      step_ = std::stoll((*metadata)["step"]);
      seconds_ = std::stod((*metadata)["seconds"]);
    }
    if (!config_.resume && !config_.from.empty())
      HOCKET_TRY(warm_start(net_, config_.words, config_.from));
    if (config_.decay_now > 0) {
      config_.steps = step_ + config_.decay_now;
      config_.decay_steps = config_.decay_now;
    }
    for (auto& p : net_.parameters())
      if (p.weight) ops::refresh_half(*p.weight);
    return {};
  }

  result<void> run(const std::function<bool(const train_progress&)>& report) {
    auto last_log = clock::now(), last_save = clock::now();
    std::int64_t logged = step_;
    loss_report sums;
    while (step_ < config_.steps) {
      sums.add(one_step());
      if (!std::isfinite(sums.text + sums.heard + sums.flow + sums.gate))
        return fail("train.diverged", "the loss is not finite at step " + std::to_string(step_));
      const bool last = step_ == config_.steps;
      bool stop = false;
      if (step_ % config_.log_every == 0 || last) {
        const double elapsed = seconds_since(last_log);
        seconds_ += elapsed;
        const auto p = progress(sums, elapsed / static_cast<double>(step_ - logged));
        HOCKET_TRY(append_curve(p));
        stop = !report(p);
        sums = {}, logged = step_, last_log = clock::now();
      }
      if (last || stop || seconds_since(last_save) > config_.checkpoint_minutes * 60) {
        HOCKET_TRY(save());
        last_save = clock::now();
      }
      if (stop) break;
    }
    return {};
  }

 private:
  /// Weights and moments by name: what a checkpoint holds.
  named_tensors everything() {
    named_tensors all;
    for (auto& p : net_.parameters()) all.emplace_back(p.name, *p.value);
    for (auto& entry : optimizer_.state()) all.push_back(entry);
    return all;
  }

  double rate_scale() const {
    const double warm =
        std::min(1.0, static_cast<double>(step_ + 1) /
                          static_cast<double>(std::max<std::int64_t>(1, config_.warmup_steps)));
    const double left = static_cast<double>(config_.steps - step_) /
                        static_cast<double>(std::max<std::int64_t>(1, config_.decay_steps));
    return std::min(config_.decay_now > 0 ? 1.0 : warm, std::min(1.0, left));
  }

  loss_report one_step() {
    std::vector<network> replicas;
    std::vector<std::vector<parameter>> leaves;
    for (int w = 0; w < config_.workers; ++w) replicas.push_back(net_.alias());
    for (auto& r : replicas) {
      leaves.push_back(r.parameters());
      if (!config_.only_voice) continue;
      for (auto& p : leaves.back())
        if (!p.name.starts_with("flow.")) p.value->set_requires_grad(false);
    }
    std::vector<loss_report> reports(config_.workers);
    std::atomic<int> next{0};
    pool_.run([&](int w) {
      for (int i = next++; i < config_.batch; i = next++) {
        const std::uint64_t index = static_cast<std::uint64_t>(step_) * config_.batch + i;
        const auto example = source_.make(index);
        const auto loss =
            conversation_loss(replicas[w], example, loss_, mix(config_.seed, index), reports[w]);
        if (loss.requires_grad()) (loss / static_cast<double>(config_.batch)).backward();
      }
    });
    std::vector<at::Tensor> gradients(optimizer_.size());
    for (std::size_t i = 0; i < gradients.size(); ++i)
      for (auto& l : leaves) {
        const auto& g = l[i].value->grad();
        if (!g.defined()) continue;
        c10::NoGradGuard no_grad;
        gradients[i] = gradients[i].defined() ? gradients[i].add_(g) : g;
      }
    const double clip = optimizer_.clip_factor(gradients), scale = rate_scale();
    std::atomic<std::size_t> next_parameter{0};
    pool_.run([&](int) {
      for (std::size_t i = next_parameter++; i < gradients.size(); i = next_parameter++)
        if (gradients[i].defined()) optimizer_.update(i, gradients[i], scale, clip, step_ + 1);
    });
    ++step_;
    loss_report sum;
    for (const auto& r : reports) sum.add(r);
    return sum;
  }

  train_progress progress(const loss_report& r, double seconds_per_step) const {
    const double n = std::max(1.0, r.conversations), words = std::max(1.0, r.words);
    return {.step = step_,
            .steps = config_.steps,
            .rate_scale = rate_scale(),
            .loss_text = r.text / n,
            .loss_heard = r.heard / n,
            .loss_gate = r.gate / n,
            .loss_flow = r.flow / std::max(1e-9, r.flow_weight),
            .word_recall = r.words_right / words,
            .word_false = r.words_false / words,
            .heard_recall = r.heard_right / std::max(1.0, r.heard_words),
            .spoken_recall = r.spoken_right / std::max(1.0, r.spoken_frames),
            .seconds_per_step = seconds_per_step,
            .seconds = seconds_};
  }

  result<void> append_curve(const train_progress& p) const {
    const std::string path = config_.output + "/curve.csv";
    const bool fresh = !std::filesystem::exists(path);
    std::ostringstream out;
    if (fresh)
      out << "step,seconds,rate_scale,loss_text,loss_heard,loss_gate,loss_flow,word_recall,"
             "word_false,heard_recall,seconds_per_step\n";
    out << p.step << ',' << p.seconds << ',' << p.rate_scale << ',' << p.loss_text << ','
        << p.loss_heard << ',' << p.loss_gate << ',' << p.loss_flow << ',' << p.word_recall << ','
        << p.word_false << ',' << p.heard_recall << ',' << p.seconds_per_step << '\n';
    const auto file = trust::create_file(path, trust::create_as::appended);
    if (!file) return fail("train.io", file.error().message);
    HOCKET_TRY(file->write(out.str()));
    return {};
  }

  result<void> save() {
    return save_tensors(path_, everything(),
                        {{"step", std::to_string(step_)},
                         {"seconds", std::to_string(seconds_)},
                         {"seed", std::to_string(config_.seed)},
                         {"model", to_json(config_.model)}});
  }

  train_config config_;
  const example_source& source_;
  network net_;
  optimizer optimizer_;
  worker_pool pool_;
  loss_config loss_;
  std::string path_;
  std::int64_t step_ = 0;
  double seconds_ = 0;
};

}  // namespace

result<void> train(const train_config& config, const example_source& source,
                   const std::function<bool(const train_progress&)>& report) {
  // Large tensors come and go thousands of times: keep their pages.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest that glibc takes
  mallopt(M_TRIM_THRESHOLD, 2000000000);
  mallopt(M_ARENA_MAX, 1);  // other arenas unmap their heaps as soon as they are empty
  at::set_num_threads(1);
  try {
    trainer t(config, source);
    HOCKET_TRY(t.prepare());
    return t.run(report);
  } catch (const c10::Error& e) {
    return fail("train.torch", e.what_without_backtrace());
  }
}

result<void> export_model(const std::string& checkpoint, const std::string& folder, bool half) {
  try {
    auto file = load_tensors(checkpoint, {});
    if (!file) return fail(file);
    auto config = parse_model_config((*file)["model"]);
    if (!config) return fail(config);
    network net(*config, 0);
    named_tensors weights;
    for (auto& p : net.parameters()) weights.emplace_back(p.name, *p.value);
    if (auto loaded = load_tensors(checkpoint, weights); !loaded) return fail(loaded);
    if (half)
      for (auto& [name, value] : weights)
        if (value.dim() > 1) value = value.to(at::kBFloat16);
    if (const auto out = trust::folder::open(folder); !out) return fail(out);
    HOCKET_TRY(save_tensors(folder + "/model.safetensors", weights,
                            {{"step", (*file)["step"]},
                             {"seconds", (*file)["seconds"]},
                             {"weights", half ? "BF16" : "F32"}}));
    return trust::write_file(folder + "/config.json", to_json(*config) + "\n");
  } catch (const c10::Error& e) {
    return fail("train.torch", e.what_without_backtrace());
  }
}

}  // namespace hocket::engine
