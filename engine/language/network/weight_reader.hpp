// A checkpoint's tensors as weights, one by one. Internal header: it shows ATen types.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "engine/language/files/dequantize.hpp"
#include "engine/language/network/groups.hpp"
#include "engine/language/network/published.hpp"
#include "engine/language/network/weights.hpp"

namespace hocket::language {

/// The rows of experts that lie in one tensor, of which one expert's at a time is widened: of any type of
/// weights, MXFP8 or NVFP4.
struct stored_experts {
  std::vector<std::int64_t> shape = {};  ///< [experts, out, in]
  const stored_weights* codes = nullptr;
  std::span<const std::byte> scales = {};  ///< of few bits
  std::vector<float> factors = {};         ///< NVFP4: of each expert

  /// Expert `i` as fp32 [out, in].
  result<at::Tensor> of(std::int64_t i) const;
};

/// Reads tensors until one is missing or has another shape; then says which.
class weight_reader {
 public:
  weight_reader(const network_config& config, const tensor_source& source, block_types blocks)
      : config_(config),
        source_(source),
        blocks_(blocks),
        published_(config.embedding_norm &&
                   (source("model.llm.embed.weight") || source("model.llm.norm.weight"))) {}

  /// Of a checkpoint whose tensors are only looked for: what would be read is treated as not there.
  static weight_reader only_looking(const network_config& config, const tensor_source& source) {
    weight_reader r(config, source, block_types::kept);
    r.only_looks_ = true;
    return r;
  }

  /// Nothing is read from here on; also where tensors are only looked for.
  bool failed() const { return failed_ || only_looks_; }
  bool has(const std::string& name) const { return source_(stored_name(name)) != nullptr; }
  /// Whether the tensors bear the names of a published Inkling checkpoint.
  bool published() const { return published_; }

  /// The tensor as fp32; an empty one after a failure, so that nothing is allocated for a shape that
  /// only the config knows.
  at::Tensor tensor(const std::string& name, at::IntArrayRef shape) {
    const auto* found = stored(name, shape);
    if (!found) return at::empty({0});
    auto t = at::empty(shape, at::kFloat);
    const auto read = dequantize(found->type, found->bytes,
                                 {t.data_ptr<float>(), static_cast<std::size_t>(t.numel())});
    if (!read) note(read.error().code, name + ": " + read.error().message);
    return t;
  }

  engine::transformer::norm_weights norm(const std::string& name, std::int64_t width) {
    engine::transformer::norm_weights w{gain(name + ".weight", width), {}};
    if (config_.trunk.norm == engine::norm_kind::layer) w.shift = tensor(name + ".bias", {width});
    return w;
  }
  at::Tensor gain(const std::string& name, std::int64_t width) {
    const auto t = tensor(name, {width});
    return config_.gains_minus_one ? t + 1 : t;
  }
  /// The table of tokens: widened, or as the file has it where that is narrower, or no copy at all
  /// where the head holds the same numbers.
  void table(const std::string& name, std::int64_t rows, std::int64_t width, network_weights& w) {
    const auto* found = stored(name, {rows, width});
    const bool half =
        found && (found->type == tensor_type::f16 || found->type == tensor_type::bf16);
    const bool narrow =
        found && (traits_of(found->type).elements > 1 || (half && blocks_ == block_types::rounded));
    if (blocks_ == block_types::bfloat16 && config_.tied) return;  // the head's rows
    if (!narrow || !keeps_blocks()) {
      w.table = tensor(name, {rows, width});
    } else if (!config_.tied) {
      w.stored_table = {found->type, {found->bytes.begin(), found->bytes.end()}};
    }
  }

  /// Linear layers of the same input, one under the other. `rounds`: their input may be rounded.
  void linear(const std::vector<std::pair<std::string, std::int64_t>>& parts, std::int64_t in,
              bool bias, engine::transformer::linear_weights& w, bool rounds = true) {
    std::vector<const stored_weights*> rows;
    std::vector<at::Tensor> biases;
    for (const auto& [name, out] : parts) {
      rows.push_back(stored(name + ".weight", {out, in}));
      if (bias) biases.push_back(tensor(name + ".bias", {out}));
    }
    if (bias) w.bias = at::cat(biases, 0);
    if (failed()) return;
    if (keeps_blocks() && pack_groups(w.weight, rows, in)) return;
    std::vector<at::Tensor> values;
    for (const auto& [name, out] : parts) values.push_back(tensor(name + ".weight", {out, in}));
    if (failed()) return;
    bool narrow = rounds && blocks_ == block_types::rounded;
    for (const auto* part : rows) narrow &= part->type == tensor_type::bf16;
    w.weight.value = at::cat(values, 0);
    if (rounds && blocks_ == block_types::bfloat16)
      engine::ops::pack_for_training(w.weight, true);
    else if (narrow)
      engine::ops::pack_as_pairs(w.weight, true);
    else
      engine::ops::pack(w.weight, true);
    w.weight.value = at::Tensor();
  }
  /// A router: the experts that a row takes are not to depend on rounding.
  void router(const std::string& name, std::int64_t experts, std::int64_t in, bool bias,
              engine::transformer::linear_weights& w) {
    linear({{name, experts}}, in, bias, w, false);
  }
  /// The first `rows` of the head; a file may fill it up to `all` rows.
  void head(const std::string& name, std::int64_t rows, std::int64_t all, std::int64_t in,
            engine::matrix& m) {
    engine::transformer::linear_weights w;
    const auto* found = source_(stored_name(name + ".weight"));
    if (all != rows && found && found->shape == std::vector<std::int64_t>{all, in}) {
      const auto filled = tensor(name + ".weight", {all, in});
      if (!failed()) pack(m, filled.slice(0, 0, rows).contiguous());
      return;
    }
    linear({{name, rows}}, in, false, w);
    m = w.weight;
  }
  /// Dimensions of a tensor; 0: there is none.
  std::size_t dimensions(const std::string& name) const {
    const auto* found = source_(stored_name(name));
    return found ? found->shape.size() : 0;
  }
  /// All experts' rows [experts, out, in], which may be of few bits (`stored_experts`).
  stored_experts experts(const std::string& name, at::IntArrayRef shape);
  /// Bytes of a tensor of U8, as they are; none after a failure.
  std::span<const std::byte> bytes(const std::string& name, at::IntArrayRef shape) {
    const auto* found = stored(name, shape, tensor_type::u8);
    return found ? std::span<const std::byte>(found->bytes) : std::span<const std::byte>();
  }
  /// Rows in memory, [out, in], of a block type.
  void rows(const stored_weights& made, engine::matrix& m) {
    if (failed()) return;
    if (keeps_blocks() && pack_groups(m, {&made}, made.shape[1])) return;
    auto value = at::empty(made.shape, at::kFloat);
    const auto read = dequantize(
        made.type, made.bytes, {value.data_ptr<float>(), static_cast<std::size_t>(value.numel())});
    if (!read) return note(read.error().code, made.name + ": " + read.error().message);
    pack(m, value);
  }
  void set(engine::transformer::linear_weights& w, const at::Tensor& value,
           const at::Tensor& bias) {
    w.bias = bias;
    pack(w.weight, value);
  }
  void pack(engine::matrix& m, const at::Tensor& value) {
    m.value = value;
    engine::ops::pack(m, true);
    m.value = at::Tensor();
  }

  void note(const std::string& code, const std::string& problem) {
    if (!failed_) code_ = code, problem_ = problem;
    failed_ = true;
  }
  result<void> outcome() const {
    if (failed_) return fail(code_, "weights: " + problem_);
    return {};
  }

 private:
  /// Whether weights of few bits stay that.
  bool keeps_blocks() const {
    return blocks_ == block_types::kept || blocks_ == block_types::rounded;
  }
  std::string stored_name(const std::string& name) const {
    return published_ ? published_name(name, config_.trunk.depth.layers > 0) : name;
  }
  /// `type`: the one that it must have; none: any that holds weights.
  const stored_weights* stored(const std::string& asked, at::IntArrayRef shape,
                               std::optional<tensor_type> type = {}) {
    if (failed_) return nullptr;
    const auto name = stored_name(asked);
    const auto* found = source_(name);
    if (!found)
      note("model.missing_tensor", "no tensor " + name);
    else if (at::IntArrayRef(found->shape) != shape)
      note("model.bad_shape",
           name + " is " + text(found->shape) + ", the config needs " + text(shape));
    else if (type && found->type != *type)
      note("model_file.unsupported_type",
           name + " is " + traits_of(found->type).name + ", it must be " + traits_of(*type).name);
    else if (!type && !holds_weights(found->type))
      note("model_file.unsupported_type",
           name + ": " + traits_of(found->type).name + " holds no weights");
    return failed() ? nullptr : found;
  }

  /// Packs rows of block types as they are, those of one shape together; false where some are of
  /// another kind.
  static bool pack_groups(engine::matrix& m, const std::vector<const stored_weights*>& parts,
                          std::int64_t in) {
    for (const auto* part : parts)
      if (!groups_of(part->type)) return false;
    std::int64_t out = 0;
    std::shared_ptr<const engine::kernels::grouped_weights> stack;
    for (auto end = parts.end(); end != parts.begin();) {
      auto begin = end - 1;
      while (begin != parts.begin() && groups_of((*(begin - 1))->type) == groups_of((*begin)->type))
        --begin;
      auto packed = pack_alike({begin, end}, in);
      if (!packed) return false;
      out += packed->out;
      packed->below = std::move(stack);
      stack = std::make_shared<const engine::kernels::grouped_weights>(std::move(*packed));
      end = begin;
    }
    m.out = out;
    m.grouped = std::move(stack);
    return true;
  }

  static std::optional<engine::kernels::grouped_weights> pack_alike(
      const std::vector<const stored_weights*>& parts, std::int64_t in) {
    std::int64_t out = 0, first = 0;
    for (const auto* part : parts) out += part->shape[0];
    bool fits = true;
    std::size_t at = 0;
    auto packed = engine::kernels::pack_grouped(
        out, in, *groups_of(parts[0]->type),
        [&](std::int64_t row, engine::kernels::grouped_row& into) {
          while (row - first == parts[at]->shape[0]) first += parts[at++]->shape[0];
          const auto size = parts[at]->bytes.size() / static_cast<std::size_t>(parts[at]->shape[0]);
          const auto begin = static_cast<std::size_t>(row - first) * size;
          fits &= read_groups(parts[at]->type, parts[at]->bytes.subspan(begin, size), into);
        });
    if (!fits) return {};
    return packed;
  }

  static std::string text(at::IntArrayRef shape) {
    std::string s = "[";
    for (const auto n : shape) s += (s.size() > 1 ? ", " : "") + std::to_string(n);
    return s + "]";
  }
  const network_config& config_;
  const tensor_source& source_;
  const block_types blocks_;
  const bool published_;
  bool only_looks_ = false, failed_ = false;
  std::string code_, problem_;
};

/// The experts of GPT-OSS as it is published: MXFP4 in two tensors, codes and scales.
void read_mxfp4_experts(weight_reader& r, const std::string& prefix, std::int64_t width,
                        const engine::feed_forward_config& f,
                        engine::transformer::feed_forward_weights& w);
/// A layer of the published Inkling models.
void read_inkling_layer(weight_reader& r, const network_config& c, int i,
                        engine::transformer::layer& w);

}  // namespace hocket::language
