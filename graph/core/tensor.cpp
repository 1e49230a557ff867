#include "graph/core/tensor.hpp"

#include "graph/core/assert.hpp"

namespace hocket {

std::string_view to_string(dtype type) {
  switch (type) {
    case dtype::u8: return "u8";
    case dtype::i32: return "i32";
    case dtype::i64: return "i64";
    case dtype::f16: return "f16";
    case dtype::bf16: return "bf16";
    case dtype::f32: return "f32";
    case dtype::f64: return "f64";
  }
  HOCKET_ASSERT(false);
}

std::size_t size_bytes(dtype type) {
  switch (type) {
    case dtype::u8: return 1;
    case dtype::f16:
    case dtype::bf16: return 2;
    case dtype::i32:
    case dtype::f32: return 4;
    case dtype::i64:
    case dtype::f64: return 8;
  }
  HOCKET_ASSERT(false);
}

}  // namespace hocket
