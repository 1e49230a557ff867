#include <nlohmann/json.hpp>

#include "actors/gateway/tinker/wire/messages.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a body that a Tinker client sends; its first byte says of which kind it is.
namespace hocket::fuzz {
namespace {

void check_pass(const result<tinker::forward_request>& r) {
  if (!r) {
    HOCKET_ASSERT(r.error().code.starts_with("tinker.") && !r.error().message.empty());
    return;
  }
  const auto loss = lora::read_loss(r->loss_fn, r->settings);
  if (!loss || r->problem) return;
  for (std::size_t i = 0; i < r->data.size(); ++i) {
    if (!lora::check(*loss, r->data[i], i, 1000)) continue;
    const auto n = r->data[i].inputs.at("target_tokens").values.size();
    std::vector<double> logprobs(n, -1), gradient(n);
    lora::evaluate(*loss, r->data[i], logprobs, gradient);
  }
}

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::string_view body(reinterpret_cast<const char*>(bytes.data()) + 1, bytes.size() - 1);
  if (bytes[0] % 4 == 0) return check_pass(tinker::decode_forward(body));
  if (bytes[0] % 4 == 1) {
    const auto open = tinker::unzip(body, 1 << 20);
    HOCKET_ASSERT(!open || open->size() <= 1 << 20);
    return;
  }
  const auto j = nlohmann::json::parse(body, nullptr, false);
  if (!j.is_object()) return;
  if (bytes[0] % 4 == 2) return check_pass(tinker::decode_forward(j, "forward_input"));
  const auto r = tinker::decode_sample(j);
  HOCKET_ASSERT(r || !r.error().message.empty());
}

std::vector<std::string> seeds() {
  using namespace std::string_literals;
  const auto pass =
      "\0\x0a\x01m\x10\x02\x1a\x3a\x0a\x0c\x0a\x0a\x0a\x08\7\0\0\0\x08\0\0\0\x12\x17\x0a\7weights"
      "\x12\x0c\x0a\x08\0\0\x80?\0\0\0?\x18\1\x12\x11\x0a\1t\x12\x0c\x0a\x08\7\0\0\0\x08\0\0\0\x18\3\"\3ppo"s;
  return {pass,
          "\2"
          R"({"model_id": "m", "seq_id": 1, "forward_input": {"loss_fn": "cross_entropy",
            "data": [{"model_input": {"chunks": [{"tokens": [1, 2]}]}, "loss_fn_inputs":
            {"target_tokens": {"data": [2, 3], "dtype": "int64", "shape": [2]},
             "weights": {"data": [1.5], "dtype": "float32", "shape": [2, 1],
                         "sparse_crow_indices": [0, 1, 1], "sparse_col_indices": [0]}}}]}})",
          "\3"
          R"({"sampling_session_id": "s", "seq_id": 3, "num_samples": 2, "prompt": {"chunks":
            [{"type": "encoded_text", "tokens": [1, 2, 3]}]}, "sampling_params": {"max_tokens": 3,
            "seed": 7, "stop": ["a", 5], "temperature": 0.5, "top_k": -1, "top_p": 0.9},
            "prompt_logprobs": true, "target_prompt_logprobs": {"data": [1, 2], "shape": [2, 1]}})"};
}

}  // namespace

extern const target tinker_body;
const target tinker_body = {"tinker_body", run, seeds};

}  // namespace hocket::fuzz
