#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdlib>

#include "actors/gateway/picture/decode.hpp"
#include "actors/gateway/picture/head.hpp"
#include "actors/gateway/picture/picture.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

std::string code_of(std::string_view bytes) {
  const auto head = read_head(bytes);
  return head ? "" : head.error().code;
}

/// The mean of one colour.
int mean_of(const video_frame& f, std::size_t colour) {
  const auto all = f.pixels.as<std::uint8_t>();
  long sum = 0;
  for (std::size_t i = colour; i < all.size(); i += 3) sum += all[i];
  return static_cast<int>(sum / (f.width * f.height));
}

std::string big_endian(std::uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

std::string packed(const std::string& text) {
  auto size = compressBound(static_cast<uLong>(text.size()));
  std::string out(size, '\0');
  REQUIRE(compress(reinterpret_cast<Bytef*>(out.data()), &size,
                   reinterpret_cast<const Bytef*>(text.data()),
                   static_cast<uLong>(text.size())) == Z_OK);
  return out.substr(0, size);
}

std::string chunk_of(const std::string& type, const std::string& data) {
  const auto content = type + data;
  const auto sum = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  return big_endian(static_cast<std::uint32_t>(data.size())) + content + big_endian(sum);
}

}  // namespace

TEST_CASE("a picture is decoded small, with its colours") {
  for (const auto& [bytes, what] : {std::pair(png_of(640, 480), "png"),
                                    {jpeg_of(640, 480), "jpeg"},
                                    {jpeg_of(640, 480, true), "progressive"}}) {
    CAPTURE(what);
    const auto head = read_head(bytes);
    REQUIRE(head);
    CHECK(head->width == 640);
    CHECK(head->height == 480);
    const auto got = decode_picture(bytes, 320);
    REQUIRE(got);
    CHECK(got->width == 320);
    CHECK(got->height == 240);
    CHECK(got->pixels.size_bytes() == 320 * 240 * 3);
    CHECK(std::abs(mean_of(*got, 0) - 200) < 6);
    CHECK(std::abs(mean_of(*got, 2) - 40) < 6);
  }
  const auto odd = decode_picture(jpeg_of(4000, 10), 320);
  REQUIRE(odd);
  CHECK(odd->width <= 320);
  CHECK(odd->height >= 1);
  CHECK(decode_picture(png_of(3, 2), 320)->width == 3);
}

TEST_CASE("what is large, torn or of another kind is refused by its head") {
  CHECK(code_of("") == "gateway.bad_picture");
  CHECK(code_of("GIF89a") == "gateway.bad_picture");
  CHECK(code_of(std::string(3 << 20, '\xff')) == "gateway.large_picture");
  auto png = png_of(8, 8);
  png[16] = 1;  // 2^24 wide
  CHECK(code_of(png) == "gateway.large_picture");
  png[16] = static_cast<char>(0xff);
  CHECK(code_of(png) == "gateway.large_picture");
  auto flat = png_of(8, 8);
  flat.replace(20, 4, 4, '\0');
  CHECK(code_of(flat) == "gateway.bad_picture");
  CHECK(code_of(jpeg_of(4100, 8)) == "gateway.large_picture");
  const auto jpeg = jpeg_of(64, 64);
  for (std::size_t n = 0; n + 1 < jpeg.find("\xff\xda"); ++n)
    CHECK_MESSAGE(code_of(std::string_view(jpeg).substr(0, n)) == "gateway.bad_picture", n);
  auto scans = jpeg;
  for (int i = 0; i < 30; ++i) scans += "\xff\xda";
  CHECK(code_of(scans) == "gateway.bad_picture");
}

TEST_CASE("a torn picture is no picture, wherever it ends") {
  for (const auto& whole : {png_of(640, 480), jpeg_of(640, 480), jpeg_of(640, 480, true)})
    for (std::size_t n = 40; n + 40 < whole.size(); n += 37)
      CHECK_FALSE(decode_picture(std::string_view(whole).substr(0, n), 32));
}

TEST_CASE("damaged bytes are a picture or an error, nothing else") {
  std::uint32_t seed = 7;
  for (const auto& whole : {png_of(40, 30), jpeg_of(40, 30), jpeg_of(40, 30, true)})
    for (int i = 0; i < 400; ++i) {
      auto bytes = whole;
      for (int n = 0; n < 3; ++n) {
        seed = seed * 1664525 + 1013904223;
        bytes[seed % bytes.size()] = static_cast<char>(seed >> 24);
      }
      const auto got = decode_picture(bytes, 20);
      if (got)
        CHECK(got->pixels.size_bytes() ==
              static_cast<std::size_t>(got->width) * static_cast<std::size_t>(got->height) * 3);
    }
}

TEST_CASE("of a JPEG a decoder finds no other picture than the one that was measured") {
  const auto large = jpeg_of(640, 480), small = jpeg_of(8, 8);
  constexpr std::size_t sof_size = 19;
  const auto at = large.find("\xff\xc0");
  const auto large_sof = large.substr(at, sof_size);
  const auto small_sof = small.substr(small.find("\xff\xc0"), sof_size);
  // A marker without a length, bytes like one, the large picture, and the small one in a comment: who takes
  // them for a length reads over the large one, and into the comment.
  for (const char marker : {'\x01', '\xd0', '\xd7', '\x00'}) {
    const auto twice = large.substr(0, 2) + std::string{'\xff', marker, 0, 2 + sof_size + 4} +
                       large_sof + std::string{'\xff', '\xfe', 0, 2 + sof_size} + small_sof +
                       large.substr(2, at - 2) + large.substr(at + sof_size);
    CHECK(code_of(twice) == "gateway.bad_picture");
    CHECK_FALSE(decode_picture(twice, 320));
  }
}

TEST_CASE("of a PNG nothing is unpacked but its pixels") {
  const auto png = png_of(8, 8);
  const auto head = png.substr(0, 33);
  SUBCASE("a text that is a megabyte when it is unpacked") {
    const auto text =
        chunk_of("zTXt", std::string("key\0\0", 5) + packed(std::string(1 << 20, 'x')));
    const auto with_text = head + text + png.substr(33);
    CHECK(without_extras(with_text).find("zTXt") == std::string::npos);
    CHECK(decode_picture(with_text, 8).has_value());
  }
  SUBCASE("a megabyte behind the last row") {
    const auto of_rows = [&](std::size_t more) {
      return head + chunk_of("IDAT", packed(std::string(8 * (1 + 8 * 3) + more, '\0'))) +
             chunk_of("IEND", "");
    };
    CHECK(decode_picture(of_rows(0), 8).has_value());
    const auto got = decode_picture(of_rows(1 << 20), 8);
    REQUIRE_FALSE(got);
    CHECK(got.error().message == "the PNG has more in it than its pixels");
  }
  SUBCASE("rows of the widest pixels, interlaced, are not more") {
    // Sixteen bits, with alpha.
    for (const std::uint32_t side : {1u, 2u, 5u, 8u, 9u}) {
      const auto whole =
          std::string("\x89PNG\r\n\x1a\n") +
          chunk_of("IHDR", big_endian(side) + big_endian(side) + std::string{16, 6, 0, 0, 1});
      // Adam7: where each pass begins, and how far apart its columns and rows are.
      constexpr std::uint32_t passes[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8},
                                              {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2},
                                              {0, 1, 1, 2}};
      std::size_t size = 0;
      for (const auto& [x, y, by_x, by_y] : passes) {
        const auto columns = side > x ? (side - x + by_x - 1) / by_x : 0;
        const auto rows = side > y ? (side - y + by_y - 1) / by_y : 0;
        if (columns > 0) size += rows * (1 + std::size_t{columns} * 8);
      }
      CHECK(decode_picture(
                whole + chunk_of("IDAT", packed(std::string(size, '\0'))) + chunk_of("IEND", ""), 8)
                .has_value());
    }
  }
}
