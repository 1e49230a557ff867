#include "engine/language/vision/vision_config.hpp"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "engine/language/files/strict_json.hpp"
#include "engine/language/files/tensor_type.hpp"
#include "engine/language/files/dequantize.hpp"
#include "engine/language/network/config_values.hpp"

namespace hocket::language {
namespace {

std::string text(const std::vector<std::int64_t>& shape) {
  std::string s = "[";
  for (const auto n : shape) s += (s.size() > 1 ? ", " : "") + std::to_string(n);
  return s + "]";
}

void read_sizes(values& v, vision_config& c) {
  const auto size = [&](const char* key, int low, int high, int otherwise) {
    return static_cast<int>(v.integer(key, low, high, otherwise));
  };
  c.width = size("hidden_size", 1, 1 << 14, 1024);
  c.layers = size("num_hidden_layers", 1, 512, 23);
  c.heads = size("num_attention_heads", 1, 1 << 10, 16);
  const auto either = [&](const char* published, const char* key, int high, int otherwise) {
    const int n = size(key, 1, high, otherwise);
    if (!v.has(published)) return n;
    const int other = size(published, 1, high, otherwise);
    if (v.has(key) && other != n)
      v.note(published, "is " + std::to_string(other) + ", " + key + " is " + std::to_string(n));
    return other;
  };
  c.patch = either("native_patch_size", "patch_size", 256, 20);
  c.merge = either("adapter_merge_size", "spatial_merge_size", 16, 2);
  c.grid = size("posemb_grid_size", 1, 1 << 10, 32);
  c.projection = size("projection_hidden_dim", 1, 1 << 16, 4096);
  c.out = size("text_hidden_size", 1, 1 << 16, 4608);
  c.inner = static_cast<int>(v.number("mlp_ratio", 1.0 / 64, 64, 4) * c.width);
  c.inner = size("intermediate_size", 1, 1 << 18, std::max(c.inner, 1));
  c.projector_bias = v.flag("projector_bias", false);
  c.epsilon = v.epsilon("layer_norm_eps", 1e-5);
  size("num_channels", 3, 3, 3);
}

void read_rotary(values& v, vision_config& c) {
  if (!v.has("rope_parameters")) return;
  if (!v.at("rope_parameters").is_object()) return v.note("rope_parameters", "is no object");
  values r(v.at("rope_parameters"));
  c.rotary_base = r.number("rope_theta", 1 + 1e-6, 1e12, 10000);
  const auto kind = r.text("rope_type", "axial");
  if (kind != "axial") r.note("rope_type", "`" + kind + "` is not supported; axial is");
  if (!r.problem.empty()) v.note("rope_parameters", r.problem);
}

bool is_of_tower(const std::string& name) { return name.starts_with("model.visual."); }

}  // namespace

result<vision_config> read_vision_config(std::string_view written) {
  const auto whole = strict_json(plain_json(written), "the model's config");
  if (!whole) return fail("model.bad_config", whole.error().message);
  const auto refuse = [](const std::string& what) {
    return fail("model.bad_config", "the model's config: " + what);
  };
  if (!whole->is_object()) return fail("model.bad_config", "the model's config is no JSON object");
  const bool inside = whole->contains("vision_config");
  if (inside && !whole->at("vision_config").is_object())
    return refuse("vision_config: is no object");
  const json tower = inside ? whole->at("vision_config") : *whole;
  const std::string where = inside ? "vision_config." : "";
  values v(tower);
  const auto family = v.text("model_type", "inkling2_vision");
  if (family != "inkling2_vision")
    return refuse(where + "model_type: `" + family + "` is not supported; inkling2_vision is");
  vision_config c;
  read_sizes(v, c);
  read_rotary(v, c);
  const auto act = v.text("hidden_act", "gelu");
  if (act != "gelu") v.note("hidden_act", "`" + act + "` is not supported; gelu is");
  if (v.problem.empty() && (c.width % c.heads != 0 || c.head_dim() % 4 != 0))
    v.note("num_attention_heads", std::to_string(c.heads) + " heads of " + std::to_string(c.width) +
                                      " numbers are none of a whole number of fours");
  if (!v.problem.empty()) return refuse(where + v.problem);
  if (inside && whole->contains("text_config") && !whole->at("text_config").is_null()) {
    if (!whole->at("text_config").is_object()) return refuse("text_config: is no object");
    values decoder(whole->at("text_config"));
    if (decoder.has("hidden_size") && decoder.at("hidden_size") != json(c.out))
      return refuse("vision_config.text_hidden_size: is " + std::to_string(c.out) +
                    ", text_config.hidden_size is " + decoder.at("hidden_size").dump());
  }
  return c;
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> vision_tensors(
    const vision_config& c) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> all;
  const std::int64_t d = c.width, inner = c.inner;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
    all.emplace_back("model.visual." + name, std::move(shape));
  };
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", {d});
    add(name + ".bias", {d});
  };
  const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
    add(name + ".weight", {out, in});
    if (bias) add(name + ".bias", {out});
  };
  const std::string places = "backbone.embeddings.";
  add(places + "class_embedding", {d});
  add(places + "cls_position_embedding", {d});
  linear(places + "patch_embedding", d, std::int64_t{3} * c.patch * c.patch, false);
  add(places + "position_embedding", {std::int64_t{c.grid} * c.grid, d});
  norm("backbone.ln_pre");
  for (int i = 0; i < c.layers; ++i) {
    const auto layer = "backbone.layers." + std::to_string(i) + ".";
    norm(layer + "ln_1");
    norm(layer + "ln_2");
    add(layer + "ls_1.gamma", {d});
    add(layer + "ls_2.gamma", {d});
    for (const char* of : {"q_proj", "k_proj", "v_proj", "out_proj"})
      linear(layer + "self_attn." + of, d, d, true);
    linear(layer + "mlp.c_fc", inner, d, true);
    linear(layer + "mlp.c_proj", d, inner, true);
  }
  linear("proj_in", c.projection, std::int64_t{c.merge} * c.merge * d, c.projector_bias);
  linear("proj_out", c.out, c.projection, c.projector_bias);
  return all;
}

result<void> check_vision_tensors(const vision_config& config,
                                  std::span<const tensor_header> tensors) {
  std::map<std::string, const tensor_header*> left;
  for (const auto& t : tensors)
    if (is_of_tower(t.name)) left[t.name] = &t;
  for (const auto& [name, shape] : vision_tensors(config)) {
    const auto found = left.find(name);
    if (found == left.end()) return fail("model.missing_tensor", "weights: no tensor " + name);
    const auto& t = *found->second;
    if (t.shape != shape)
      return fail("model.bad_shape", "weights: " + name + " is " + text(t.shape) +
                                         ", the config needs " + text(shape));
    const auto type = safetensors_type(t.dtype);
    if (!type || !holds_weights(*type))
      return fail("model_file.unsupported_type",
                  "weights: " + name + ": " + t.dtype + " holds no weights");
    left.erase(found);
  }
  if (!left.empty())
    return fail("model.unknown_tensor", "weights: the config has no place for " +
                                            left.begin()->first + " " +
                                            text(left.begin()->second->shape));
  return {};
}

}  // namespace hocket::language
