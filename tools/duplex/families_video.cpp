// What the camera sees: repetitions to count, a motion, a shape that answers a standing question.
#include <algorithm>

#include "engine/text/vocabulary.hpp"
#include "tools/duplex/families.hpp"
#include "tools/duplex/phrases.hpp"
#include "tools/scenarios/video_scene.hpp"

namespace hocket::duplex {

using engine::words_of_number;
using scenarios::sprite;
using scenarios::video_scene;

namespace {

std::int64_t samples_of(double seconds) { return std::llround(seconds * double(rate_hz)); }

sprite any_sprite(scenarios::random_stream& rng) {
  return scenarios::draw_sprite(rng, rng.pick(scenarios::color_words()),
                                rng.pick(scenarios::shape_words()));
}

/// A scene whose numbers do not disturb those of the item.
video_scene scene_of(const item& it) {
  scenarios::random_stream rng(scenarios::seed_of(it.seed, 99));
  return video_scene(rng);
}

void film(const video_scene& scene, item& it) {
  for (std::int64_t at = 0; at < it.samples; at += rate_hz / 10) {
    picture_frame f;
    f.at_s = static_cast<double>(at) / rate_hz;
    f.width = f.height = video_scene::side;
    f.pixels.resize(video_scene::frame_bytes);
    scene.draw(at, f.pixels);
    it.frames.push_back(std::move(f));
  }
}

// An instruction, room for the model's "okay", then what is to be seen.
double instruct(stage& s, item& it, const std::string& words) {
  it.context_text = it.current_turn_text = words;
  return s.say(words, s.rng.uniform(0.4, 0.9)) + s.rng.uniform(1.0, 1.5);
}

void finish(stage& s, item& it, const video_scene& scene, double length_s) {
  it.to_s = length_s;
  if (s.finish(length_s)) film(scene, it);
}

}  // namespace

void make_rep_count(stage& s, item& it) {
  video_scene scene = scene_of(it);
  double at = instruct(s, it, "count when it moves");
  it.from_s = at;
  sprite thing = any_sprite(s.rng);
  thing.y = s.rng.uniform(26, 31);
  thing.height = s.rng.uniform(9, 16);
  thing.to = INT64_MAX;
  thing.moves = sprite::motion::hops;
  it.expect.count = s.rng.integer(3, 6);
  const double pace_s = s.rng.uniform(0.8, 1.8);
  for (std::int64_t n = 1; n <= it.expect.count; ++n) {
    const double end = at + pace_s * s.rng.uniform(0.85, 1.15);
    thing.spans.emplace_back(samples_of(at), samples_of(end));
    if (n == it.expect.count - 1) it.expect.penultimate_s = end;
    at = end + s.rng.uniform(0, 0.6);
  }
  scene.add(std::move(thing));
  const double stop = s.say("stop", at + 1.6);
  finish(s, it, scene, stop + 1);
}

void make_motion(stage& s, item& it) {
  video_scene scene = scene_of(it);
  double at = instruct(s, it, "tell me when it moves");
  it.from_s = at;
  sprite thing = any_sprite(s.rng);
  thing.to = INT64_MAX;
  thing.moves = sprite::motion::drifts;
  (s.rng.chance(0.5) ? thing.speed_x : thing.speed_y) =
      s.rng.uniform(12, 28) * (s.rng.chance(0.5) ? 1 : -1);
  for (int i = 0, count = s.rng.integer(1, 2); i < count; ++i) {
    const double start = at + s.rng.uniform(0.6, 1.6), end = start + s.rng.uniform(1.5, 3.0);
    thing.spans.emplace_back(samples_of(start), samples_of(end));
    // Early by up to half a second, late as long as it moves; the stop until the next start.
    it.expect.due.push_back({{"start"}, start, start - 0.5, end});
    it.expect.due.push_back({{"stop"}, end, start, end + 1.6});
    at = end;
  }
  scene.add(std::move(thing));
  finish(s, it, scene, at + 2.5);
}

void make_proactive(stage& s, item& it) {
  video_scene scene = scene_of(it);
  const bool by_color = s.rng.chance(0.5);
  const auto& color = s.rng.pick(scenarios::color_words());
  const auto& shape = s.rng.pick(scenarios::shape_words());
  it.context_text = it.current_turn_text =
      by_color ? "what color do you see" : "what shape do you see";
  it.from_s = s.say(it.current_turn_text, s.rng.uniform(0.4, 0.9));
  const double seen = it.from_s + s.rng.uniform(0.6, 3.4), gone = seen + s.rng.uniform(2.5, 3.5);
  sprite thing = scenarios::draw_sprite(s.rng, color, shape);
  thing.from = samples_of(seen);
  thing.to = samples_of(gone);
  scene.add(std::move(thing));
  it.expect.due.push_back({{by_color ? color : shape}, seen, seen, gone});
  for (const auto& other : by_color ? scenarios::color_words() : scenarios::shape_words())
    if (other != (by_color ? color : shape)) it.expect.wrong.push_back(other);
  finish(s, it, scene, gone + 1.5);
}

void make_visual_cue(stage& s, item& it) {
  video_scene scene = scene_of(it);
  const bool by_color = s.rng.chance(0.6);
  const auto wanted =
      by_color ? s.rng.pick(scenarios::color_words()) : s.rng.pick(scenarios::shape_words());
  double at = instruct(s, it, "say yes when you see " + (by_color ? wanted : "a " + wanted));
  it.from_s = at;
  const int count = s.rng.integer(3, 5), sure = s.rng.integer(0, count - 1);
  for (int i = 0; i < count; ++i) {
    std::string color = s.rng.pick(scenarios::color_words());
    std::string shape = s.rng.pick(scenarios::shape_words());
    if (i == sure) (by_color ? color : shape) = wanted;
    sprite thing = scenarios::draw_sprite(s.rng, color, shape);
    const double gone = at + s.rng.uniform(0.7, 1.4);
    thing.from = samples_of(at);
    thing.to = samples_of(gone);
    if ((by_color ? color : shape) == wanted) it.expect.due.push_back({{"yes"}, at, at, at + 1.5});
    at = gone + s.rng.uniform(0.6, 1.0);
    scene.add(std::move(thing));
  }
  finish(s, it, scene, at + 1.2);
}

}  // namespace hocket::duplex
