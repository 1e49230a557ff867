// An interaction model loaded from a folder. No torch in this header.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/interaction/config.hpp"
#include "engine/text/vocabulary.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

class network;

/// What a model says about itself.
struct model_description {
  std::string folder;
  std::string device;  ///< the one it took: "cpu" or "cuda:n"
  model_config config;
  std::int64_t parameters = 0;
  std::string weights;  ///< "F32" or "BF16", as stored
  std::int64_t trained_steps = 0;
};

/// Immutable weights that any number of sessions share.
/// *Inputs*: a folder with config.json, vocabulary.json and model.safetensors.
/// *Errors* (`model.*`): io, bad_config, bad_weights (missing, wrong shape), no_device.
/// *Threads*: `load` from any; a loaded model is used by one thread per batch of sessions.
/// *Memory*: weights once in fp32 and once packed (bf16 where that loses nothing).
class interaction_model {
 public:
  /// device: "cpu", "cuda", "cuda:n", or "auto" (a GPU if there is one).
  static result<std::shared_ptr<const interaction_model>> load(const std::string& folder,
                                                               const std::string& device = "auto");
  /// From weights in memory; for tests and for evaluation during training.
  static std::shared_ptr<const interaction_model> wrap(const network& net, vocabulary words);
  ~interaction_model();

  const model_description& description() const { return description_; }
  const vocabulary& words() const { return words_; }
  const network& net() const { return *net_; }

 private:
  interaction_model();
  model_description description_;
  vocabulary words_;
  std::unique_ptr<network> net_;
};

}  // namespace hocket::engine
