#include "engine/interaction/config.hpp"

#include <algorithm>

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
  }
  return c;
}

result<model_config> parse_model_config(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (object.is_discarded()) return fail("model.bad_config", "the model's config is not JSON");
  model_config c;
  auto problem = read(object, "", c, HOCKET_VISIT(visit_model), {"layout", "attention", "flow"});
  auto part = [&](const char* key, auto& config, auto visit) {
    if (problem.empty() && object.contains(key))
      problem = read(object[key], std::string(key) + ".", config, visit, {});
  };
  part("layout", c.layout, HOCKET_VISIT(visit_layout));
  part("attention", c.attention, HOCKET_VISIT(visit_attention));
  part("flow", c.flow, HOCKET_VISIT(visit_flow));
  const auto& a = c.attention;
  if (problem.empty() && a.heads % a.kv_heads != 0)
    problem = "attention.kv_heads: must divide attention.heads";
  if (problem.empty() && a.head_dim % 16 != 0)
    problem = "attention.head_dim: must be a multiple of 16";
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
  object["flow"] = write(config.flow, HOCKET_VISIT(visit_flow));
  return object.dump(2);
}

}  // namespace hocket::engine
