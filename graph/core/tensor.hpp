#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/core/buffer.hpp"

namespace hocket {

enum class dtype : std::uint8_t { u8, i32, i64, f16, bf16, f32, f64 };
std::string_view to_string(dtype type);
std::size_t size_bytes(dtype type);

/// Numbers with their shape, row-major and dense.
struct tensor {
  dtype type = dtype::f32;
  std::vector<std::int64_t> shape;
  buffer data;
};

}  // namespace hocket
