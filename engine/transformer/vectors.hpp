// Vectors of sixteen and eight numbers for the streaming kernels; private to engine/transformer.
#pragma once

#include <cstdint>

#include "engine/transformer/kernels.hpp"

namespace hocket::engine::kernels {

typedef float vec __attribute__((vector_size(64)));
typedef float half_vec __attribute__((vector_size(32)));
typedef std::uint32_t words __attribute__((vector_size(64)));
typedef std::uint32_t half_words __attribute__((vector_size(32)));
typedef std::uint16_t bf16_words __attribute__((vector_size(32)));
typedef std::uint16_t bf16_half_words __attribute__((vector_size(16)));

/// Weights of 32 outputs of a tile; see place_in_tile.
struct pair_of {
  vec first, second;
};

__attribute__((always_inline)) inline pair_of load(const float* w) {
  pair_of out;
  __builtin_memcpy(&out, w, sizeof out);
  return out;
}
/// Two bfloat16 in a word, 16 outputs apart: one shift and one mask widen them.
__attribute__((always_inline)) inline pair_of load(const bf16* w) {
  words both;
  __builtin_memcpy(&both, w, sizeof both);
  return {(vec)(both << 16), (vec)(both & 0xffff0000u)};
}

/// Neighbours, as many as the vector has.
template <class Vector>
__attribute__((always_inline)) inline void load_into(Vector& v, const float* from) {
  __builtin_memcpy(&v, from, sizeof v);
}
__attribute__((always_inline)) inline void load_into(vec& v, const bf16* from) {
  bf16_words narrow;
  __builtin_memcpy(&narrow, from, sizeof narrow);
  v = (vec)(__builtin_convertvector(narrow, words) << 16);
}
__attribute__((always_inline)) inline void load_into(half_vec& v, const bf16* from) {
  bf16_half_words narrow;
  __builtin_memcpy(&narrow, from, sizeof narrow);
  v = (half_vec)(__builtin_convertvector(narrow, half_words) << 16);
}

}  // namespace hocket::engine::kernels
