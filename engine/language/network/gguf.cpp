#include "engine/language/network/gguf.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "engine/language/network/gguf_families.hpp"

namespace hocket::language {
namespace {

using nlohmann::json;

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
constexpr key_pair scaling_numbers[] = {{"rope.scaling.factor", "factor"},
                                        {"rope.scaling.yarn_beta_fast", "beta_fast"},
                                        {"rope.scaling.yarn_beta_slow", "beta_slow"}};

constexpr key_pair expert_names[] = {
    {"ffn_gate_exps", "gate_proj"}, {"ffn_up_exps", "up_proj"}, {"ffn_down_exps", "down_proj"}};

/// "blk.3.attn_q.weight" in its parts, of which the last may be missing; none for other names.
struct layer_tensor {
  std::string layer, part, end;
};
std::optional<layer_tensor> split(const std::string& name) {
  if (!name.starts_with("blk.")) return {};
  const auto first = name.find('.', 4), last = name.rfind('.');
  if (first == std::string::npos) return {};
  if (last == first) return layer_tensor{name.substr(4, first - 4), name.substr(first + 1), ""};
  return layer_tensor{name.substr(4, first - 4), name.substr(first + 1, last - first - 1),
                      name.substr(last)};
}

/// Llama 3's stretched frequencies come as divisors in a tensor of their own.
result<void> divide_frequencies(const gguf_file& file, network_config& c) {
  const auto* factors = file.tensor("rope_freqs.weight");
  if (!factors || c.trunk.rotary.empty()) return {};
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

/// Nothing where the metadata has no such number.
result<void> copy_number(const gguf_file& file, const std::string& from, json& to,
                         const char* key) {
  const auto v = file.number(from);
  if (!v) return {};
  if (!std::isfinite(*v)) return fail("model.bad_config", from + ": no finite number");
  to[key] = *v;
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

/// Vectors of state spaces are columns there, and the convolutions' taps have no dimension of one.
std::vector<std::int64_t> checkpoint_shape(std::string_view part, const stored_weights& t) {
  if (part == "ssm_a" || part == "ssm_d" || part == "ssm_norm") return {t.elements()};
  if (part == "ssm_conv1d" && t.shape.size() == 2) return {t.shape[0], 1, t.shape[1]};
  return t.shape;
}

}  // namespace

result<network_config> read_network_config(const gguf_file& file, std::int64_t context) {
  const auto said = file.text("general.architecture");
  if (!said) return fail("model.bad_config", "general.architecture is missing, or no text");
  const std::string name(*said);
  const auto* family = gguf_family_of(name);
  if (!family)
    return fail("model.unsupported", "general.architecture `" + name +
                                         "` is not supported; these are: " + gguf_architectures());
  const auto prefix = name + ".";
  json object{{"model_type", family->model_type}};
  for (const auto& [gguf, key] : integers)
    if (const auto v = file.integer(prefix + gguf)) object[key] = *v;
  for (const auto& [gguf, key] : numbers) HOCKET_TRY(copy_number(file, prefix + gguf, object, key));
  const auto* table = file.tensor("token_embd.weight");
  if (!table || table->shape.empty())
    return fail("model.missing_tensor", "no tensor token_embd.weight");
  object["vocab_size"] = table->shape[0];
  object["tie_word_embeddings"] = file.tensor("output.weight") == nullptr;
  object["attention_bias"] = file.tensor("blk.0.attn_output.bias") != nullptr;
  HOCKET_TRY(check_sizes(file, prefix, object));
  if (const auto dims = file.integer(prefix + "rope.dimension_count");
      dims && !family->own_rotation) {
    const auto heads = object["num_attention_heads"].get<std::int64_t>();
    const auto whole = object.value("head_dim", object["hidden_size"].get<std::int64_t>() / heads);
    if (*dims != whole)
      return fail("model.bad_config", prefix +
                                          "rope.dimension_count: heads that turn in part are "
                                          "not supported in GGUF files");
  }
  if (const auto kind = file.text(prefix + "rope.scaling.type"); kind && *kind != "none") {
    json scaling{{"rope_type", std::string(*kind)}};
    for (const auto& [gguf, key] : scaling_numbers)
      HOCKET_TRY(copy_number(file, prefix + gguf, scaling, key));
    if (const auto v = file.integer(prefix + "rope.scaling.original_context_length"))
      scaling["original_max_position_embeddings"] = *v;
    object["rope_scaling"] = scaling;
  }
  if (family->add) HOCKET_TRY(family->add(file, prefix, object));
  const auto flat = object.flatten();
  for (const auto& [key, value] : flat.items())  // JSON would lose what is not finite
    if (value.is_number_float() && !std::isfinite(value.get<double>()))
      return fail("model.bad_config",
                  "the model's config: " + key.substr(1) + ": no finite number");
  const auto text = object.dump(-1, ' ', false, json::error_handler_t::replace);
  auto config = read_network_config(std::string_view(text), context);
  if (!config) return config;
  // The writers of GGUF files reorder the rows of queries and keys of this architecture.
  if (name == "llama") config->trunk.rotary[0].adjacent = true;
  config->gains_minus_one = false;  // they add it
  HOCKET_TRY(divide_frequencies(file, *config));
  return config;
}

std::vector<stored_weights> checkpoint_tensors(const gguf_file& file) {
  const auto* family = gguf_family_of(file.text("general.architecture").value_or(""));
  if (!family) return {};
  const std::map<std::string, std::string> outside{{"token_embd.weight", family->table + ".weight"},
                                                   {"output_norm.weight", family->norm + ".weight"},
                                                   {"output_norm.bias", family->norm + ".bias"},
                                                   {"output.weight", "lm_head.weight"}};
  std::vector<stored_weights> all;
  for (const auto& t : file.tensors()) {
    auto add = [&](const std::string& name) {
      all.push_back(t);
      all.back().name = name;
    };
    if (const auto known = outside.find(t.name); known != outside.end()) add(known->second);
    const auto parts = split(t.name);
    if (!parts) continue;
    const auto layer = family->layers + parts->layer + ".";
    if (const auto name = family->name_of(parts->part, parts->end); !name.empty()) {
      add(layer + name);
      all.back().shape = checkpoint_shape(parts->part, t);
      continue;
    }
    for (const auto& [gguf, name] : expert_names) {
      if (parts->part != gguf || t.shape.size() != (parts->end == ".bias" ? 2 : 3)) continue;
      const auto size = t.bytes.size() / static_cast<std::size_t>(t.shape[0]);
      for (std::int64_t e = 0; e < t.shape[0]; ++e) {
        add(layer + family->feed + "experts." + std::to_string(e) + "." + name + parts->end);
        all.back().shape = {t.shape.begin() + 1, t.shape.end()};
        all.back().bytes = t.bytes.subspan(static_cast<std::size_t>(e) * size, size);
      }
    }
  }
  return all;
}

}  // namespace hocket::language
