#include "tools/hocket/train/train_loop.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <vector>

#include <malloc.h>

#include "engine/training/workers.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/train/curve.hpp"

namespace hocket::cli {
namespace {

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

/// Large tensors come and go thousands of times: keep their pages.
void keep_pages() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest that glibc takes
  mallopt(M_TRIM_THRESHOLD, 2000000000);
  mallopt(M_ARENA_MAX, 1);  // other arenas unmap their heaps as soon as they are empty
}

class train_loop {
 public:
  train_loop(train_config config, const engine::example_source& source)
      : config_(std::move(config)),
        source_(source),
        trainer_(config_),
        makers_(config_.workers),
        path_(config_.output + "/checkpoint.safetensors") {}

  result<void> prepare() {
    if (const auto out = trust::folder::open(config_.output); !out)
      return fail("train.io", out.error().message);
    if (config_.resume) {
      if (auto resumed = resume(); !resumed) return fail("train.resume", resumed.error().message);
    } else if (engine::is_published(config_.from)) {
      HOCKET_TRY(trainer_.start_from_published(config_.from));
    } else if (!config_.from.empty()) {
      const auto trained = engine::interaction_model::load(config_.from, "cpu");
      if (!trained) return fail("train.from", trained.error().message);
      HOCKET_TRY(trainer_.start_from(**trained, config_.words));
    }
    if (config_.decay_now > 0) {
      config_.steps = trainer_.steps() + config_.decay_now;
      config_.decay_steps = config_.decay_now;
    }
    return {};
  }

  result<void> run(const train_report& report) {
    auto last_log = clock::now(), last_save = clock::now();
    std::int64_t logged = trainer_.steps();
    while (trainer_.steps() < config_.steps) {
      HOCKET_TRY(trainer_.step(make_batch(), rate_scale(config_, trainer_.steps())));
      const std::int64_t done = trainer_.steps();
      const bool last = done == config_.steps;
      bool stop = false;
      if (done % config_.log_every == 0 || last) {
        const double elapsed = seconds_since(last_log);
        seconds_ += elapsed;
        const auto p = progress(elapsed / static_cast<double>(done - logged));
        HOCKET_TRY(append_curve(config_.output, p));
        stop = !report(p, trainer_);
        logged = done, last_log = clock::now();
      }
      if (last || stop || seconds_since(last_save) > config_.checkpoint_minutes * 60) {
        HOCKET_TRY(save());
        last_save = clock::now();
      }
      if (stop) break;
    }
    return {};
  }

  engine::interaction_trainer take_trainer() { return std::move(trainer_); }

 private:
  result<void> resume() {
    const auto file = engine::safetensors_file::open(path_);
    if (!file) return fail(file);
    HOCKET_TRY(trainer_.restore(*file));
    const auto seconds = file->metadata().find("seconds");
    if (seconds != file->metadata().end()) seconds_ = std::atof(seconds->second.c_str());
    return {};
  }

  /// The conversations of the next step, made side by side.
  std::vector<training_example> make_batch() {
    std::vector<training_example> batch(config_.batch);
    std::atomic<std::size_t> next{0};
    const auto first = static_cast<std::uint64_t>(trainer_.steps()) * batch.size();
    makers_.run([&](int) {
      for (std::size_t i = next++; i < batch.size(); i = next++) batch[i] = source_.make(first + i);
    });
    return batch;
  }

  train_progress progress(double seconds_per_step) {
    train_progress p;
    static_cast<engine::training_means&>(p) = trainer_.take_means();
    p.step = trainer_.steps(), p.steps = config_.steps;
    p.rate_scale = rate_scale(config_, trainer_.steps());
    p.seconds_per_step = seconds_per_step, p.seconds = seconds_;
    return p;
  }

  result<void> save() {
    auto checkpoint = trainer_.save();
    checkpoint.metadata["seconds"] = std::to_string(seconds_);
    return engine::write_safetensors(path_, checkpoint.tensors, checkpoint.metadata);
  }

  train_config config_;
  const engine::example_source& source_;
  engine::interaction_trainer trainer_;
  engine::worker_pool makers_;
  std::string path_;
  double seconds_ = 0;
};

}  // namespace

double rate_scale(const train_config& config, std::int64_t step) {
  const auto part = [](std::int64_t done, std::int64_t of) {
    return static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(1, of));
  };
  const double warm = config.decay_now > 0 ? 1.0 : part(step + 1, config.warmup_steps);
  return std::min({1.0, warm, part(config.steps - step, config.decay_steps)});
}

result<engine::interaction_trainer> train(train_config config, const engine::example_source& source,
                                          const train_report& report) {
  keep_pages();
  engine::use_one_torch_thread();
  train_loop loop(std::move(config), source);
  HOCKET_TRY(loop.prepare());
  HOCKET_TRY(loop.run(report));
  return loop.take_trainer();
}

result<void> write_model(const engine::interaction_trainer& trainer,
                         const engine::model_config& config, const std::string& folder) {
  if (const auto out = trust::folder::open(folder); !out) return fail(out);
  const auto weights = trainer.export_weights(true);
  HOCKET_TRY(
      engine::write_safetensors(folder + "/model.safetensors", weights.tensors, weights.metadata));
  return trust::write_file(folder + "/config.json", engine::to_json(config) + "\n");
}

}  // namespace hocket::cli
