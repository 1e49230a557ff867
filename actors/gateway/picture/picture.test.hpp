#pragma once

#include <png.h>

#include <cstdio>  // for jpeglib.h
#include <cstdlib>
#include <string>
#include <vector>

#include <jpeglib.h>

namespace hocket::gateway::testing {

/// RGB of one colour: red 200, green 90, blue 40.
inline std::vector<unsigned char> pixels_of(int width, int height) {
  std::vector<unsigned char> out;
  for (int i = 0; i < width * height; ++i) out.insert(out.end(), {200, 90, 40});
  return out;
}

inline std::string png_of(int width, int height) {
  const auto rgb = pixels_of(width, height);
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&image, nullptr, &size, 0, rgb.data(), 0, nullptr);
  std::string out(size, '\0');
  png_image_write_to_memory(&image, out.data(), &size, 0, rgb.data(), 0, nullptr);
  out.resize(size);
  return out;
}

inline std::string jpeg_of(int width, int height, bool is_progressive = false) {
  auto rgb = pixels_of(width, height);
  jpeg_compress_struct to = {};
  jpeg_error_mgr trouble;
  to.err = jpeg_std_error(&trouble);
  jpeg_create_compress(&to);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&to, &bytes, &size);
  to.image_width = static_cast<JDIMENSION>(width);
  to.image_height = static_cast<JDIMENSION>(height);
  to.input_components = 3;
  to.in_color_space = JCS_RGB;
  jpeg_set_defaults(&to);
  if (is_progressive) jpeg_simple_progression(&to);
  jpeg_start_compress(&to, TRUE);
  while (to.next_scanline < to.image_height) {
    JSAMPROW row = rgb.data() + std::size_t{to.next_scanline} * to.image_width * 3;
    jpeg_write_scanlines(&to, &row, 1);
  }
  jpeg_finish_compress(&to);
  jpeg_destroy_compress(&to);
  std::string out(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return out;
}

}  // namespace hocket::gateway::testing
