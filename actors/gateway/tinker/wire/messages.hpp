// Requests and answers of the Tinker API as values. No protobuf, no torch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/lora/loss/loss.hpp"
#include "graph/core/result.hpp"

namespace hocket::tinker {

/// A pass over training data. What is wrong with its data is in `problem`, so that the request keeps
/// its place in the order of its model's requests.
struct forward_request {
  std::string model_id;
  std::int64_t seq_id = 0;
  std::vector<lora::training_datum> data;
  std::string loss_fn;
  lora::loss_settings settings;
  bool forward_only = false;
  std::optional<error> problem;
};

/// From a protobuf body. *Errors* (`tinker.bad_body`): not that message, or without a model.
result<forward_request> decode_forward(std::string_view body);
/// From the JSON of old clients; `input` is its forward_input or forward_backward_input.
result<forward_request> decode_forward(const nlohmann::json& body, const char* input);

struct forward_answer {
  std::vector<std::vector<float>> logprobs;
  std::vector<std::int64_t> targets;  ///< K of each datum; 0: its shape is [N], not [N, 1]
  std::map<std::string, double> metrics;
};
std::string encode(const forward_answer& answer);
nlohmann::json to_json(const forward_answer& answer);

/// Token ids with their log probabilities, best first.
struct top_tokens {
  std::vector<std::int32_t> ids;
  std::vector<float> logprobs;
};

/// What asample asks.
struct sample_request {
  std::string session_id, base_model, model_path;
  std::int64_t seq_id = -1;  ///< -1: none
  int num_samples = 1;
  std::vector<std::int32_t> prompt;
  std::optional<std::int64_t> max_tokens;  ///< none: to the end of the context
  std::optional<std::uint64_t> seed;
  double temperature = 1, top_p = 1;
  int top_k = 0;  ///< 0: all
  bool default_stops = true;
  std::vector<std::string> stop_texts;
  std::vector<std::int32_t> stop_tokens;
  bool prompt_logprobs = false;
  int topk_prompt = 0, topk_sample = 0, alternatives = 0;
  std::optional<std::int64_t> last_n;
  std::int64_t target_columns = 0;    ///< 0: no targets
  std::vector<std::int32_t> targets;  ///< [prompt - 1, columns]; -1: none
  std::optional<error> problem;
};

/// *Errors* (`tinker.bad_request`): a field of another kind or out of range, or one that would change
/// the answer and is not offered; the message names it.
result<sample_request> decode_sample(const nlohmann::json& body);

struct sample_answer {
  struct sequence {
    bool stopped = false;
    std::vector<std::int32_t> tokens;
    std::vector<float> logprobs;
    std::vector<top_tokens> top;  ///< empty: not asked for
  };
  std::vector<sequence> sequences;
  std::int64_t prompt_length = 0;
  std::vector<float> prompt_logprobs;  ///< NaN: none; empty: not asked for
  int topk = 0;
  std::vector<top_tokens> prompt_top;  ///< an empty row: none
  std::int64_t target_columns = 0;
  std::vector<float> target_logprobs;
  int alternatives = 0;
  std::vector<top_tokens> alternative_rows;  ///< [prompt - 1]
};
std::string encode(const sample_answer& answer, int topk_sample);
nlohmann::json to_json(const sample_answer& answer);

/// A body that zstd packed. *Errors* (`tinker.bad_body`): damaged, or above `limit` bytes unpacked.
result<std::string> unzip(std::string_view packed, std::size_t limit);

}  // namespace hocket::tinker
