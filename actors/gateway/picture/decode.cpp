#include "actors/gateway/picture/decode.hpp"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>  // for jpeglib.h
#include <cstring>
#include <vector>

#include <jpeglib.h>

#include "actors/gateway/picture/head.hpp"

namespace hocket::gateway {
namespace {

struct pixels {
  std::int32_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

auto bad(const char* why) { return fail("gateway.bad_picture", why); }

struct jpeg_trouble {
  jpeg_error_mgr base;
  std::jmp_buf back;
};

[[noreturn]] void on_error(j_common_ptr about) {
  std::longjmp(reinterpret_cast<jpeg_trouble*>(about->err)->back, 1);
}
/// A warning (below zero) says that the picture is damaged: it is counted, not printed.
void on_message(j_common_ptr about, int level) {
  if (level < 0) ++about->err->num_warnings;
}

/// libjpeg leaves by longjmp: nothing with a destructor is made between its calls.
bool read_jpeg(std::string_view bytes, const picture_head& head, std::int32_t side,
               jpeg_decompress_struct& from, jpeg_trouble& trouble, pixels& into) {
  from.err = jpeg_std_error(&trouble.base);
  trouble.base.error_exit = on_error;
  trouble.base.emit_message = on_message;
  if (setjmp(trouble.back) != 0) return false;
  jpeg_create_decompress(&from);
  jpeg_mem_src(&from, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  if (jpeg_read_header(&from, TRUE) != JPEG_HEADER_OK) return false;
  // The limits were held to what the head says: nothing is made for another size.
  if (from.image_width != head.width || from.image_height != head.height) return false;
  from.out_color_space = JCS_RGB;
  from.scale_num = 1;
  // Halves, quarters and eighths cost less than the whole.
  const auto longest = std::max(from.image_width, from.image_height);
  for (from.scale_denom = 1;
       from.scale_denom < 8 && longest / (from.scale_denom * 2) >= static_cast<JDIMENSION>(side);)
    from.scale_denom *= 2;
  if (!jpeg_start_decompress(&from) || from.output_components != 3) return false;
  into.width = static_cast<std::int32_t>(from.output_width);
  into.height = static_cast<std::int32_t>(from.output_height);
  into.rgb.resize(std::size_t{from.output_width} * from.output_height * 3);
  while (from.output_scanline < from.output_height) {
    JSAMPROW row = into.rgb.data() + std::size_t{from.output_scanline} * from.output_width * 3;
    if (jpeg_read_scanlines(&from, &row, 1) != 1) return false;
  }
  // A JPEG that ends too soon is filled with grey, and that is a warning alone.
  return trouble.base.num_warnings == 0;
}

result<pixels> of_jpeg(std::string_view bytes, const picture_head& head, std::int32_t side) {
  pixels out;
  jpeg_decompress_struct from = {};
  jpeg_trouble trouble = {};
  const bool is_whole = read_jpeg(bytes, head, side, from, trouble, out);
  jpeg_destroy_decompress(&from);
  if (!is_whole) return bad("the JPEG cannot be decoded");
  return out;
}

/// Whether a PNG unpacks to more than pixels of that size need. libpng, which has them, goes on to the end
/// of what is packed, and that can be a thousand times what came.
/// Source: PNG, third edition, 7.2 (rows), 8 (interlacing), 11.2.1 (eight bytes a pixel at most).
bool is_overfull(std::string_view png, const picture_head& head) {
  // Each row has a byte before it; the seven passes have 15 rows where the picture has 8.
  const auto most = static_cast<uLong>(head.width * head.height * 8 + head.height * 2 + 16);
  z_stream from = {};
  if (inflateInit(&from) != Z_OK) return true;
  std::array<Bytef, 32 * 1024> scratch;
  int state = Z_OK;
  for_each_chunk(png, [&](std::string_view, std::string_view type, std::string_view data) {
    if (type != "IDAT") return;
    from.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));  // it only reads
    from.avail_in = static_cast<uInt>(data.size());
    while (state == Z_OK && from.avail_in > 0 && from.total_out <= most) {
      from.next_out = scratch.data();
      from.avail_out = static_cast<uInt>(scratch.size());
      state = inflate(&from, Z_NO_FLUSH);
    }
  });
  // What is no zlib stream, or a torn one, is libpng's to say.
  const bool is_more = from.total_out > most;
  inflateEnd(&from);
  return is_more;
}

result<pixels> of_png(std::string_view bytes, const picture_head& head) {
  if (is_overfull(bytes, head)) return bad("the PNG has more in it than its pixels");
  const auto plain = without_extras(bytes);
  png_image from = {};
  from.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&from, plain.data(), plain.size()) == 0)
    return bad("the PNG cannot be decoded");
  if (from.width != head.width || from.height != head.height) {
    png_image_free(&from);
    return bad("the PNG cannot be decoded");
  }
  pixels out{static_cast<std::int32_t>(from.width), static_cast<std::int32_t>(from.height), {}};
  from.format = PNG_FORMAT_RGB;
  out.rgb.resize(PNG_IMAGE_SIZE(from));
  const png_color black = {};
  const bool is_read = png_image_finish_read(&from, &black, out.rgb.data(), 0, nullptr) != 0;
  const bool is_whole = is_read && (from.warning_or_error & PNG_IMAGE_ERROR) == 0;
  png_image_free(&from);
  if (!is_whole) return bad("the PNG cannot be decoded");
  return out;
}

/// Each pixel of the smaller one is the mean of `by` x `by`; what is left over at the edges goes.
pixels shrunk(const pixels& from, std::int32_t by) {
  pixels out{std::max(from.width / by, 1), std::max(from.height / by, 1), {}};
  const auto wide = std::min(by, from.width), high = std::min(by, from.height);
  out.rgb.reserve(static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height) * 3);
  for (std::int32_t y = 0; y < out.height; ++y)
    for (std::int32_t x = 0; x < out.width; ++x)
      for (std::int32_t colour = 0; colour < 3; ++colour) {
        std::int32_t sum = 0;
        for (std::int32_t dy = 0; dy < high; ++dy)
          for (std::int32_t dx = 0; dx < wide; ++dx)
            sum += from.rgb[static_cast<std::size_t>(
                ((y * by + dy) * from.width + x * by + dx) * 3 + colour)];
        out.rgb.push_back(static_cast<std::uint8_t>(sum / (wide * high)));
      }
  return out;
}

}  // namespace

result<video_frame> decode_picture(std::string_view bytes, std::int32_t side) {
  const auto head = read_head(bytes);
  if (!head) return fail(head);
  auto read =
      head->code == picture_head::coding::jpeg ? of_jpeg(bytes, *head, side) : of_png(bytes, *head);
  if (!read) return fail(read);
  const auto by = (std::max(read->width, read->height) + side - 1) / side;
  if (by > 1) *read = shrunk(*read, by);
  return video_frame{read->width, read->height, buffer::take(std::move(read->rgb))};
}

}  // namespace hocket::gateway
