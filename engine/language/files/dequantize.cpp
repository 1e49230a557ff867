#include "engine/language/files/dequantize.hpp"

#include <bit>
#include <cstring>
#include <string>

namespace hocket::language {

float float_of_half(std::uint16_t bits) {
  const auto sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const auto exponent = (bits >> 10) & 0x1fu;
  const auto fraction = static_cast<std::uint32_t>(bits & 0x3ffu);
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24f;  // subnormal or zero
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(small));
}

float float_of_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

namespace {

using bytes_in = const std::uint8_t*;

template <class T>
T load(bytes_in at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
float half_at(bytes_in at) { return float_of_half(load<std::uint16_t>(at)); }
int signed_at(bytes_in at) { return static_cast<std::int8_t>(*at); }

void q8_0(bytes_in b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 32; ++j) y[j] = static_cast<float>(signed_at(b + 2 + j)) * d;
}

void q4_0(bytes_in b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>((b[2 + j] & 15) - 8) * d;
    y[j + 16] = static_cast<float>((b[2 + j] >> 4) - 8) * d;
  }
}

void q4_1(bytes_in b, float* y) {
  const float d = half_at(b), m = half_at(b + 2);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>(b[4 + j] & 15) * d + m;
    y[j + 16] = static_cast<float>(b[4 + j] >> 4) * d + m;
  }
}

/// The fifth bits of 32 numbers lie in one word before their nibbles.
int five_bits(bytes_in high, bytes_in low, int j) {
  const auto word = load<std::uint32_t>(high);
  const int nibble = j < 16 ? low[j] & 15 : low[j - 16] >> 4;
  return nibble | static_cast<int>(word >> j & 1u) << 4;
}

void q5_0(bytes_in b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 32; ++j) y[j] = static_cast<float>(five_bits(b + 2, b + 6, j) - 16) * d;
}

void q5_1(bytes_in b, float* y) {
  const float d = half_at(b), m = half_at(b + 2);
  for (int j = 0; j < 32; ++j) y[j] = static_cast<float>(five_bits(b + 4, b + 8, j)) * d + m;
}

void q2_k(bytes_in b, float* y) {
  const bytes_in scales = b, qs = b + 16;
  const float d = half_at(b + 80), dmin = half_at(b + 82);
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, shift = i / 32 % 4 * 2;
    const auto scale = scales[i / 16];
    const int q = qs[part * 32 + i % 32] >> shift & 3;
    y[i] = d * static_cast<float>(scale & 15) * static_cast<float>(q) -
           dmin * static_cast<float>(scale >> 4);
  }
}

void q3_k(bytes_in b, float* y) {
  const bytes_in high = b, qs = b + 32, scales = b + 96;
  const float d = half_at(b + 108);
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, shift = i / 32 % 4 * 2, s = i / 16;
    // 16 scales of six bits: low nibbles in bytes 0..7, high pairs in bytes 8..11.
    const int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
    const int scale = (low | (scales[8 + s % 4] >> (s / 4 * 2) & 3) << 4) - 32;
    const int q = (qs[part * 32 + i % 32] >> shift & 3) - ((high[i % 32] >> (i / 32) & 1) ? 0 : 4);
    y[i] = d * static_cast<float>(scale) * static_cast<float>(q);
  }
}

struct scale_and_min {
  float scale, min;
};

/// Eight scales and eight minima of six bits each, in twelve bytes (Q4_K and Q5_K).
scale_and_min six_bits(bytes_in s, int j) {
  if (j < 4) return {static_cast<float>(s[j] & 63), static_cast<float>(s[j + 4] & 63)};
  return {static_cast<float>((s[j + 4] & 15) | (s[j - 4] >> 6) << 4),
          static_cast<float>((s[j + 4] >> 4) | (s[j] >> 6) << 4)};
}

void q4_k(bytes_in b, float* y) {
  const float d = half_at(b), dmin = half_at(b + 2);
  for (int j = 0; j < 8; ++j) {
    const auto [scale, min] = six_bits(b + 4, j);
    const float step = d * scale, low = dmin * min;
    for (int l = 0; l < 32; ++l) {
      const auto packed = b[16 + j / 2 * 32 + l];
      y[j * 32 + l] = step * static_cast<float>(j % 2 == 0 ? packed & 15 : packed >> 4) - low;
    }
  }
}

void q5_k(bytes_in b, float* y) {
  const float d = half_at(b), dmin = half_at(b + 2);
  for (int j = 0; j < 8; ++j) {
    const auto [scale, min] = six_bits(b + 4, j);
    const float step = d * scale, low = dmin * min;
    for (int l = 0; l < 32; ++l) {
      const auto packed = b[48 + j / 2 * 32 + l];
      const int q = (j % 2 == 0 ? packed & 15 : packed >> 4) | (b[16 + l] >> j & 1) << 4;
      y[j * 32 + l] = step * static_cast<float>(q) - low;
    }
  }
}

void q6_k(bytes_in b, float* y) {
  const bytes_in ql = b, qh = b + 128, scales = b + 192;
  const float d = half_at(b + 208);
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, quarter = i % 128 / 32, l = i % 32;
    const auto low = ql[part * 64 + quarter % 2 * 32 + l];
    const int q =
        ((quarter < 2 ? low & 15 : low >> 4) | (qh[part * 32 + l] >> quarter * 2 & 3) << 4) - 32;
    y[i] = d * static_cast<float>(signed_at(scales + i / 16)) * static_cast<float>(q);
  }
}

constexpr int iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                1,    13,   25,  38,  53,  69,  89,  113};

void iq4_nl(bytes_in b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(iq4_values[b[2 + j] & 15]);
    y[j + 16] = d * static_cast<float>(iq4_values[b[2 + j] >> 4]);
  }
}

void iq4_xs(bytes_in b, float* y) {
  const float d = half_at(b);
  const auto high = load<std::uint16_t>(b + 2);
  for (int part = 0; part < 8; ++part) {
    const int low = b[4 + part / 2] >> (part % 2 * 4) & 15;
    const float step = d * static_cast<float>((low | (high >> 2 * part & 3) << 4) - 32);
    for (int j = 0; j < 16; ++j) {
      const auto packed = b[8 + part * 16 + j];
      y[part * 32 + j] = step * static_cast<float>(iq4_values[packed & 15]);
      y[part * 32 + j + 16] = step * static_cast<float>(iq4_values[packed >> 4]);
    }
  }
}

void mxfp4(bytes_in b, float* y) {
  // Numbers of four bits (E2M1), doubled to be whole; the scale 2^(e - 127) is halved instead.
  constexpr float values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  const std::uint32_t e = b[0];
  const float scale = std::bit_cast<float>(e < 2 ? 0x00200000u << e : (e - 1) << 23);
  for (int j = 0; j < 16; ++j) {
    y[j] = scale * values[b[1 + j] & 15];
    y[j + 16] = scale * values[b[1 + j] >> 4];
  }
}

template <class T>
void plain(bytes_in b, float* y) {
  *y = static_cast<float>(load<T>(b));
}
void f16(bytes_in b, float* y) { *y = half_at(b); }
void bf16(bytes_in b, float* y) { *y = float_of_bfloat16(load<std::uint16_t>(b)); }

using block_function = void (*)(bytes_in, float*);

block_function function_of(tensor_type type) {
  switch (type) {
    case tensor_type::f32: return plain<float>;
    case tensor_type::f16: return f16;
    case tensor_type::bf16: return bf16;
    case tensor_type::f64: return plain<double>;
    case tensor_type::i8: return plain<std::int8_t>;
    case tensor_type::u8: return plain<std::uint8_t>;
    case tensor_type::i16: return plain<std::int16_t>;
    case tensor_type::u16: return plain<std::uint16_t>;
    case tensor_type::i32: return plain<std::int32_t>;
    case tensor_type::u32: return plain<std::uint32_t>;
    case tensor_type::q8_0: return q8_0;
    case tensor_type::q4_0: return q4_0;
    case tensor_type::q4_1: return q4_1;
    case tensor_type::q5_0: return q5_0;
    case tensor_type::q5_1: return q5_1;
    case tensor_type::q2_k: return q2_k;
    case tensor_type::q3_k: return q3_k;
    case tensor_type::q4_k: return q4_k;
    case tensor_type::q5_k: return q5_k;
    case tensor_type::q6_k: return q6_k;
    case tensor_type::iq4_nl: return iq4_nl;
    case tensor_type::iq4_xs: return iq4_xs;
    case tensor_type::mxfp4: return mxfp4;
    case tensor_type::i64:
    case tensor_type::u64:
    case tensor_type::boolean:
    case tensor_type::f8_e4m3:  // by itself
    case tensor_type::f8_e8m0: return nullptr;
  }
  return nullptr;
}

}  // namespace

bool holds_weights(tensor_type type) { return function_of(type) != nullptr; }

result<void> dequantize(tensor_type type, std::span<const std::byte> bytes, std::span<float> out) {
  const auto& traits = traits_of(type);
  const auto function = function_of(type);
  if (function == nullptr)
    return fail("model_file.unsupported_type", std::string(traits.name) + " holds no weights");
  const auto blocks = out.size() / traits.elements;
  if (out.size() % traits.elements != 0 || bytes.size() != blocks * traits.bytes)
    return fail("model_file.bad_tensor", std::to_string(out.size()) + " numbers do not lie in " +
                                             std::to_string(bytes.size()) + " bytes of " +
                                             traits.name);
  const auto* at = reinterpret_cast<bytes_in>(bytes.data());
  for (std::size_t i = 0; i < blocks; ++i)
    function(at + i * traits.bytes, out.data() + i * traits.elements);
  return {};
}

}  // namespace hocket::language
