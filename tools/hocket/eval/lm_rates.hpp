// How many tokens a language model reads and says in a second here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/language/network/model.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {
class work_pool;
}

namespace hocket::cli {

/// One figure of `bench lm`: `batch` sequences that read `context` tokens each from nothing, or that say
/// tokens after so many.
struct lm_cell {
  bool decode = false;
  std::size_t batch = 1, context = 128;
  bool operator==(const lm_cell&) const = default;
  /// "decode.t2.b4" or, for another context than 128, "decode.t2.b4.c2048".
  std::string name(int threads) const;
};

class lm_rates {
 public:
  lm_rates(std::shared_ptr<const language::language_model> model, int threads);
  /// Tokens a second of all sequences together; `said`: tokens that each says.
  result<double> rate(const lm_cell& cell, std::size_t said);
  /// The most memory of this process while one sequence was there, MiB.
  double most_resident_mib() const { return most_resident_mib_; }

 private:
  void look_at_memory(const lm_cell& cell);
  result<void> read(std::vector<language::language_sequence>& all, std::size_t tokens) const;
  result<double> prompt_rate(const lm_cell& cell);
  result<double> decode_rate(const lm_cell& cell, std::size_t said);

  std::shared_ptr<const language::language_model> model_;
  std::shared_ptr<engine::work_pool> pool_;
  std::shared_ptr<language::language_sequence>
      before_;  ///< has read the context of the last decode
  double most_resident_mib_ = 0;
};

/// What this process has in memory, MiB; what it freed is given back first.
double resident_mib();

/// GB/s with which so many threads read memory that no cache holds and that lies as weights do
/// (weight_memory), in one, two or four streams each: the best of twelve.
double read_bandwidth(int threads);

/// The type of most bytes of the layers' matrices in lower case ("q4_1"), and the bytes of all tensors;
/// of a folder "folder" and 0.
struct lm_file {
  std::string type;
  double bytes = 0;
  double read =
      0;  ///< of these, what each token reads: no table of inputs beside an own one of outputs
};
lm_file describe_lm(const std::string& path);

}  // namespace hocket::cli
