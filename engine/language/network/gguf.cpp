#include "engine/language/network/gguf.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

namespace hocket::language {
namespace {

using nlohmann::json;

const std::map<std::string, std::string, std::less<>> architectures{
    {"llama", "llama"},        {"qwen2", "qwen2"},     {"qwen3", "qwen3"},
    {"qwen3moe", "qwen3_moe"}, {"gpt-oss", "gpt_oss"}, {"gemma3", "gemma3_text"}};

/// Numbers of one config.json key under their names in the metadata.
struct key_pair {
  const char* gguf;
  const char* json;
};
constexpr key_pair integers[] = {{"block_count", "num_hidden_layers"},
                                 {"embedding_length", "hidden_size"},
                                 {"feed_forward_length", "intermediate_size"},
                                 {"attention.head_count", "num_attention_heads"},
                                 {"attention.head_count_kv", "num_key_value_heads"},
                                 {"attention.key_length", "head_dim"},
                                 {"context_length", "max_position_embeddings"},
                                 {"attention.sliding_window", "sliding_window"},
                                 {"attention.sliding_window_pattern", "sliding_window_pattern"},
                                 {"expert_count", "num_experts"},
                                 {"expert_used_count", "num_experts_per_tok"},
                                 {"expert_feed_forward_length", "moe_intermediate_size"}};
constexpr key_pair numbers[] = {{"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
                                {"rope.freq_base", "rope_theta"}};

/// What a layer's tensors are called here and there.
constexpr key_pair layer_names[] = {
    {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},       {"ffn_gate_inp", "mlp.gate"}};
/// Where an architecture has other ones.
const std::map<std::string, std::map<std::string, std::string>, std::less<>> own_names{
    {"gpt-oss",
     {{"post_attention_norm", "post_attention_layernorm"},
      {"ffn_gate_inp", "mlp.router"},
      {"attn_sinks", "self_attn.sinks"}}},
    {"gemma3",
     {{"post_attention_norm", "post_attention_layernorm"},
      {"ffn_norm", "pre_feedforward_layernorm"},
      {"post_ffw_norm", "post_feedforward_layernorm"}}}};
constexpr key_pair expert_names[] = {
    {"ffn_gate_exps", "gate_proj"}, {"ffn_up_exps", "up_proj"}, {"ffn_down_exps", "down_proj"}};

/// "blk.3.attn_q.weight" in its parts; none for other names.
struct layer_tensor {
  std::string layer, part, end;
};
std::optional<layer_tensor> split(const std::string& name) {
  if (!name.starts_with("blk.")) return {};
  const auto first = name.find('.', 4), last = name.rfind('.');
  if (first == std::string::npos || last <= first) return {};
  return layer_tensor{name.substr(4, first - 4), name.substr(first + 1, last - first - 1),
                      name.substr(last)};
}

/// Llama 3's stretched frequencies come as divisors in a tensor of their own.
result<void> divide_frequencies(const gguf_file& file, network_config& c) {
  const auto* factors = file.tensor("rope_freqs.weight");
  if (!factors) return {};
  auto& frequency = c.trunk.rotary[0].frequency;
  if (factors->type != tensor_type::f32 ||
      factors->bytes.size() != frequency.size() * sizeof(float))
    return fail("model.bad_config", "rope_freqs.weight does not fit rope.dimension_count");
  for (std::size_t i = 0; i < frequency.size(); ++i) {
    float factor;
    std::memcpy(&factor, factors->bytes.data() + i * sizeof factor, sizeof factor);
    if (!(factor > 0)) return fail("model.bad_config", "rope_freqs.weight: not above 0");
    frequency[i] /= factor;
  }
  return {};
}

/// What a wrong number of would be blamed on something else.
result<void> check_sizes(const gguf_file& file, const std::string& prefix, const json& object) {
  const auto size = [&](const char* key) { return object.value(key, std::int64_t{0}); };
  const auto heads = size("num_attention_heads"), width = size("hidden_size"),
             layers = size("num_hidden_layers");
  const auto bad = [&](const char* key, const std::string& why) {
    return fail("model.bad_config", prefix + key + ": " + why);
  };
  if (layers < 1) return bad("block_count", "is missing, or below 1");
  if (heads < 1) return bad("attention.head_count", "is missing, or below 1");
  const auto columns = file.tensor("token_embd.weight")->shape.back();
  if (width != columns)
    return bad("embedding_length", std::to_string(width) + ", token_embd.weight has rows of " +
                                       std::to_string(columns));
  if (!object.contains("head_dim") && width % heads != 0)
    return bad(
        "attention.head_count",
        std::to_string(heads) + " does not divide embedding_length " + std::to_string(width));
  for (const auto& t : file.tensors())
    if (const auto parts = split(t.name)) {
      std::int64_t layer = -1;
      const auto& digits = parts->layer;
      std::from_chars(digits.data(), digits.data() + digits.size(), layer);
      if (layer >= layers)
        return bad("block_count", std::to_string(layers) + ", but there is " + t.name);
    }
  return {};
}

/// What config.json says of these families, and GGUF leaves to who reads it.
void add_of_family(const std::string& name, json& object) {
  if (name == "qwen3moe") object["norm_topk_prob"] = true;
  if (name == "gpt-oss") {
    object["num_local_experts"] = object.value("num_experts", 0);
    object["intermediate_size"] = object.value("moe_intermediate_size", 0);
    if (object.contains("rope_scaling")) object["rope_scaling"]["truncate"] = false;
  }
  if (name == "gemma3") {
    // Only the 27 B model, of 62 layers, scales its queries by something else than their width.
    const bool largest = object["num_hidden_layers"] == 62;
    const auto heads = object["num_attention_heads"].get<std::int64_t>();
    object["query_pre_attn_scalar"] = !largest && object.contains("head_dim")
                                          ? object["head_dim"].get<std::int64_t>()
                                          : object["hidden_size"].get<std::int64_t>() / heads;
  }
}

}  // namespace

result<network_config> read_network_config(const gguf_file& file, std::int64_t context) {
  const auto said = file.text("general.architecture");
  if (!said) return fail("model.bad_config", "general.architecture is missing, or no text");
  const std::string name(*said);
  const auto family = architectures.find(name);
  if (family == architectures.end())
    return fail("model.unsupported", "general.architecture `" + name +
                                         "` is not supported; these are: llama, qwen2, qwen3, "
                                         "qwen3moe, gpt-oss, gemma3");
  const auto prefix = name + ".";
  json object{{"model_type", family->second}};
  for (const auto& [gguf, key] : integers)
    if (const auto v = file.integer(prefix + gguf)) object[key] = *v;
  for (const auto& [gguf, key] : numbers)
    if (const auto v = file.number(prefix + gguf)) {
      if (!std::isfinite(*v)) return fail("model.bad_config", prefix + gguf + ": no finite number");
      object[key] = *v;
    }
  const auto* table = file.tensor("token_embd.weight");
  if (!table || table->shape.empty())
    return fail("model.missing_tensor", "no tensor token_embd.weight");
  object["vocab_size"] = table->shape[0];
  object["tie_word_embeddings"] = file.tensor("output.weight") == nullptr;
  object["attention_bias"] = file.tensor("blk.0.attn_output.bias") != nullptr;
  HOCKET_TRY(check_sizes(file, prefix, object));
  if (const auto dims = file.integer(prefix + "rope.dimension_count")) {
    const auto heads = object["num_attention_heads"].get<std::int64_t>();
    const auto whole = object.value("head_dim", object["hidden_size"].get<std::int64_t>() / heads);
    if (*dims != whole)
      return fail("model.bad_config", prefix +
                                          "rope.dimension_count: heads that turn in part are "
                                          "not supported in GGUF files");
  }
  if (const auto kind = file.text(prefix + "rope.scaling.type"); kind && *kind != "none") {
    json scaling{{"rope_type", std::string(*kind)}};
    if (const auto v = file.number(prefix + "rope.scaling.factor")) scaling["factor"] = *v;
    if (const auto v = file.integer(prefix + "rope.scaling.original_context_length"))
      scaling["original_max_position_embeddings"] = *v;
    object["rope_scaling"] = scaling;
  }
  add_of_family(name, object);
  auto config = read_network_config(std::string_view(object.dump()), context);
  if (!config) return config;
  // The writers of GGUF files reorder the rows of queries and keys of this architecture.
  if (name == "llama") config->trunk.rotary[0].adjacent = true;
  config->gains_minus_one = false;  // they add it
  HOCKET_TRY(divide_frequencies(file, *config));
  return config;
}

std::vector<stored_weights> checkpoint_tensors(const gguf_file& file) {
  const std::map<std::string, std::string> outside{
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"output.weight", "lm_head.weight"}};
  static const std::map<std::string, std::string> none;
  const auto found = own_names.find(file.text("general.architecture").value_or(""));
  const auto& own = found == own_names.end() ? none : found->second;
  std::vector<stored_weights> all;
  for (const auto& t : file.tensors()) {
    auto add = [&](const std::string& name) {
      all.push_back(t);
      all.back().name = name;
    };
    if (const auto known = outside.find(t.name); known != outside.end()) add(known->second);
    const auto parts = split(t.name);
    if (!parts) continue;
    const auto layer = "model.layers." + parts->layer + ".";
    if (const auto here = own.find(parts->part); here != own.end()) {
      add(layer + here->second + (parts->part == "attn_sinks" ? "" : parts->end));
      continue;
    }
    for (const auto& [gguf, name] : layer_names)
      if (parts->part == gguf) add(layer + name + parts->end);
    for (const auto& [gguf, name] : expert_names) {
      if (parts->part != gguf || t.shape.size() != (parts->end == ".bias" ? 2 : 3)) continue;
      const auto size = t.bytes.size() / static_cast<std::size_t>(t.shape[0]);
      for (std::int64_t e = 0; e < t.shape[0]; ++e) {
        add(layer + "mlp.experts." + std::to_string(e) + "." + name + parts->end);
        all.back().shape = {t.shape.begin() + 1, t.shape.end()};
        all.back().bytes = t.bytes.subspan(static_cast<std::size_t>(e) * size, size);
      }
    }
  }
  return all;
}

}  // namespace hocket::language
