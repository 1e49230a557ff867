// Numbers of eight and four bits whose scales lie in a tensor beside them, as safetensors hold them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "graph/core/result.hpp"

namespace hocket::language {

/// Numbers that share a scale.
inline constexpr std::int64_t mxfp8_block = 32, nvfp4_block = 16;

/// MXFP8 (OCP Microscaling 1.0): E4M3 codes, one a number, times 2^(scale - 127), one per 32 of them.
/// *Errors* (`model_file.bad_tensor`): sizes that do not fit; a code or scale that is no number.
result<void> read_mxfp8(std::span<const std::byte> codes, std::span<const std::byte> scales,
                        std::span<float> out);

/// NVFP4: two E2M1 codes a byte, the first one in its lower half, times an E4M3 scale per 16 numbers, times
/// `factor`; each product rounded to fp32. *Errors*: as above.
result<void> read_nvfp4(std::span<const std::byte> codes, std::span<const std::byte> scales,
                        float factor, std::span<float> out);

/// Sign, four bits of exponent, three of fraction; no infinity, and NaN where all seven are ones.
float float_of_e4m3(std::uint8_t bits);

}  // namespace hocket::language
