// The shape of a model, without its weights: what of it is stored, read and multiplied.
#pragma once

#include <cstdint>
#include <string>

#include "graph/contract/config.hpp"
#include "graph/core/result.hpp"

namespace hocket::planning {

/// A transformer and the micro-turn it serves. Sizes count numbers, not bytes.
///
/// Layers `loop_first` to `loop_last` run `loop_passes` times with the same weights (Inkling 2 Mini);
/// every n-th layer (`global_every`) sees the whole session, the others `window` positions.
struct model_shape final : config_base {
  std::string name;
  std::string source;  ///< where the sizes stand
  std::int64_t layers = 0, width = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::int64_t window = 0;        ///< positions; 0 = all
  std::int64_t global_every = 0;  ///< 0 = no layer sees all
  std::int64_t feed_forward = 0;  ///< width of a dense layer's feed-forward
  std::int64_t dense_layers = 0;  ///< the first n layers are dense though there are experts
  std::int64_t experts = 0, chosen = 0, shared_experts = 0, expert_width = 0;
  std::int64_t vocabulary = 0;
  bool tied = false;  ///< one table for embedding and head
  std::int64_t loop_first = 0, loop_last = 0, loop_passes = 1;
  double weight_bits = 16, kv_bits = 16;
  std::string arithmetic = "bf16";  ///< what the products are computed in: bf16, fp8, fp4
  // The micro-turn.
  double micro_turn_ms = 200;
  std::int64_t inputs = 5;         ///< positions that one pass appends
  std::int64_t outputs = 6;        ///< positions that are drawn one after the other
  std::int64_t head_rows = 4;      ///< positions at which the vocabulary's head is read
  std::int64_t speech_frames = 4;  ///< flow-matching frames while it speaks
  double speaking = 0.4;           ///< share of micro-turns in which it does
  std::int64_t flow_width = 0, flow_blocks = 0, flow_expansion = 2, flow_steps = 4;
  std::int64_t flow_patch = 320, flow_condition = 128;

  void visit(config_visitor& v) override;

  /// Numbers in the weights: all, and those that one position uses.
  double parameters() const;
  double active_parameters() const;
  /// Positions that a micro-turn appends.
  std::int64_t positions() const { return inputs + outputs; }
  double micro_turns_per_s() const { return 1000 / micro_turn_ms; }

  // Parts, in numbers.
  double attention_parameters() const;  ///< of one layer
  double dense_parameters() const;      ///< feed-forward of a dense layer
  double expert_parameters() const;     ///< of one expert
  double flow_parameters() const;
  double head_parameters() const { return static_cast<double>(vocabulary * width); }
  bool is_dense(std::int64_t layer) const { return experts == 0 || layer < dense_layers; }
  std::int64_t passes_of(std::int64_t layer) const {
    return loop_passes > 1 && layer >= loop_first && layer <= loop_last ? loop_passes : 1;
  }
  bool is_global(std::int64_t layer) const {
    return window == 0 || (global_every > 0 && layer % global_every == global_every - 1);
  }
  /// Bytes of keys and values after `positions` positions of a session.
  double kv_bytes(double positions) const;
};

/// Reads a shape file (configs/plan/shapes/*.yaml), or the config.json of one of our interaction
/// models when `path` is its folder. What contradicts itself (heads that kv_heads does not divide,
/// more experts chosen than there are, a loop outside the layers) is a finding.
/// *Errors* (findings): plan.file, plan.shape, those of the YAML and config readers.
model_shape read_shape(const std::string& path, diagnostics& findings);

/// The text of a file, or a finding `plan.file` with `hint`.
std::optional<value> read_tree(const std::string& path, const std::string& hint,
                               diagnostics& findings);

/// Adds an error about the whole file.
void add_finding(diagnostics& findings, const std::string& file, const std::string& code,
                 std::string message, std::string hint = "");

}  // namespace hocket::planning
