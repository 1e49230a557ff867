#include "engine/interaction/config.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

namespace hocket::engine {
namespace {

using nlohmann::json;

/// The one list of keys: calls visit(key, field) for each, in the order they are written.
template <class Visit>
void visit_layout(layout_config& c, Visit&& visit) {
  visit("audio", c.audio, 0, 64);
  visit("video", c.video, 0, 1024);
  visit("text_in", c.text_in, 0, 64);
  visit("text_out", c.text_out, 1, 64);
  visit("speech", c.speech, 0, 64);
}
template <class Visit>
void visit_attention(attention_settings& c, Visit&& visit) {
  visit("heads", c.heads, 1, 1024);
  visit("kv_heads", c.kv_heads, 1, 1024);
  visit("head_dim", c.head_dim, 16, 256);
  visit("window", c.window, 0, 1 << 20);
  visit("global_every", c.global_every, 0, 1024);
  visit("context", c.context, 1, 1 << 24);
  visit("rotary", c.rotary, 0, 1);
  visit("rotary_base", c.rotary_base, 1, 1e9);
  visit("rotary_shared", c.rotary_shared, 0, 1);
  visit("relative_extent", c.relative_extent, 0, 1 << 20);
  visit("qk_norm", c.qk_norm, 0, 1);
}
template <class Visit>
void visit_backbone(backbone_settings& c, Visit&& visit) {
  visit("generation", c.generation, 0, 2);
  visit("kernel", c.kernel, 1, 64);
  visit("relative_rank", c.relative_rank, 1, 256);
  visit("clip", c.clip, 0, 1e6);
  visit("relative_clip", c.relative_clip, 1e-3, 1e6);
  visit("length_from", c.length_from, 0, 1 << 30);
  visit("length_rate", c.length_rate, 0, 1e3);
  visit("gates", c.gates, -1, 1);
  visit("residuals", c.residuals, -1, 1);
  visit("experts", c.experts, 0, 4096);
  visit("chosen", c.chosen, 1, 4096);
  visit("shared", c.shared, 0, 256);
  visit("route_scale", c.route_scale, 1e-3, 1e3);
  visit("dense", c.dense, 0, 1024);
  visit("dense_feed_forward", c.dense_feed_forward, 16, 1 << 20);
  visit("block", c.block, 1, 1024);
  visit("loop_begin", c.loop_begin, 0, 1024);
  visit("loop_end", c.loop_end, 0, 1024);
  visit("loop_passes", c.loop_passes, 1, 64);
  visit("loop_gate_rank", c.loop_gate_rank, 1, 1 << 16);
}
template <class Visit>
void visit_flow(flow_config& c, Visit&& visit) {
  visit("patch", c.patch, 1, 1 << 16);
  visit("width", c.width, 16, 1 << 16);
  visit("blocks", c.blocks, 1, 64);
  visit("expansion", c.expansion, 1, 16);
  visit("condition", c.condition, 16, 1 << 16);
}
template <class Visit>
void visit_model(model_config& c, Visit&& visit) {
  visit("width", c.width, 16, 1 << 16);
  visit("layers", c.layers, 1, 1024);
  visit("feed_forward", c.feed_forward, 16, 1 << 20);
  visit("vocabulary", c.vocabulary, 0, 1 << 24);
  visit("dmel_channels", c.dmel_channels, 1, 1024);
  visit("dmel_bins", c.dmel_bins, 2, 256);
  visit("audio_context", c.audio_context, 1, 16);
  visit("video_patch", c.video_patch, 40, 40);
  visit("video_frames", c.video_frames, 1, 8);
  visit("video_width", c.video_width, 16, 1 << 12);
  visit("norm_epsilon", c.norm_epsilon, 0, 1);
}

struct object_reader {
  const json& object;
  std::string prefix;
  std::string problem;
  std::size_t known = 0;

  template <class T>
  void operator()(const char* key, T& field, double low, double high) {
    const auto it = object.find(key);
    if (it == object.end() || !problem.empty()) return;
    ++known;
    const bool fits = std::is_same_v<T, bool>     ? it->is_boolean()
                      : std::is_same_v<T, double> ? it->is_number()
                                                  : it->is_number_integer();
    if (!fits) {
      problem = prefix + key + ": wrong type";
      return;
    }
    const double value = it->is_boolean() ? it->template get<bool>() : it->template get<double>();
    if (value < low || value > high)
      problem = prefix + key + ": " + it->dump() + " is outside [" + json(low).dump() + ", " +
                json(high).dump() + "]";
    else
      field = it->template get<T>();
  }
};

template <class Config, class Visit>
std::string read(const json& object, const std::string& prefix, Config& config, Visit visit_all,
                 std::initializer_list<const char*> nested) {
  if (!object.is_object()) return prefix + ": must be an object";
  object_reader r{object, prefix, {}, 0};
  visit_all(config, r);
  if (!r.problem.empty()) return r.problem;
  for (const auto& [key, value] : object.items()) {
    bool found = false;
    for (const char* n : nested) found |= key == n;
    json defaults;
    auto note = [&](const char* k, auto&, double, double) { found |= key == k; };
    visit_all(config, note);
    if (!found) return prefix + key + ": unknown key";
  }
  return {};
}

template <class Config, class Visit>
json write(Config config, Visit visit_all) {
  json object = json::object();
  visit_all(config, [&](const char* key, auto& field, double, double) { object[key] = field; });
  return object;
}

/// What of a published backbone does not go together; "" where all does.
std::string problem_of(const model_config& c) {
  const auto& b = c.backbone;
  if (b.generation == 0)
    return b.experts > 0 || b.dense > 0 || b.loop_passes > 1 || b.gated() || b.reads_blocks()
               ? "backbone: experts, dense, loop_passes, gates and residuals go with generation 1 "
                 "or 2"
               : "";
  if (c.attention.rotary || c.attention.relative_extent == 0)
    return "backbone.generation: these layers take attention.rotary false and a relative_extent";
  if (b.experts > 0 && b.chosen > b.experts)
    return "backbone.chosen: is more than there are experts";
  if (b.shared > 0 && (b.experts == 0 || b.generation == 2))
    return "backbone.shared: goes with experts of generation 1";
  if (b.dense > 0 && (b.experts == 0 || b.generation == 2))
    return "backbone.dense: goes with experts of generation 1";
  if (b.dense > c.layers) return "backbone.dense: is more than there are layers";
  const bool loops = b.loop_passes > 1;
  if (loops && (!b.reads_blocks() || b.loop_begin % b.block != 0 || b.loop_end % b.block != 0 ||
                b.loop_begin < 1 || b.loop_end <= b.loop_begin || b.loop_end > c.layers))
    return "backbone.loop_end: a loop begins and ends at a block's border among layers with "
           "residuals (generation 2 has them)";
  return "";
}

/// Makes a plain layer one of the published models; `i`: which.
void make_published(const model_config& c, int i, layer_config& layer) {
  const auto& b = c.backbone;
  auto& a = layer.attention;
  auto& f = layer.feed_forward;
  const bool second = b.generation == 2;
  a.apart = true, a.relative_rank = b.relative_rank;
  if (a.window > 0) a.relative_extent = std::min(a.relative_extent, a.window);
  if (a.window == 0 && b.length_from > 0)
    a.lengths = {static_cast<double>(b.length_from), b.length_rate};
  a.gated = a.row_sinks = b.gated();
  layer.convolution.kernel = b.kernel;
  if (i < b.dense)
    f.width = b.dense_feed_forward;
  else if (b.experts > 0)
    f.experts = {.count = b.experts,
                 .chosen = b.chosen,
                 .shared = b.shared,
                 .router = router_kind::sigmoid,
                 .scale = b.route_scale,
                 .shared_scored = b.shared > 0};
  if (!second) {
    a.qk_norm = true, a.scale = 1.0 / a.head_dim, f.scaled = true;
    return;
  }
  a.qk_norm = false;
  a.clip = b.clip > 0 ? b.clip : std::sqrt(512.0), a.relative_clip = b.relative_clip;
  f.activation = activation_kind::capped_gated;
  layer.convolution.dynamic = a.window == 0;
  layer.convolution.scale = 1 / std::sqrt(b.kernel + 1.0);
  layer.convolution.dynamic_scale = 1 / std::sqrt(2 * b.kernel + 1.0);
}

#define HOCKET_VISIT(f) [](auto& c, auto&& v) { f(c, v); }

}  // namespace

transformer_config model_config::trunk() const {
  transformer_config c;
  c.width = width, c.norm_epsilon = norm_epsilon, c.context = attention.context;
  if (attention.rotary) {
    rotary_config r;
    r.frequency = rotary_frequencies(attention.rotary_base, attention.head_dim);
    if (attention.rotary_shared) {
      const int shared = std::max(0, layout.video + layout.text_in - 1);
      for (int slot = 0; slot < layout.positions(); ++slot)
        r.positions.offsets.push_back(slot < layout.audio ? slot
                                                          : std::max(layout.audio, slot - shared));
      r.positions.advance = layout.positions() - shared;
    }
    c.rotary.push_back(std::move(r));
  }
  for (int i = 0; i < layers; ++i) {
    const bool global = attention.global_every > 0 && (i + 1) % attention.global_every == 0;
    c.layers.push_back({.attention = {.heads = attention.heads,
                                      .kv_heads = attention.kv_heads,
                                      .head_dim = attention.head_dim,
                                      .window = global ? 0 : attention.window,
                                      .rotary = attention.rotary ? 0 : -1,
                                      .relative_extent = attention.relative_extent,
                                      .qk_norm = attention.qk_norm},
                        .feed_forward = {.width = feed_forward}});
    if (backbone.generation > 0) make_published(*this, i, c.layers.back());
  }
  if (backbone.reads_blocks()) {
    c.depth.layers = backbone.block;
    if (backbone.loop_passes > 1)
      c.loop = {backbone.loop_begin, backbone.loop_end, backbone.loop_passes,
                backbone.loop_gate_rank};
  }
  return c;
}

result<model_config> parse_model_config(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (object.is_discarded()) return fail("model.bad_config", "the model's config is not JSON");
  model_config c;
  auto problem =
      read(object, "", c, HOCKET_VISIT(visit_model), {"layout", "attention", "backbone", "flow"});
  auto part = [&](const char* key, auto& config, auto visit) {
    if (problem.empty() && object.contains(key))
      problem = read(object[key], std::string(key) + ".", config, visit, {});
  };
  part("layout", c.layout, HOCKET_VISIT(visit_layout));
  part("attention", c.attention, HOCKET_VISIT(visit_attention));
  part("backbone", c.backbone, HOCKET_VISIT(visit_backbone));
  part("flow", c.flow, HOCKET_VISIT(visit_flow));
  if (problem.empty()) problem = problem_of(c);
  const auto& a = c.attention;
  if (problem.empty() && a.heads % a.kv_heads != 0)
    problem = "attention.kv_heads: must divide attention.heads";
  if (problem.empty() && a.head_dim % 16 != 0)
    problem = "attention.head_dim: must be a multiple of 16";
  if (problem.empty() && c.backbone.dense_feed_forward % 16 != 0)
    problem = "backbone.dense_feed_forward: must be a multiple of 16";
  if (problem.empty() && (c.width % 16 || c.feed_forward % 16 || c.flow.width % 16))
    problem = "width, feed_forward and flow.width must be multiples of 16";
  if (problem.empty() && c.video_width % 16 != 0) problem = "video_width: must be a multiple of 16";
  if (!problem.empty()) return fail("model.bad_config", "model config: " + problem);
  return c;
}

std::string to_json(const model_config& config) {
  json object = write(config, HOCKET_VISIT(visit_model));
  object["layout"] = write(config.layout, HOCKET_VISIT(visit_layout));
  object["attention"] = write(config.attention, HOCKET_VISIT(visit_attention));
  const auto& b = config.backbone;
  if (b.generation > 0 || b.experts > 0 || b.loop_passes > 1 || b.gated() || b.reads_blocks())
    object["backbone"] = write(config.backbone, HOCKET_VISIT(visit_backbone));
  object["flow"] = write(config.flow, HOCKET_VISIT(visit_flow));
  return object.dump(2);
}

}  // namespace hocket::engine
