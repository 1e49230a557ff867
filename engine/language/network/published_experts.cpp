// Experts of published Inkling checkpoints: any type of weights, MXFP8 (E4M3 codes and powers of two) or NVFP4
// (pairs of E2M1 codes, E4M3 scales, a factor of each expert).
#include <cmath>

#include <ATen/ATen.h>

#include "engine/language/files/microscaling.hpp"
#include "engine/language/network/weight_reader.hpp"

namespace hocket::language {

stored_experts weight_reader::experts(const std::string& name, at::IntArrayRef shape) {
  stored_experts rows;
  rows.shape = shape.vec();
  const auto* found = failed_ ? nullptr : source_(stored_name(name));
  const bool eight = found && found->type == tensor_type::f8_e4m3;
  const bool four = found && found->type == tensor_type::u8;
  if (!eight && !four) {
    rows.codes = stored(name, shape);
    return rows;
  }
  const auto block = eight ? mxfp8_block : nvfp4_block;
  auto stored_shape = shape.vec(), scales_shape = shape.vec();
  if (shape.back() % block != 0) {
    note("model.bad_shape", stored_name(name) + ": rows of " + std::to_string(shape.back()) +
                                " are no whole number of groups of " + std::to_string(block));
    return rows;
  }
  stored_shape.back() /= eight ? 1 : 2, scales_shape.back() /= block;
  const auto* const codes = stored(name, stored_shape, found->type);
  // Powers of two may be called bytes.
  const auto* const scale = source_(stored_name(name + "_scale"));
  const bool bytes = scale && scale->type == tensor_type::u8;
  const auto* const scales = stored(name + "_scale", scales_shape,
                                    four    ? tensor_type::f8_e4m3
                                    : bytes ? tensor_type::u8
                                            : tensor_type::f8_e8m0);
  if (scales) rows.scales = scales->bytes;
  if (four) {
    const auto* const one = source_(stored_name(name + "_outer_scale_denominator"));
    const std::vector<std::int64_t> by_expert{shape[0]};
    const auto amax = tensor(name + "_amax", by_expert);
    const auto below = tensor(name + "_outer_scale_denominator",
                              one && one->elements() == 1 ? one->shape : by_expert);
    if (failed()) return rows;
    const auto factor = (amax / below).contiguous();
    rows.factors.assign(factor.data_ptr<float>(), factor.data_ptr<float>() + shape[0]);
    for (const float f : rows.factors)
      if (!std::isfinite(f))
        note("model_file.bad_tensor", stored_name(name) + "_amax: a factor is no number");
  }
  rows.codes = codes;
  return rows;
}

result<at::Tensor> stored_experts::of(std::int64_t i) const {
  auto value = at::empty({shape[1], shape[2]}, at::kFloat);
  const std::span<float> out(value.data_ptr<float>(), static_cast<std::size_t>(value.numel()));
  const auto part = [&](std::span<const std::byte> all) {
    const auto size = all.size() / static_cast<std::size_t>(shape[0]);
    return all.subspan(static_cast<std::size_t>(i) * size, size);
  };
  const auto own = part(codes->bytes);
  const auto read = scales.empty() ? dequantize(codes->type, own, out)
                    : factors.empty()
                        ? read_mxfp8(own, part(scales), out)
                        : read_nvfp4(own, part(scales), factors[static_cast<std::size_t>(i)], out);
  if (!read) return fail(read.error().code, codes->name + ": " + read.error().message);
  return value;
}

}  // namespace hocket::language
