#include "engine/training/published_start.hpp"

#include <algorithm>
#include <map>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "engine/language/network/weights.hpp"
#include "engine/transformer/ops.hpp"

namespace hocket::engine {
namespace {

/// Where two transformers differ, as "what ours, theirs"; the first few.
class differences {
 public:
  template <class T>
  void compare(const std::string& what, T ours, T theirs) {
    if (ours == theirs) return;
    if (++count_ <= 4)
      text_ += fmt::format("{}{} {}, not {}", count_ > 1 ? "; " : "", what, number(theirs),
                           number(ours));
  }
  std::string text() const { return text_ + (count_ > 4 ? "; and more" : ""); }

 private:
  static double number(double v) { return v; }
  int count_ = 0;
  std::string text_;
};

void compare_attention(differences& d, const std::string& layer, const attention_config& a,
                       const attention_config& b) {
  d.compare(layer + "heads", a.heads, b.heads);
  d.compare(layer + "kv_heads", a.kv_heads, b.kv_heads);
  d.compare(layer + "head_dim", a.head_dim, b.head_dim);
  d.compare(layer + "values", a.values(), b.values());
  d.compare(layer + "window", a.window, b.window);
  d.compare(layer + "relative_rank", a.relative_rank, b.relative_rank);
  d.compare(layer + "relative_extent", a.relative_extent, b.relative_extent);
  d.compare(layer + "qk_norm", a.qk_norm, b.qk_norm);
  d.compare(layer + "scale", a.scale, b.scale);
  d.compare(layer + "softcap", a.softcap, b.softcap);
  d.compare(layer + "clip", a.clip, b.clip);
  d.compare(layer + "relative_clip", a.relative_clip, b.relative_clip);
  d.compare(layer + "gated", a.gated, b.gated);
  d.compare(layer + "sinks", a.row_sinks, b.row_sinks);
  d.compare(layer + "length_from", a.lengths.from, b.lengths.from);
  if (b.lengths.from > 0) d.compare(layer + "length_rate", a.lengths.rate, b.lengths.rate);
}

void compare_feed_forward(differences& d, const std::string& layer, const feed_forward_config& a,
                          const feed_forward_config& b) {
  d.compare(layer + "feed_forward", a.width, b.width);
  d.compare(layer + "activation", static_cast<int>(a.activation), static_cast<int>(b.activation));
  d.compare(layer + "scaled", a.scaled, b.scaled);
  const auto &e = a.experts, &f = b.experts;
  d.compare(layer + "experts", e.count, f.count);
  if (f.count == 0) return;
  d.compare(layer + "chosen", e.chosen, f.chosen);
  d.compare(layer + "shared", e.shared, f.shared);
  d.compare(layer + "shared_scored", e.shared_scored, f.shared_scored);
  d.compare(layer + "normalise", e.normalise, f.normalise);
  d.compare(layer + "router", static_cast<int>(e.router), static_cast<int>(f.router));
  d.compare(layer + "route_scale", e.scale, f.scale);
  d.compare(layer + "groups", e.groups, f.groups);
}

/// "" where our config describes their transformer.
std::string difference(const transformer_config& ours, const transformer_config& theirs) {
  differences d;
  d.compare("width", ours.width, theirs.width);
  d.compare("layers", ours.layers.size(), theirs.layers.size());
  d.compare("norm_epsilon", ours.norm_epsilon, theirs.norm_epsilon);
  d.compare("block", ours.depth.layers, theirs.depth.layers);
  d.compare("loop_passes", ours.loop.passes, theirs.loop.passes);
  if (theirs.loop.passes > 1) {
    d.compare("loop_begin", ours.loop.begin, theirs.loop.begin);
    d.compare("loop_end", ours.loop.end, theirs.loop.end);
    d.compare("loop_gate_rank", ours.loop.gate_rank, theirs.loop.gate_rank);
  }
  for (std::size_t i = 0; i < std::min(ours.layers.size(), theirs.layers.size()); ++i) {
    const auto name = "layers." + std::to_string(i) + ".";
    const auto &a = ours.layers[i], &b = theirs.layers[i];
    compare_attention(d, name, a.attention, b.attention);
    compare_feed_forward(d, name, a.feed_forward, b.feed_forward);
    d.compare(name + "kernel", a.convolution.kernel, b.convolution.kernel);
    d.compare(name + "dynamic", a.convolution.dynamic, b.convolution.dynamic);
  }
  return d.text();
}

bool is_inkling(const transformer_config& c) {
  return !c.layers.empty() && c.norm == norm_kind::rms && !c.branch_norms &&
         std::ranges::all_of(c.layers, [](const layer_config& l) {
           return l.mixer == mixer_kind::attention && l.attention.apart;
         });
}

tl::unexpected<error> unlike(const std::string& what) {
  return fail("train.from",
              "the published model's layers are none of an interaction model: " + what);
}

/// What the first layers say of all.
void read_attention(const transformer_config& from, model_config& c) {
  const auto& first = from.layers[0].attention;
  auto& a = c.attention;
  a.heads = first.heads, a.kv_heads = first.kv_heads, a.head_dim = first.head_dim;
  a.rotary = a.rotary_shared = false;
  a.window = a.global_every = 0;
  c.backbone.relative_rank = first.relative_rank;
  c.backbone.clip = first.clip;
  if (first.relative_clip > 0) c.backbone.relative_clip = first.relative_clip;
  for (std::size_t i = 0; i < from.layers.size(); ++i) {
    const auto& each = from.layers[i].attention;
    a.relative_extent = std::max(i == 0 ? 0 : a.relative_extent, each.relative_extent);
    if (each.window > 0) a.window = each.window;
    if (each.window > 0 || a.global_every > 0) continue;
    a.global_every = static_cast<int>(i) + 1;
    c.backbone.length_from = static_cast<int>(each.lengths.from);
    c.backbone.length_rate = each.lengths.rate;
  }
  if (a.window == 0) a.global_every = 0;
}

void read_experts(const transformer_config& from, model_config& c) {
  auto& b = c.backbone;
  const auto with = std::ranges::find_if(
      from.layers, [](const layer_config& l) { return l.feed_forward.experts.count > 0; });
  if (with == from.layers.end()) {
    c.feed_forward = from.layers[0].feed_forward.width;
    return;
  }
  const auto& e = with->feed_forward.experts;
  c.feed_forward = with->feed_forward.width;
  b.experts = e.count, b.chosen = e.chosen, b.shared = e.shared, b.route_scale = e.scale;
  b.dense = static_cast<int>(with - from.layers.begin());
  if (b.dense > 0) b.dense_feed_forward = from.layers[0].feed_forward.width;
}

}  // namespace

result<model_config> on_layers_of(const language::network_config& published, model_config sizes) {
  const auto& from = published.trunk;
  if (!is_inkling(from)) return unlike("it is no Inkling model");
  auto& c = sizes;
  c.width = from.width, c.layers = static_cast<int>(from.layers.size());
  c.norm_epsilon = from.norm_epsilon;
  c.backbone = {};
  c.backbone.generation = from.depth.layers > 0 ? 2 : 1;
  c.backbone.kernel = from.layers[0].convolution.kernel;
  if (from.depth.layers > 0) c.backbone.block = from.depth.layers;
  if (from.loop.passes > 1)
    c.backbone.loop_begin = from.loop.begin, c.backbone.loop_end = from.loop.end,
    c.backbone.loop_passes = from.loop.passes, c.backbone.loop_gate_rank = from.loop.gate_rank;
  read_attention(from, c);
  read_experts(from, c);
  const auto sound = parse_model_config(to_json(c));
  if (!sound) return unlike(sound.error().message);
  if (const auto what = difference(sound->trunk(), from); !what.empty()) return unlike(what);
  return *sound;
}

result<void> take_layers(network& net, const language::language_model& published) {
  if (const auto what = difference(net.trunk_config(), published.config().trunk); !what.empty())
    return unlike(what);
  c10::NoGradGuard no_grad;
  std::map<std::string, at::Tensor*> mine;
  for (auto& p : net.parameters())
    if (p.name.starts_with("layers.") || p.name.starts_with("final_")) mine[p.name] = p.value;
  transformer trunk = published.weights().trunk;  // shares its numbers
  parameter_list theirs;
  theirs.packed = true;
  trunk.list(theirs);
  for (const auto& p : theirs.all) {
    const auto found = mine.find(p.name);
    if (found == mine.end()) return unlike(p.name + " has no place");
    auto& to = *found->second;
    const bool packed = !p.value->defined();
    if (packed && p.weight->out != to.size(0)) return unlike(p.name + " has another shape");
    const auto value = packed ? ops::unpack(*p.weight, to.size(1)) : *p.value;
    if (!value.defined() || value.sizes() != to.sizes())
      return unlike(p.name + " has another shape");
    to.copy_(value);
    mine.erase(found);
  }
  if (!mine.empty()) return unlike(mine.begin()->first + " is missing");
  return {};
}

}  // namespace hocket::engine
