// Names and layouts of the published Inkling checkpoints.
#include "engine/language/network/published.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "engine/language/network/weight_reader.hpp"

namespace hocket::language {
namespace {

using renames = std::vector<std::pair<std::string, std::string>>;

const renames& of_all() {
  static const renames all{{"model.embed_tokens.embed_norm.", "model.llm.embed_norm."},
                           {"model.embed_tokens.", "model.llm.embed."},
                           {"lm_head.", "model.llm.unembed."},
                           {"model.norm.", "model.llm.norm."},
                           {"model.final_input.query", "model.llm.attn_res.output_query"},
                           {"model.middle_cycle", "model.llm.middle_cycle"},
                           {"model.layers.", "model.llm.layers."},
                           {".q_input_layernorm.", ".q_input_norm."},
                           {".k_input_layernorm.", ".k_input_norm."},
                           {".v_input_layernorm.", ".v_input_norm."},
                           {".input_layernorm.", ".attn_norm."},
                           {".post_attention_layernorm.", ".mlp_norm."},
                           {".mlp.gate.e_score_correction_bias", ".mlp.gate.bias"}};
  return all;
}

const renames& of_the_first() {
  static const renames all{
      {".self_attn.q_proj.", ".attn.wq_du."}, {".self_attn.k_proj.", ".attn.wk_dv."},
      {".self_attn.v_proj.", ".attn.wv_dv."}, {".self_attn.r_proj.", ".attn.wr_du."},
      {".self_attn.o_proj.", ".attn.wo_ud."}, {".self_attn.", ".attn."},
      {"_sconv.conv1d.", "_sconv."},          {".mlp.down_proj.weight", ".mlp.w2_md.weight"}};
  return all;
}

const renames& of_the_second() {
  static const renames all{{".self_attn.q_proj.linear.", ".attn.wq_du."},
                           {".self_attn.q_proj.norm.", ".attn.q_l2_clip."},
                           {".self_attn.k_proj.linear.", ".attn.wk_dv."},
                           {".self_attn.v_proj.linear.", ".attn.wv_dv."},
                           {".self_attn.k_proj.sconv.", ".attn.k_sconv."},
                           {".self_attn.v_proj.sconv.", ".attn.v_sconv."},
                           {"_sconv.conv1d.", "_sconv."},
                           {"_sconv.static_weight", "_sconv.static_w"},
                           {"_sconv.weight_proj.weight", "_sconv.weight_proj"},
                           {".self_attn.relative_position_bias.proj", ".attn.rel_logits_proj.proj"},
                           {".self_attn.relative_position_bias.linear.", ".attn.wr_du."},
                           {".self_attn.relative_position_bias.norm.", ".attn.rel_l2_clip."},
                           {".self_attn.o_proj.linear.", ".attn.wo_ud."},
                           {".self_attn.o_proj.gate_proj.", ".attn.gate_attn."},
                           {".self_attn.sink_proj.", ".attn.attn_sink_proj."},
                           {".post_attention_convolution.conv1d.", ".attn_sconv."},
                           {".post_mlp_convolution.conv1d.", ".mlp_sconv."},
                           {".q_message_gate.", ".controllers.attn."},
                           {".k_message_gate.", ".controllers.k."},
                           {".v_message_gate.", ".controllers.v."},
                           {".mlp_message_gate.", ".controllers.mlp."},
                           {".down_proj.weight", ".down_weight"},
                           {".forget_gate_proj.weight", ".forget_weight"},
                           {".message_gate_proj.weight", ".gain_weight"}};
  return all;
}

void rename(std::string& name, const renames& all) {
  for (const auto& [from, to] : all)
    if (const auto at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
}

/// `model.layers.7.attention_input.query` is stored as the sixth query of all: the first layer has none.
bool rename_query(std::string& name) {
  const std::string layers = "model.layers.";
  for (const auto& [end, list, less] : {std::tuple{".attention_input.query", "attn_queries", 1},
                                        {".mlp_input.query", "mlp_queries", 0}})
    if (name.starts_with(layers) && name.ends_with(end)) {
      const int layer = std::stoi(name.substr(layers.size()));
      name = std::string("model.llm.attn_res.") + list + "." + std::to_string(layer - less);
      return true;
    }
  return false;
}

/// What a decoder does not read: other towers, extra prediction heads.
bool is_elsewhere(const std::string& name) {
  for (const char* beginning :
       {"model.mtp.", "model.visual.", "model.audio.", "model.vision_tower.", "model.audio_tower."})
    if (name.starts_with(beginning)) return true;
  return false;
}

std::string text(const std::vector<std::int64_t>& shape) {
  std::string s = "[";
  for (const auto n : shape) s += (s.size() > 1 ? ", " : "") + std::to_string(n);
  return s + "]";
}

/// The experts' weights of few bits: how many numbers a stored one holds, and its scales.
struct few_bits {
  std::int64_t per_byte, per_scale;
  bool factors;  ///< and a factor per expert: amax / outer_scale_denominator
};

using headers_by_name = std::map<std::string, const tensor_header*>;

/// The shape in numbers of a tensor of few bits; what belongs to it is checked and marked as read.
result<std::vector<std::int64_t>> plain_shape(const tensor_header& t, const headers_by_name& all,
                                              std::set<std::string>& read) {
  auto shape = t.shape;
  if (!t.name.ends_with("weight")) return shape;
  few_bits bits{};
  if (t.dtype == "F8_E4M3")
    bits = {1, 32, false};
  else if (t.dtype == "U8")
    bits = {2, 16, true};
  else
    return shape;
  if (shape.size() < 2 || shape.back() * bits.per_byte % bits.per_scale != 0)
    return fail("model.bad_shape", "weights: " + t.name + " is " + text(t.shape) +
                                       ", no whole number of groups of " +
                                       std::to_string(bits.per_scale));
  shape.back() *= bits.per_byte;
  auto scales = shape;
  scales.back() /= bits.per_scale;
  const auto need = [&](const std::string& end, const std::vector<std::int64_t>& wanted,
                        const std::vector<std::string>& types) -> result<void> {
    const auto found = all.find(t.name + end);
    if (found == all.end())
      return fail("model.missing_tensor",
                  "weights: no tensor " + t.name + end + ", which " + t.dtype + " weights need");
    read.insert(t.name + end);
    const auto& h = *found->second;
    const bool one_for_all = h.shape.empty() || h.shape == std::vector<std::int64_t>{1};
    if (h.shape != wanted && !(end == "_outer_scale_denominator" && one_for_all))
      return fail("model.bad_shape", "weights: " + h.name + " is " + text(h.shape) +
                                         ", the weights need " + text(wanted));
    if (std::find(types.begin(), types.end(), h.dtype) == types.end())
      return fail("model.bad_shape", "weights: " + h.name + " is of type " + h.dtype +
                                         "; the weights need " + types[0]);
    return {};
  };
  if (bits.factors) {
    HOCKET_TRY(need("_scale", scales, {"F8_E4M3"}));
    HOCKET_TRY(need("_amax", {shape[0]}, {"F32", "BF16"}));
    HOCKET_TRY(need("_outer_scale_denominator", {shape[0]}, {"F32", "BF16"}));
  } else {
    HOCKET_TRY(need("_scale", scales, {"U8", "F8_E8M0"}));
  }
  return shape;
}

}  // namespace

std::string published_name(std::string name, bool second) {
  if (second && rename_query(name)) return name;
  // Only the gates' `down_proj` is renamed in the second generation: experts have other names there.
  rename(name, second ? of_the_second() : of_the_first());
  rename(name, of_all());
  return name;
}

result<void> check_tensors(const network_config& config, std::span<const tensor_header> tensors) {
  headers_by_name all;
  for (const auto& t : tensors) all[t.name] = &t;
  std::set<std::string> read;
  std::unordered_map<std::string, stored_weights> shapes;
  for (const auto& t : tensors) {
    const auto shape = plain_shape(t, all, read);
    if (!shape) return fail(shape);
    shapes[t.name] = {t.name, tensor_type::f32, *shape, {}};
  }
  HOCKET_TRY(check_weights(config, [&](const std::string& name) -> const stored_weights* {
    const auto found = shapes.find(name);
    if (found == shapes.end()) return nullptr;
    read.insert(name);
    return &found->second;
  }));
  for (const auto& t : tensors)
    if (!read.contains(t.name) && !is_elsewhere(t.name))
      return fail("model.unknown_tensor",
                  "weights: the config has no place for " + t.name + " " + text(t.shape));
  return {};
}

}  // namespace hocket::language
