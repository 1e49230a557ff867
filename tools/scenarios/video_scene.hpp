// What the camera sees: flat shapes that appear, hop and drift, drawn into 40x40 frames.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tools/scenarios/random.hpp"

namespace hocket::scenarios {

struct sprite {
  enum class shape { circle, square, triangle };
  enum class motion { none, hops, drifts };
  shape kind = shape::circle;
  std::array<int, 3> rgb{};
  double x = 20, y = 20, half = 7;  ///< pixels
  std::int64_t from = 0, to = 0;    ///< samples at 16 kHz: seen in [from, to)
  motion moves = motion::none;
  /// When it moves, samples. A hop goes up and comes back in one span.
  std::vector<std::pair<std::int64_t, std::int64_t>> spans;
  double height = 12;               ///< of a hop, pixels
  double speed_x = 0, speed_y = 0;  ///< of a drift, pixels per second; turns at the edges
};

/// Words for what is drawn: those of color_words() and shape_words().
std::array<int, 3> color_of(const std::string& word, random_stream& rng);
sprite::shape shape_of(const std::string& word);
/// A shape at a random place and of random size.
sprite draw_sprite(random_stream& rng, const std::string& color, const std::string& shape);

/// A plain background with grain, and sprites on it. Frames are 100 ms apart, two per micro-turn.
class video_scene {
 public:
  static constexpr int side = 40, frames_per_turn = 2;
  static constexpr std::size_t frame_bytes = std::size_t{side} * side * 3;

  explicit video_scene(random_stream& rng);
  void add(sprite s) { sprites_.push_back(std::move(s)); }
  /// The last one vanishes at `at`.
  void end_last(std::int64_t at) { sprites_.back().to = at; }
  /// RGB [40, 40, 3] at sample `at`.
  void draw(std::int64_t at, std::span<std::uint8_t> rgb) const;

 private:
  std::array<int, 3> ground_{};
  int grain_ = 6;
  std::uint64_t seed_ = 0;
  std::vector<sprite> sprites_;
};

}  // namespace hocket::scenarios
