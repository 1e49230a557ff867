// Who trains and samples for the server: in this process, or actors on any host.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "actors/gateway/tinker/engine/sampling.hpp"
#include "actors/gateway/tinker/engine/served_model.hpp"
#include "engine/lora/joint_passes.hpp"
#include "engine/lora/trainer.hpp"

namespace hocket::tinker {

/// What a fresh adapter is made of.
struct new_adapter {
  std::string base_name;  ///< as its client named the model
  lora::lora_parts parts;
  std::int64_t rank = 8;
  double alpha = 32;
  std::uint64_t seed = 0;
};

/// What a checkpoint keeps of a trainer.
struct trainer_state {
  lora::adapter_files files;
  std::string optimizer;  ///< safetensors; empty: not asked for
  std::int64_t steps = 0;
};

/// One adapter in training; it ends with this. *Threads*: one at a time; calls may wait for another host.
/// *Errors*: those of lora::trainer; of a trainer on another host tinker.model_lost (for good: it is gone) and
/// tinker.too_large.
class model_trainer {
 public:
  virtual ~model_trainer() = default;
  virtual result<std::map<std::string, double>> step(const lora::adam_params& params) = 0;
  virtual result<trainer_state> save(bool optimizer) = 0;
  /// To sample from, as it is now.
  virtual result<adapter_ptr> snapshot() = 0;
  /// Its host is gone, or does not know it any more: nothing but another trainer helps.
  virtual bool is_lost() const { return false; }
};

/// Passes of many trainers, as lora::joint_passes. *Threads*: that which made it; `then` is called by any.
class pass_worker {
 public:
  using finished = lora::joint_passes::finished;
  virtual ~pass_worker() = default;
  virtual void add(model_trainer& on, const lora::loss_config& loss,
                   std::span<const lora::training_datum> data, bool forward_only, finished then,
                   const std::string& owner) = 0;
  /// A part of what was added and is computed by this thread.
  virtual void step() = 0;
  /// Passes that wait for `step`.
  virtual std::size_t size() const = 0;
  /// Passes of one owner that are not through.
  virtual std::size_t size(const std::string& owner) const = 0;
};

/// Makes trainers. *Threads*: any.
class training_engine {
 public:
  virtual ~training_engine() = default;
  virtual result<std::unique_ptr<model_trainer>> create(std::shared_ptr<const served_model> base,
                                                        const new_adapter& what) = 0;
  /// As lora::trainer::open.
  virtual result<std::unique_ptr<model_trainer>> open(std::shared_ptr<const served_model> base,
                                                      const lora::adapter_files& files,
                                                      const std::string* optimizer) = 0;
  /// For the calling thread.
  virtual std::unique_ptr<pass_worker> passes() = 0;
  /// Whoever waits for another host waits no more.
  virtual void stop() {}
};

/// Samples. *Threads*: any.
class sampling_engine {
 public:
  virtual ~sampling_engine() = default;
  /// The job has passed `check`.
  virtual void submit(sample_job job) = 0;
  /// Jobs of an owner that nobody has begun.
  virtual std::size_t queued(const std::string& owner) const = 0;
  /// *Errors*: those of lora::open_adapter; of a sampler on another host they come with what is sampled.
  virtual result<adapter_ptr> adapter(const served_model& base, lora::adapter_files files) = 0;
  virtual void stop() {}
};

std::unique_ptr<training_engine> train_here();
std::unique_ptr<sampling_engine> sample_here();

}  // namespace hocket::tinker
