#include "actors/gateway/picture/decode.hpp"
#include "actors/gateway/picture/picture.test.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a JPEG or PNG of a stranger.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  const auto got =
      gateway::decode_picture({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, 16);
  if (!got) return;
  HOCKET_ASSERT(got->width >= 1 && got->width <= 16 && got->height >= 1 && got->height <= 16);
  HOCKET_ASSERT(got->pixels.size_bytes() ==
                static_cast<std::size_t>(got->width) * static_cast<std::size_t>(got->height) * 3);
}

std::vector<std::string> seeds() {
  using namespace gateway::testing;
  return {png_of(20, 12), jpeg_of(20, 12), jpeg_of(20, 12, true)};
}

}  // namespace

extern const target picture;
const target picture = {"picture", run, seeds};

}  // namespace hocket::fuzz
