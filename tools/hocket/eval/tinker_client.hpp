#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::cli {

/// One key at a server of the Tinker API, by JSON over HTTP. Blocks; one thread at a time.
/// *Errors*: bench.refused, with the server's words; http.*.
class tinker_client {
 public:
  tinker_client(std::string url, std::string key) : url_(std::move(url)), key_(std::move(key)) {}

  result<nlohmann::json> post(const std::string& path, const nlohmann::json& body) const;
  /// Sends, and gives the name of the future.
  result<std::string> submit(const std::string& path, const nlohmann::json& body) const;
  /// Waits for a future. One that ended in an error is one here. *Errors*: bench.late, too.
  result<nlohmann::json> wait(const std::string& request,
                              std::chrono::steady_clock::time_point until =
                                  std::chrono::steady_clock::time_point::max()) const;
  /// The next operation of a model, and its answer; how long that took is noted.
  result<nlohmann::json> run(const std::string& path, nlohmann::json body);

  /// Makes a session and a model in it.
  result<void> open(const std::string& model, int rank, std::uint64_t seed);
  /// From sending a request to its answer, of each future.
  std::vector<double>& waited_ms() { return waited_ms_; }

 private:
  std::string url_, key_, session_, model_;
  std::int64_t number_ = 0;
  std::vector<double> waited_ms_;
};

/// What a tenant does in each of `steps` steps: samples a group from its newest weights, trains on it,
/// moves them.
struct tinker_experiment {
  int steps = 4, group = 4, prompt_tokens = 32, sampled_tokens = 32, rank = 8;
};

struct tinker_work {
  std::int64_t steps = 0, sampled = 0, trained = 0;  ///< trained: tokens of passes
};

/// One forward_backward over so many sequences of so many tokens.
result<void> run_pass(tinker_client& c, int sequences, int length);
result<tinker_work> run_experiment(tinker_client& c, const tinker_experiment& e);

}  // namespace hocket::cli
