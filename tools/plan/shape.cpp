#include "tools/plan/shape.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/spec/yaml.hpp"

namespace hocket::planning {
namespace {

constexpr double any = 1e7;  // no size of a model is larger; larger ones are typing mistakes

field_info size_of(const char* name, const char* doc, double min = 0) {
  return {.name = name, .doc = doc, .min = min, .max = any};
}

std::optional<std::string> text_of(const std::string& path) {
  std::error_code none;
  if (!std::filesystem::is_regular_file(path, none)) return std::nullopt;
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return std::nullopt;
  return text.str();
}

/// A folder with the config.json of an interaction model (engine/interaction/config.hpp), read
/// without the engine: a plan is made where no torch is.
model_shape read_model_folder(const std::string& folder, diagnostics& findings) {
  model_shape s;
  s.name = std::filesystem::path(folder).filename().string();
  s.source = folder + "/config.json";
  const auto text = text_of(s.source);
  const auto json = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  if (!json.is_object()) {
    add_finding(findings, s.source, "plan.file", "no config.json of an interaction model",
                "name a model folder such as configs/models/duplex, or a shape file");
    return s;
  }
  const auto number = [&](const nlohmann::json& from, const char* key, std::int64_t otherwise) {
    const auto at = from.find(key);
    if (at == from.end()) return otherwise;
    if (at->is_number_integer() && at->get<std::int64_t>() >= 0 && at->get<double>() <= any)
      return at->get<std::int64_t>();
    add_finding(findings, s.source, "plan.shape",
                fmt::format("`{}` is no size from 0 to {:.0f}", key, any));
    return otherwise;
  };
  const auto part = [&](const char* key) {
    const auto at = json.find(key);
    return at != json.end() && at->is_object() ? *at : nlohmann::json::object();
  };
  const auto attention = part("attention"), flow = part("flow"), layout = part("layout");
  s.layers = number(json, "layers", 0), s.width = number(json, "width", 0);
  s.heads = number(attention, "heads", 0), s.kv_heads = number(attention, "kv_heads", s.heads);
  s.head_dim = number(attention, "head_dim", 0), s.window = number(attention, "window", 0);
  s.global_every = number(attention, "global_every", 0);
  s.feed_forward = number(json, "feed_forward", 0);
  s.vocabulary = number(json, "vocabulary", 0);
  const auto backbone = part("backbone");  // the layers of a published model
  s.experts = number(backbone, "experts", 0);
  if (s.experts > 0) {
    s.chosen = number(backbone, "chosen", 2), s.shared_experts = number(backbone, "shared", 0);
    s.dense_layers = number(backbone, "dense", 0), s.expert_width = s.feed_forward;
    s.feed_forward = s.dense_layers > 0 ? number(backbone, "dense_feed_forward", 0) : 0;
  }
  s.loop_passes = std::max<std::int64_t>(1, number(backbone, "loop_passes", 1));
  if (s.loop_passes > 1) {
    s.loop_first = number(backbone, "loop_begin", 0);
    s.loop_last = std::max<std::int64_t>(1, number(backbone, "loop_end", 1)) - 1;
  }
  s.inputs = number(layout, "audio", 4) + number(layout, "video", 0) + number(layout, "text_in", 1);
  s.speech_frames = number(layout, "speech", 4);
  s.outputs = number(layout, "text_out", 2) + s.speech_frames;
  s.head_rows = number(layout, "text_out", 2) + number(layout, "audio", 4);
  s.flow_width = number(flow, "width", 0), s.flow_blocks = number(flow, "blocks", 0);
  s.flow_expansion = number(flow, "expansion", 2), s.flow_patch = number(flow, "patch", 320);
  s.flow_condition = number(flow, "condition", 128);
  return s;
}

void check(const model_shape& s, const std::string& file, diagnostics& findings) {
  const auto wrong = [&](std::string what) {
    add_finding(findings, file, "plan.shape", std::move(what));
  };
  for (const auto& [name, size] : {std::pair{"layers", s.layers},
                                   {"width", s.width},
                                   {"heads", s.heads},
                                   {"kv_heads", s.kv_heads},
                                   {"head_dim", s.head_dim},
                                   {"vocabulary", s.vocabulary}})
    if (size == 0) wrong(fmt::format("`{}` is missing or 0", name));
  if (s.kv_heads > 0 && s.heads % s.kv_heads != 0)
    wrong(fmt::format("kv_heads {} does not divide heads {}", s.kv_heads, s.heads));
  if (s.experts == 0 && s.feed_forward == 0) wrong("neither `feed_forward` nor `experts`");
  if (s.experts > 0 && (s.chosen == 0 || s.chosen > s.experts))
    wrong(fmt::format("{} of {} experts are chosen", s.chosen, s.experts));
  if (s.experts > 0 && s.expert_width == 0) wrong("experts without `expert_width`");
  if (s.dense_layers > s.layers)
    wrong(fmt::format("{} dense layers of {}", s.dense_layers, s.layers));
  if (s.dense_layers > 0 && s.feed_forward == 0) wrong("dense layers without `feed_forward`");
  if (s.loop_passes > 1 && (s.loop_first > s.loop_last || s.loop_last >= s.layers))
    wrong(fmt::format("the loop, layers {} to {}, is not within the {} layers", s.loop_first,
                      s.loop_last, s.layers));
  if (s.parameters() > 1e14)
    wrong(fmt::format("{:.1e} parameters: no machine holds that", s.parameters()));
}

}  // namespace

void add_finding(diagnostics& findings, const std::string& file, const std::string& code,
                 std::string message, std::string hint) {
  findings.add({.where = {file, 0, 0},
                .code = code,
                .message = std::move(message),
                .hint = std::move(hint),
                .notes = {}});
}

std::optional<value> read_tree(const std::string& path, const std::string& hint,
                               diagnostics& findings) {
  const auto text = text_of(path);
  if (!text) {
    add_finding(findings, path, "plan.file", "cannot read the file", hint);
    return std::nullopt;
  }
  return spec::parse_yaml(path, *text, findings);
}

void model_shape::visit(config_visitor& v) {
  v.field({.name = "name", .doc = "of the model", .required = true}, name);
  v.field({.name = "source", .doc = "where these sizes are published", .required = true}, source);
  v.field(size_of("layers", "of the transformer", 1), layers);
  v.field(size_of("width", "of the states", 1), width);
  v.field(size_of("heads", "of queries", 1), heads);
  v.field(size_of("kv_heads", "of keys and values", 1), kv_heads);
  v.field(size_of("head_dim", "numbers in a head", 1), head_dim);
  v.field(size_of("window", "positions that a layer sees; 0 = all"), window);
  v.field(size_of("global_every", "every n-th layer sees the whole session; 0 = none"),
          global_every);
  v.field(size_of("feed_forward", "hidden width of a dense layer"), feed_forward);
  v.field(size_of("dense_layers", "the first n layers have no experts"), dense_layers);
  v.field(size_of("experts", "routed, in a layer; 0 = dense"), experts);
  v.field(size_of("chosen", "experts of a position"), chosen);
  v.field(size_of("shared_experts", "that every position uses"), shared_experts);
  v.field(size_of("expert_width", "hidden width of an expert"), expert_width);
  v.field(size_of("vocabulary", "tokens", 1), vocabulary);
  v.field({.name = "tied", .doc = "embedding and head are one table"}, tied);
  v.field(size_of("loop_first", "first layer that runs several times"), loop_first);
  v.field(size_of("loop_last", "last layer that does"), loop_last);
  v.field({.name = "loop_passes", .doc = "how often", .min = 1, .max = 64}, loop_passes);
  v.field({.name = "weight_bits", .doc = "of a stored weight", .min = 1, .max = 32}, weight_bits);
  v.field({.name = "kv_bits", .doc = "of a stored key or value", .min = 1, .max = 32}, kv_bits);
  v.field({.name = "arithmetic", .doc = "of the products", .choices = {"bf16", "fp8", "fp4"}},
          arithmetic);
  v.field({.name = "micro_turn_ms",
           .doc = "length of a micro-turn",
           .unit = "ms",
           .min = 10,
           .max = 10000},
          micro_turn_ms);
  v.field(size_of("inputs", "positions that one pass appends", 1), inputs);
  v.field(size_of("outputs", "positions that are drawn one after the other"), outputs);
  v.field(size_of("head_rows", "positions at which the head is read"), head_rows);
  v.field(size_of("speech_frames", "of a micro-turn in which it speaks"), speech_frames);
  v.field({.name = "speaking", .doc = "share of micro-turns in which it does", .min = 0, .max = 1},
          speaking);
  v.field(size_of("flow_width", "of the flow head; 0 = none"), flow_width);
  v.field(size_of("flow_blocks", "of the flow head"), flow_blocks);
  v.field(size_of("flow_expansion", "hidden width of a block over its width", 1), flow_expansion);
  v.field(size_of("flow_steps", "of integration", 1), flow_steps);
  v.field(size_of("flow_patch", "numbers in a frame"), flow_patch);
  v.field(size_of("flow_condition", "width of what modulates the blocks"), flow_condition);
}

double model_shape::attention_parameters() const {
  return static_cast<double>(width) * static_cast<double>(head_dim) *
         static_cast<double>(2 * heads + 2 * kv_heads);
}

double model_shape::dense_parameters() const {
  return 3.0 * static_cast<double>(width) * static_cast<double>(feed_forward);
}

double model_shape::expert_parameters() const {
  return 3.0 * static_cast<double>(width) * static_cast<double>(expert_width);
}

double model_shape::flow_parameters() const {
  const auto w = static_cast<double>(flow_width);
  // In and out, and per block two products of the MLP and three of modulation (scale, shift, gate).
  return 2 * w * static_cast<double>(flow_patch) +
         static_cast<double>(flow_blocks) * (2 * w * w * static_cast<double>(flow_expansion) +
                                             3 * w * static_cast<double>(flow_condition));
}

double model_shape::parameters() const {
  double sum = head_parameters() * (tied ? 1 : 2) + flow_parameters();
  for (std::int64_t i = 0; i < std::min<std::int64_t>(layers, 100'000); ++i) {
    sum += attention_parameters();
    sum += is_dense(i) ? dense_parameters()
                       : expert_parameters() * static_cast<double>(experts + shared_experts) +
                             static_cast<double>(width * experts);
  }
  return sum;
}

double model_shape::active_parameters() const {
  double sum = head_parameters();
  for (std::int64_t i = 0; i < std::min<std::int64_t>(layers, 100'000); ++i) {
    const double layer =
        attention_parameters() +
        (is_dense(i) ? dense_parameters()
                     : expert_parameters() * static_cast<double>(chosen + shared_experts) +
                           static_cast<double>(width * experts));
    sum += layer * static_cast<double>(passes_of(i));
  }
  return sum;
}

double model_shape::kv_bytes(double positions) const {
  double held = 0;
  for (std::int64_t i = 0; i < layers; ++i)
    held += (is_global(i) ? positions : std::min(positions, static_cast<double>(window))) *
            static_cast<double>(passes_of(i));
  return held * 2 * static_cast<double>(kv_heads * head_dim) * kv_bits / 8;
}

model_shape read_shape(const std::string& path, diagnostics& findings) {
  model_shape s;
  diagnostics own;
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) {
    s = read_model_folder(path, own);
  } else if (const auto tree = read_tree(
                 path,
                 "a shape file, such as configs/plan/shapes/tml_small.yaml, or a model folder",
                 own)) {
    read_config(*tree, s, "shape", {}, own);
  }
  if (!own.has_errors()) check(s, path, own);
  for (const auto& d : own.items()) findings.add(d);
  return s;
}

}  // namespace hocket::planning
