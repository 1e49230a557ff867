#include "actors/gateway/picture/head.hpp"

#include <array>

#include <fmt/format.h>

namespace hocket::gateway {
namespace {

constexpr std::string_view png_begin = "\x89PNG\r\n\x1a\n";
constexpr std::string_view jpeg_begin = "\xff\xd8\xff";
// Length, type and check sum of a chunk of PNG.
constexpr std::size_t chunk_frame = 12, chunk_head = 8;

std::int64_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::int64_t out = 0;
  for (std::size_t i = 0; i < size; ++i) out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

auto bad(const char* why) { return fail("gateway.bad_picture", why); }

result<picture_head> png_head(std::string_view bytes) {
  // IHDR is the first chunk and has 13 bytes.
  if (bytes.size() < png_begin.size() + chunk_frame + 13 || number_at(bytes, 8, 4) != 13 ||
      bytes.substr(12, 4) != "IHDR")
    return bad("the PNG is torn");
  return picture_head{picture_head::coding::png, number_at(bytes, 16, 4), number_at(bytes, 20, 4)};
}

/// Of a JPEG's segments up to its first scan; then the scans are counted.
result<picture_head> jpeg_head(std::string_view bytes, const picture_limits& limits) {
  picture_head out;
  std::size_t at = 2;
  while (true) {
    if (at + 4 > bytes.size() || bytes[at] != '\xff') return bad("the JPEG is torn");
    const auto marker = static_cast<unsigned char>(bytes[at + 1]);
    if (marker == 0xff) {  // filling
      ++at;
      continue;
    }
    // These have no length: a decoder reads on right behind them, where another picture may begin.
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd9)) return bad("the JPEG is torn");
    const auto size = static_cast<std::size_t>(number_at(bytes, at + 2, 2));
    if (size < 2 || at + 2 + size > bytes.size()) return bad("the JPEG is torn");
    const bool is_frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (is_frame) {
      if (marker > 0xc2) return bad("of JPEG, baseline and progressive are taken");
      if (size < 8 || out.width != 0) return bad("the JPEG is torn");
      if (number_at(bytes, at + 4, 1) != 8) return bad("a JPEG has eight bits");
      const auto colours = number_at(bytes, at + 9, 1);
      if (colours != 1 && colours != 3) return bad("a JPEG is grey or in colour");
      out.height = number_at(bytes, at + 5, 2);
      out.width = number_at(bytes, at + 7, 2);
    }
    if (marker == 0xda) break;
    at += 2 + size;
  }
  // In coded data no other byte than 0 follows 0xff, markers apart.
  int scans = 0;
  for (auto next = at; (next = bytes.find("\xff\xda", next)) != bytes.npos; next += 2)
    if (++scans > limits.jpeg_scans) return bad("the JPEG has too many scans");
  return out;
}

}  // namespace

result<picture_head> read_head(std::string_view bytes, const picture_limits& limits) {
  if (bytes.size() > limits.bytes)
    return fail("gateway.large_picture",
                fmt::format("a picture has at most {} KiB", limits.bytes / 1024));
  const bool is_png = bytes.starts_with(png_begin);
  if (!is_png && !bytes.starts_with(jpeg_begin)) return bad("a picture is JPEG or PNG");
  auto head = is_png ? png_head(bytes) : jpeg_head(bytes, limits);
  if (!head) return head;
  if (head->width <= 0 || head->height <= 0) return bad("the picture has no size");
  if (head->width > limits.side || head->height > limits.side ||
      head->width * head->height > limits.pixels)
    return fail("gateway.large_picture",
                fmt::format("the picture has {} x {} pixels; at most {} a side and {} in all are "
                            "taken",
                            head->width, head->height, limits.side, limits.pixels));
  return head;
}

void for_each_chunk(
    std::string_view png,
    const std::function<void(std::string_view, std::string_view, std::string_view)>& f) {
  for (auto at = png_begin.size(); at + chunk_frame <= png.size();) {
    const auto size = static_cast<std::size_t>(number_at(png, at, 4));
    if (size > png.size() - at - chunk_frame) return;  // torn: the decoder says so
    f(png.substr(at, size + chunk_frame), png.substr(at + 4, chunk_head - 4),
      png.substr(at + chunk_head, size));
    at += size + chunk_frame;
  }
}

std::string without_extras(std::string_view png) {
  constexpr std::array<std::string_view, 5> kept = {"IHDR", "PLTE", "tRNS", "IDAT", "IEND"};
  std::string out(png_begin);
  for_each_chunk(png, [&](std::string_view chunk, std::string_view type, std::string_view) {
    for (const auto name : kept)
      if (type == name) out += chunk;
  });
  return out;
}

}  // namespace hocket::gateway
