#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/gateway/tinker/keys/api_keys.hpp"
#include "actors/gateway/tinker/engine/engine.hpp"
#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

namespace hocket::tinker {

struct service_options {
  std::string address = "tcp://127.0.0.1:8000";
  std::vector<std::shared_ptr<const served_model>> models;
  std::string folder;  ///< of checkpoints and runs
  /// Empty: whoever comes with a key that begins with `tml-` is a tenant of its own; only where the
  /// address is a loopback one.
  api_keys keys = {};
  double alpha = 32;  ///< of new adapters
  int at_once = 1;    ///< passes at the same time, each over sequences of many models
  /// Who works; null: this process.
  std::unique_ptr<training_engine> training = {};
  std::unique_ptr<sampling_engine> sampling = {};
  /// Weights that a client saved to sample from, by owner and name, with their card; on the thread that
  /// trains, after they are on disk.
  std::function<void(const std::string& owner, const std::string& name, adapter what)> on_saved =
      {};
};

/// A server of the Tinker API and of OpenAI's completions over the same samplers.
/// *Threads*: one for connections, one that samples, `at_once` for passes of training and one for its other
/// operations, one for time-outs. Training and sampling pass the gate of micro-turns.
/// *Errors*: tinker.open_door (no keys on an address that others reach), http.*, files.*.
class service {
 public:
  static result<std::unique_ptr<service>> start(service_options o);
  ~service();
  const std::string& url() const;
  /// What the store found damaged when it opened.
  const std::vector<std::string>& complaints() const;

  class state;

 private:
  explicit service(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace hocket::tinker
