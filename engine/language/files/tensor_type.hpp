#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::language {

/// How numbers lie in a weight file. Block types hold `elements` numbers in `bytes` bytes with
/// scales of their own; a row is a whole number of blocks.
enum class tensor_type : std::uint8_t {
  f32,
  f16,
  bf16,
  f64,
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
  boolean,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  mxfp4,
  f8_e4m3,  ///< no weights by itself: its scales are in a tensor beside it (`microscaling.hpp`)
  f8_e8m0,  ///< powers of two, as such scales
};

struct type_traits {
  tensor_type type;
  const char* name;      ///< as llama.cpp and safetensors write it: `F32`, `Q4_K`, ...
  std::size_t elements;  ///< per block; 1 for plain types
  std::size_t bytes;     ///< per block
};

const type_traits& traits_of(tensor_type type);

/// The type with a number as GGUF files have it; none for a type that is not read here.
std::optional<tensor_type> ggml_type(std::uint32_t id);
/// What ggml calls a type number, also one that is not read here; `type <id>` where unknown.
std::string ggml_type_name(std::uint32_t id);
/// The names of all GGUF types that are read, for a refusal: `F32, F16, ...`.
std::string readable_ggml_types();

/// The type that a safetensors header names; none for one that is not read here.
std::optional<tensor_type> safetensors_type(std::string_view dtype);
std::string readable_safetensors_types();

/// One tensor of a checkpoint; the bytes lie in the mapped file.
struct stored_weights {
  std::string name;
  tensor_type type = tensor_type::f32;
  std::vector<std::int64_t> shape;   ///< outermost first (GGUF's order is turned round); row-major
  std::span<const std::byte> bytes;  ///< exactly what type and shape need, little-endian

  std::int64_t elements() const;
};

/// Bytes that `shape` takes in `type`. *Errors* (`model_file.bad_tensor`): an extent below 1, rows
/// that are no whole number of blocks, more than 2^48 bytes.
result<std::uint64_t> bytes_of(tensor_type type, std::span<const std::int64_t> shape);

}  // namespace hocket::language
