// Rounds of training of one adapter. No torch in this header.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "graph/core/training_example.hpp"

namespace hocket::trainer {

/// A service of the Tinker API that trains in place of this process.
struct service_settings {
  std::string base_url;  ///< as its clients take it; empty: this process trains
  std::string model;     ///< its name there
  std::string key_env;   ///< variable that holds the key; empty: none is sent
  std::string key;       ///< never told
  std::string ca_file;   ///< PEM to trust instead of the system's list
  std::int64_t patience_s =
      900;  ///< longest wait for the result of one operation, all tries together
  /// Whether a URL may be connected to; empty: any.
  std::function<result<void>(const std::string& url)> may_reach;
};

struct round_settings {
  /// A GGUF file, a folder, or the name of a fetched package. Of a service's model its words are enough.
  std::string model;
  std::int64_t rank = 8;
  double alpha = 32;
  std::vector<std::string> parts = {"attention", "feed_forward"};
  std::string modules;  ///< an expression for whole names instead of `parts`
  std::int64_t seed = 1, max_tokens = 1024, most_examples = 10'000;
  std::int64_t batch = 4, warmup = 0;
  std::string optimizer = "adamw";  ///< or muon
  std::string precision = "fp32";   ///< of products with the model's weights; or bfloat16
  double rate = 2e-4, decay = 0, clip = 1;
  service_settings service;
};

/// What is adapted, in words that hold on every machine: no path.
struct base_model {
  std::string name;
  std::string sha256;  ///< empty: only the service has the weights
};

/// What a step did.
struct step_told {
  std::int64_t step = 0, steps = 0;  ///< of this round
  double loss = 0;                   ///< mean of a target
  std::optional<double> validation;  ///< the same of the held examples, where it was measured
  double tokens_per_s = 0;
};

/// An adapter as files, and what its round came to.
struct trained {
  std::string config, weights;  ///< PEFT's two files
  std::int64_t steps = 0, tokens = 0;
  std::optional<double> validation_before, validation_after;
  double first_loss = 0, last_loss = 0;
};

/// One adapter that learns in rounds, and the examples that it learns from.
/// Threads: `add` beside `train`; the others one at a time.
class lora_rounds {
 public:
  virtual ~lora_rounds() = default;
  /// Keeps an example; the oldest goes where there are too many. `is_held`: it is not trained on.
  /// Gives its tokens. Errors: train.data, saying what is wrong with it.
  virtual result<std::int64_t> add(const training_example& e, bool is_held) = 0;
  virtual std::int64_t examples() const = 0;
  virtual std::int64_t forgotten() const = 0;  ///< for lack of room
  /// Trains on all examples so far. `told` is asked after each small slice of work, also where no step
  /// ended (then without a value), and ends the round by false: train.stopped. Background work: it
  /// passes the gate of micro-turns.
  /// Errors: lora.*, loss.*; of a service train.service_* (`service/README.md`).
  virtual result<trained> train(std::int64_t epochs,
                                const std::function<bool(const step_told*)>& told) = 0;
  /// Goes on from an adapter of before; empty: from none.
  virtual result<void> back_to(const std::string& config, const std::string& weights) = 0;
  virtual const base_model& base() const = 0;
};

/// Errors: model.*, lora.bad_config, train.bad_service (what a service cannot do, or a URL that others read),
/// train.no_engine where this build has none.
result<std::unique_ptr<lora_rounds>> open_lora_rounds(const round_settings& s);

}  // namespace hocket::trainer
