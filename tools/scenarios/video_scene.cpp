#include "tools/scenarios/video_scene.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

namespace hocket::scenarios {
namespace {

struct place {
  double x = 0, y = 0;
};

/// A coordinate that runs on and turns back at both edges.
double reflect(double v, double low, double high) {
  const double range = high - low;
  double phase = std::fmod(v - low, 2 * range);
  if (phase < 0) phase += 2 * range;
  return low + (phase < range ? phase : 2 * range - phase);
}

place place_of(const sprite& s, std::int64_t at) {
  place p{s.x, s.y};
  double moved_s = 0;
  for (const auto& [from, to] : s.spans) {
    if (at <= from) break;
    const double part =
        static_cast<double>(std::min(at, to) - from) / static_cast<double>(to - from);
    if (s.moves == sprite::motion::hops && part < 1)
      p.y -= s.height * std::sin(std::numbers::pi * part);
    moved_s += static_cast<double>(std::min(at, to) - from) / 16000.0;
  }
  if (s.moves == sprite::motion::drifts) {
    const double low = s.half, high = video_scene::side - s.half;
    p.x = reflect(s.x + s.speed_x * moved_s, low, high);
    p.y = reflect(s.y + s.speed_y * moved_s, low, high);
  }
  return p;
}

bool covers(const sprite& s, const place& p, double x, double y) {
  const double dx = x - p.x, dy = y - p.y;
  switch (s.kind) {
    case sprite::shape::circle: return dx * dx + dy * dy <= s.half * s.half;
    case sprite::shape::square: return std::abs(dx) <= s.half && std::abs(dy) <= s.half;
    case sprite::shape::triangle:  // the tip is up
      return dy <= s.half && dy >= -s.half && std::abs(dx) <= (dy + s.half) / 2;
  }
  return false;
}

}  // namespace

std::array<int, 3> color_of(const std::string& word, random_stream& rng) {
  static const std::map<std::string, std::array<int, 3>> colors{
      {"red", {220, 30, 30}},     {"blue", {40, 60, 220}}, {"green", {30, 170, 50}},
      {"yellow", {235, 220, 40}}, {"black", {10, 10, 10}}, {"white", {248, 248, 248}}};
  std::array<int, 3> rgb = colors.at(word);
  for (int& c : rgb) c = std::clamp(c + rng.integer(-18, 18), 0, 255);
  return rgb;
}

sprite::shape shape_of(const std::string& word) {
  return word == "circle"   ? sprite::shape::circle
         : word == "square" ? sprite::shape::square
                            : sprite::shape::triangle;
}

sprite draw_sprite(random_stream& rng, const std::string& color, const std::string& shape) {
  sprite s;
  s.kind = shape_of(shape);
  s.rgb = color_of(color, rng);
  s.half = rng.uniform(6.0, 10.0);
  s.x = rng.uniform(s.half + 1, video_scene::side - s.half - 1);
  s.y = rng.uniform(s.half + 1, video_scene::side - s.half - 1);
  return s;
}

video_scene::video_scene(random_stream& rng) {
  const int grey = rng.integer(95, 160);
  for (int& c : ground_) c = grey + rng.integer(-12, 12);
  grain_ = rng.integer(0, 8);
  seed_ = rng.next();
}

void video_scene::draw(std::int64_t at, std::span<std::uint8_t> rgb) const {
  random_stream grain(seed_of(seed_, static_cast<std::uint64_t>(at)));
  std::vector<std::pair<const sprite*, place>> seen;
  for (const sprite& s : sprites_)
    if (at >= s.from && at < s.to) seen.emplace_back(&s, place_of(s, at));
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const std::array<int, 3>* color = &ground_;
      for (const auto& [s, p] : seen)
        if (covers(*s, p, x + 0.5, y + 0.5)) color = &s->rgb;
      const std::uint64_t bits = grain.next();
      for (int c = 0; c < 3; ++c) {
        const int noise =
            grain_ == 0 ? 0
                        : static_cast<int>((bits >> (16 * c)) & 0xffff) % (2 * grain_ + 1) - grain_;
        rgb[static_cast<std::size_t>((y * side + x) * 3 + c)] = static_cast<std::uint8_t>(
            std::clamp((*color)[static_cast<std::size_t>(c)] + noise, 0, 255));
      }
    }
}

}  // namespace hocket::scenarios
