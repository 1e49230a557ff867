#include "actors/encoder/patches.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace hocket::encoder {
namespace {

constexpr double off_after_s = 1;       ///< without a frame a camera counts as off,
constexpr double off_after_frames = 3;  ///< where it is slower than that: after so many

// What one target pixel takes of each source pixel along one axis.
struct span_weights {
  std::int32_t from = 0;
  std::vector<float> weights;  ///< sum to 1
};

std::vector<span_weights> weights_of(std::int32_t source, std::int32_t target) {
  std::vector<span_weights> all(static_cast<std::size_t>(target));
  const double scale = static_cast<double>(source) / target;
  for (std::int32_t i = 0; i < target; ++i) {
    auto& w = all[static_cast<std::size_t>(i)];
    // The area a target pixel covers; at least one source pixel wide, around its centre.
    const double centre = (i + 0.5) * scale;
    const double half = std::max(scale, 1.0) / 2;
    const double begin = std::clamp(centre - half, 0.0, source - 1e-9);
    const double end = std::clamp(centre + half, begin + 1e-9, static_cast<double>(source));
    w.from = static_cast<std::int32_t>(begin);
    for (std::int32_t x = w.from; x < source && x < end; ++x)
      w.weights.push_back(static_cast<float>(
          (std::min(end, x + 1.0) - std::max(begin, static_cast<double>(x))) / (end - begin)));
  }
  return all;
}

}  // namespace

std::vector<std::uint8_t> scaled(std::span<const std::uint8_t> pixels, std::int32_t width,
                                 std::int32_t height, std::int32_t to_width,
                                 std::int32_t to_height) {
  if (width == to_width && height == to_height) return {pixels.begin(), pixels.end()};
  const auto across = weights_of(width, to_width);
  const auto down = weights_of(height, to_height);
  const auto row = static_cast<std::size_t>(to_width) * 3;
  std::vector<float> lines(static_cast<std::size_t>(height) * row);
  for (std::int32_t y = 0; y < height; ++y)
    for (std::int32_t x = 0; x < to_width; ++x) {
      const auto& w = across[static_cast<std::size_t>(x)];
      float* out =
          lines.data() + static_cast<std::size_t>(y) * row + static_cast<std::size_t>(x) * 3;
      const auto* in =
          pixels.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                           static_cast<std::size_t>(w.from)) *
                              3;
      for (const float share : w.weights)
        for (int c = 0; c < 3; ++c) out[c] += share * *in++;
    }
  std::vector<std::uint8_t> result(static_cast<std::size_t>(to_height) * row);
  std::vector<float> sum(row);
  for (std::int32_t y = 0; y < to_height; ++y) {
    const auto& w = down[static_cast<std::size_t>(y)];
    std::fill(sum.begin(), sum.end(), 0.5f);  // rounds to nearest
    const float* in = lines.data() + static_cast<std::size_t>(w.from) * row;
    for (const float share : w.weights)
      for (std::size_t i = 0; i < row; ++i) sum[i] += share * *in++;
    auto* out = result.data() + static_cast<std::size_t>(y) * row;
    for (std::size_t i = 0; i < row; ++i)
      out[i] = static_cast<std::uint8_t>(std::clamp(sum[i], 0.0f, 255.0f));
  }
  return result;
}

component_info patches::info() {
  return {.type = "video.patches",
          .summary =
              "Cuts pictures into 40x40 patches, two frames folded: what the interaction "
              "model sees.",
          .inputs = {{"video",
                      {.kind = payload_kind::video},
                      "RGB frames of any size",
                      true,
                      default_queue(payload_kind::video)}},
          .outputs = {{"patches",
                       {.kind = payload_kind::tensor,
                        .element = dtype::u8,
                        .shape = {-1, fold, side, side, 3}},
                       "[N, 2, 40, 40, 3], in rows of the picture"}},
          .ticks = true,
          .latency_ms = 2};
}

result<void> patches::open(const context& where) {
  context_ = where;
  const auto whole = [](std::int64_t n) {
    return static_cast<std::int32_t>((n + side - 1) / side * side);
  };
  width_ = whole(config_.width);
  height_ = whole(config_.height);
  return {};
}

result<void> patches::process(std::size_t, const packet& p, emitter& out) {
  const auto* frame = p.get_if<video_frame>();
  if (!frame) return {};
  const auto expected = static_cast<std::int64_t>(frame->width) * frame->height * 3;
  if (frame->width <= 0 || frame->height <= 0 ||
      expected != static_cast<std::int64_t>(frame->pixels.size_bytes())) {
    context_.count("bad_frames", 1);
    return {};
  }
  newest_ = p.header.ts;
  const auto instant =
      static_cast<std::int64_t>(std::floor(p.header.ts.seconds() * config_.frames_per_s + 1e-6));
  if (due_ != INT64_MIN && instant < due_) {
    context_.count("skipped_frames", 1);
    return {};
  }
  if (due_ != INT64_MIN && instant > due_) context_.count("missed_frames", instant - due_);
  due_ = instant + 1;
  auto picture =
      scaled(frame->pixels.as<std::uint8_t>(), frame->width, frame->height, width_, height_);
  if (first_.empty()) {
    first_ = std::move(picture);
    return {};
  }
  const auto rows = height_ / side, columns = width_ / side;
  constexpr std::size_t line = side * 3;
  auto data = out.allocate(0, first_.size() * fold);
  auto* to = data.bytes().data();
  for (std::int32_t r = 0; r < rows; ++r)
    for (std::int32_t c = 0; c < columns; ++c)
      for (const auto* source : {&first_, &picture})
        for (std::int32_t y = 0; y < side; ++y) {
          const auto at =
              (static_cast<std::size_t>(r * side + y) * static_cast<std::size_t>(width_) +
               static_cast<std::size_t>(c * side)) *
              3;
          std::memcpy(to, source->data() + at, line);
          to += line;
        }
  first_.clear();
  out.emit(0, p.header.ts,
           tensor{dtype::u8, {rows * columns, fold, side, side, 3}, std::move(data).seal()});
  return {};
}

result<void> patches::tick(std::int64_t micro_turn, emitter& out) {
  const auto end = context_.grid.end_of(micro_turn);
  const double off_s = std::max(off_after_s, off_after_frames / config_.frames_per_s);
  if (!newest_ || (end - *newest_).count() * 1e-9 > off_s)
    out.emit(0, end, control{control::kind::bound, "", 0});
  return {};
}

}  // namespace hocket::encoder
