#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/language/files/tensor_type.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// The numbers of a tensor, or of whole rows of it, as fp32: bit for bit what the formats' own
/// reference gives (`make_dequantize_fixture.py`). Slow and plain: kernels that stream weights read
/// the packed bytes themselves and are tested against this.
///
/// *Inputs*: `bytes` whole blocks of `type`. *Outputs*: `out`: one number per element.
/// *Errors* (`model_file.bad_tensor`): sizes that do not fit; `model_file.unsupported_type` for types
/// of 64 bits, BOOL and floats of 8 bits, which are no weights by themselves.
result<void> dequantize(tensor_type type, std::span<const std::byte> bytes, std::span<float> out);

/// Whether `dequantize` reads the type.
bool holds_weights(tensor_type type);

float float_of_half(std::uint16_t bits);
float float_of_bfloat16(std::uint16_t bits);

}  // namespace hocket::language
