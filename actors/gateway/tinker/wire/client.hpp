// What a client of the Tinker API writes and reads. No protobuf, no torch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/lora/loss/loss.hpp"
#include "graph/core/result.hpp"

namespace hocket::tinker {

/// A pass with cross entropy over data of `target_tokens` and `weights`, as protobuf. Numbers go as
/// float32, tokens as int32 and targets as int64.
std::string encode_pass(const std::string& model_id, std::int64_t seq_id,
                        std::span<const lora::training_datum> data, bool forward_only);

/// What a pass came to.
struct pass_answer {
  double loss = 0;             ///< the sum of all targets
  std::int64_t sequences = 0;  ///< log probabilities of so many came with it
};

/// *Errors* (`tinker.bad_answer`): no such message; no finite `loss:sum`; a log probability that is no number.
result<pass_answer> decode_pass(std::string_view bytes);

}  // namespace hocket::tinker
