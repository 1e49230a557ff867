// The paths behind ops.hpp; private to engine/transformer.
#pragma once

#include <functional>
#include <vector>

#include "engine/transformer/background.hpp"
#include "engine/transformer/ops.hpp"

namespace hocket::engine::ops {

enum class path { training, streaming, exact, plain };
path path_of(const at::Tensor& x);

/// Which path this thread takes with gradients while it lives; `plain`: also without.
class use_path {
 public:
  explicit use_path(path p);
  ~use_path();
  use_path(const use_path&) = delete;
  use_path& operator=(const use_path&) = delete;

 private:
  path before_;
};

/// As in ops.hpp. `blocks`: rows that gradients keep apart: functions of one number may round it by its place
/// in a tensor, so that a row's bits would depend on how many rows there are.
at::Tensor activate(const at::Tensor& x, activation_kind kind, adapters_by_row blocks);
routing route(const at::Tensor& logits, const at::Tensor& correction, const experts_config& config,
              adapters_by_row blocks);

/// Memory for packed weights; `lasting`: of a model that stays, in weight_memory.
at::Tensor packed_room(std::int64_t count, at::ScalarType type, bool lasting);

/// `n` rows of `width` numbers each, divided: part(first, last). A number takes about a nanosecond.
template <class Part>
void by_rows(std::int64_t n, std::int64_t width, Part part) {
  constexpr std::int64_t numbers = 500'000, worth = 30'000;
  background_work::divide(n, numbers / width, worth / width, part);
}

/// A low-rank part and the rows [begin, end) that take it.
struct taken_part {
  const low_rank* part;
  std::int64_t begin, end;
};
/// Those of a matrix; null: none.
const std::vector<low_rank>* parts_of(const adapter_rows& span, const matrix& w);
/// The same of all rows, by rows, then by columns.
std::vector<taken_part> parts_of(const matrix& w, adapters_by_row adapters);

namespace training {
at::Tensor linear(const at::Tensor& x, const matrix& w);
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
at::Tensor swiglu(const at::Tensor& x);
at::Tensor add(const at::Tensor& x, const at::Tensor& y);
at::Tensor bag(const at::Tensor& index, const at::Tensor& table);
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
/// Whether `attend_gradient` knows this attention.
bool has_gradient_kernels(const attention_call& call);
/// fp32 gradient by qkv, from bfloat16 products, of whole sequences of these lengths, each by itself;
/// of `call`, its rows and its turn are not looked at.
at::Tensor attend_gradient(const at::Tensor& qkv, const at::Tensor& gradient,
                           const attention_call& call, const std::vector<std::int64_t>& lengths,
                           const rotation* turn);
}  // namespace training

namespace streaming {
at::Tensor linear(const at::Tensor& x, const matrix& w);
/// Adds parts to y [n, out] of x [n, in], in place. What lies between `down` and `up`, times the scale:
/// [rows, padded_rank] of each part, one after the other.
at::Tensor add_parts(const at::Tensor& x, const at::Tensor& y, std::span<const taken_part> parts);
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
at::Tensor silu(const at::Tensor& x);
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& shift,
                      double epsilon);
at::Tensor activate(const at::Tensor& x, activation_kind kind);
at::Tensor bag(const at::Tensor& index, const at::Tensor& table);
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
}  // namespace streaming

namespace exact {
/// With the parts of `adapters`, whose rows' gradients by x and by the parts are products of their own, so
/// that no row's bits depend on the others.
at::Tensor linear(const at::Tensor& x, const matrix& w, adapters_by_row adapters);
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);
at::Tensor silu(const at::Tensor& x);
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& shift,
                      double epsilon);
at::Tensor activate(const at::Tensor& x, activation_kind kind, adapters_by_row blocks);
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
/// `value` without a history, with the gradients that `formula` of the inputs would have.
at::Tensor recorded(const at::Tensor& value, const std::vector<at::Tensor>& inputs,
                    std::function<at::Tensor(const std::vector<at::Tensor>&)> formula);
/// The same of one input whose rows the formula treats alone: by block, `formula(rows, first, last)`.
at::Tensor recorded_rows(
    const at::Tensor& value, const at::Tensor& input, adapters_by_row blocks,
    std::function<at::Tensor(const at::Tensor&, std::int64_t, std::int64_t)> formula);
}  // namespace exact

namespace plain {
at::Tensor attend(const at::Tensor& qkv, const attention_call& call);
}  // namespace plain

}  // namespace hocket::engine::ops
