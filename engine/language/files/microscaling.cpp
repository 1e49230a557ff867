#include "engine/language/files/microscaling.hpp"

#include <cmath>
#include <limits>
#include <string>

namespace hocket::language {
namespace {

constexpr float e2m1[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                            -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

result<void> check_sizes(std::size_t numbers, std::size_t codes, std::size_t per_byte,
                         std::size_t scales, std::size_t block) {
  if (numbers % block == 0 && codes * per_byte == numbers && scales * block == numbers) return {};
  return fail("model_file.bad_tensor", std::to_string(numbers) + " numbers do not lie in " +
                                           std::to_string(codes) + " bytes with " +
                                           std::to_string(scales) + " scales");
}

tl::unexpected<error> no_number(const char* what, std::byte bits) {
  return fail(
      "model_file.bad_tensor",
      std::string(what) + " " + std::to_string(std::to_integer<int>(bits)) + " is no number");
}

}  // namespace

float float_of_e4m3(std::uint8_t bits) {
  const int exponent = bits >> 3 & 15, fraction = bits & 7;
  if (exponent == 15 && fraction == 7) return std::numeric_limits<float>::quiet_NaN();
  const float size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -9)
                                   : std::ldexp(static_cast<float>(8 + fraction), exponent - 10);
  return bits & 128 ? -size : size;
}

result<void> read_mxfp8(std::span<const std::byte> codes, std::span<const std::byte> scales,
                        std::span<float> out) {
  HOCKET_TRY(check_sizes(out.size(), codes.size(), 1, scales.size(), mxfp8_block));
  for (std::size_t block = 0; block < scales.size(); ++block) {
    if (scales[block] == std::byte{255}) return no_number("the scale", scales[block]);
    const float scale = std::ldexp(1.0f, std::to_integer<int>(scales[block]) - 127);
    for (auto i = block * mxfp8_block; i < (block + 1) * mxfp8_block; ++i) {
      out[i] = float_of_e4m3(std::to_integer<std::uint8_t>(codes[i])) * scale;
      if (std::isnan(out[i])) return no_number("the code", codes[i]);
    }
  }
  return {};
}

result<void> read_nvfp4(std::span<const std::byte> codes, std::span<const std::byte> scales,
                        float factor, std::span<float> out) {
  HOCKET_TRY(check_sizes(out.size(), codes.size(), 2, scales.size(), nvfp4_block));
  for (std::size_t block = 0; block < scales.size(); ++block) {
    const float scale = float_of_e4m3(std::to_integer<std::uint8_t>(scales[block]));
    if (std::isnan(scale)) return no_number("the scale", scales[block]);
    for (auto i = block * nvfp4_block; i < (block + 1) * nvfp4_block; ++i) {
      const auto pair = std::to_integer<unsigned>(codes[i / 2]);
      out[i] = e2m1[i % 2 == 0 ? pair & 15u : pair >> 4] * scale * factor;
    }
  }
  return {};
}

}  // namespace hocket::language
