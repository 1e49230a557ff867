// llama.cpp's own benches beside ours, on the same file in the same run.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/hocket/eval/lm_rates.hpp"

namespace hocket::cli {

/// Programs that tests/bench/llama_cpp/build made.
class lm_peer {
 public:
  /// `folder`: where they are; "": where that script puts them.
  static lm_peer find(const std::string& folder);
  /// Why there is none to compare with; "" where there is.
  const std::string& missing() const { return missing_; }

  struct said {
    std::vector<std::pair<lm_cell, double>> rates;
    double resident_mib = 0;  ///< the most that llama-bench had
    std::optional<double> of(const lm_cell& cell) const;
  };
  /// Tokens a second for each of the cells. *Errors*: bench.peer, those of run_process.
  result<said> measure(const std::string& model, const std::vector<lm_cell>& cells, int threads,
                       std::size_t tokens) const;
  /// A file with the same model in another type, made once. *Errors*: as above.
  result<std::string> with_type(const std::string& model, const std::string& type) const;
  /// The same of a model of random weights (write_random_model) with the tokens of `like`.
  result<std::string> random_with_type(const std::string& like, const std::string& type) const;

 private:
  std::string folder_, missing_;
};

}  // namespace hocket::cli
