// Conversations about what the camera sees.
#include <algorithm>

#include "graph/core/assert.hpp"
#include "tools/scenarios/families.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

constexpr std::int64_t never = INT64_MAX;

sprite any_sprite(random_stream& rng) {
  return draw_sprite(rng, rng.pick(color_words()), rng.pick(shape_words()));
}

/// "stop" a while after `at`, "okay", and the end of the episode.
void stop(builder& b, const std::string& what, std::int64_t at) {
  const std::int64_t end = b.say_at("stop", at);
  b.break_off(answer_turn(end));
  quiet_from(b, what, end, b.model_says(answer_turn(end), "okay"));
}

}  // namespace

void draw_rep_count(builder& b) {
  HOCKET_ASSERT(b.scene);
  random_stream& rng = b.rng;
  b.begin_episode("repcount", b.cursor);
  sprite s = any_sprite(rng);
  s.y = rng.uniform(26.0, 31.0), s.height = rng.uniform(9.0, 16.0);
  s.from = b.cursor, s.to = never;
  s.moves = sprite::motion::hops;
  std::int64_t at = acknowledged(b, "count when it moves"), free = 0;
  const int count = rng.integer(2, 6);
  const double pace_s = rng.uniform(0.8, 1.8);
  for (int n = 1; n <= count; ++n) {
    const std::int64_t end = at + samples_of(pace_s * rng.uniform(0.8, 1.2));
    s.spans.emplace_back(at, end);
    free = b.model_says(std::max(answer_turn(end), free), engine::words_of_number(n));
    at = end + samples_of(rng.uniform(0.0, 0.8));
  }
  b.scene->add(std::move(s));
  stop(b, "counts " + std::to_string(count) + " hops",
       std::max(at, heard_at(free)) + samples_of(rng.uniform(0.1, 0.8)));
  b.scene->end_last(b.cursor);
}

void draw_flash(builder& b) {
  HOCKET_ASSERT(b.scene);
  random_stream& rng = b.rng;
  b.begin_episode("flash", b.cursor);
  const bool by_color = rng.chance(0.6);
  const std::string wanted = by_color ? rng.pick(color_words()) : rng.pick(shape_words());
  std::int64_t at =
      acknowledged(b, "say yes when you see " + std::string(by_color ? "" : "a ") + wanted);
  std::int64_t free = 0;
  const int count = rng.integer(3, 6), sure = rng.integer(0, count - 1);
  for (int i = 0; i < count; ++i) {
    std::string color = rng.pick(color_words()), shape = rng.pick(shape_words());
    if (i == sure || rng.chance(0.2)) (by_color ? color : shape) = wanted;
    sprite s = draw_sprite(rng, color, shape);
    s.from = at, s.to = at + samples_of(rng.uniform(0.6, 1.4));
    if ((by_color ? color : shape) == wanted)
      free = b.model_says(std::max(answer_turn(at), free), "yes");
    at = s.to + samples_of(rng.uniform(0.3, 1.0));
    b.scene->add(std::move(s));
  }
  stop(b, "yes at " + wanted, std::max(at, heard_at(free)) + samples_of(rng.uniform(0.1, 0.5)));
}

void draw_motion(builder& b) {
  HOCKET_ASSERT(b.scene);
  random_stream& rng = b.rng;
  b.begin_episode("motion", b.cursor);
  sprite s = any_sprite(rng);
  s.from = b.cursor, s.to = never;
  s.moves = sprite::motion::drifts;
  const double speed = rng.uniform(12.0, 28.0) * (rng.chance(0.5) ? 1 : -1);
  (rng.chance(0.5) ? s.speed_x : s.speed_y) = speed;
  std::int64_t at = acknowledged(b, "tell me when it moves"), free = 0;
  const int count = rng.integer(1, 5);
  for (int i = 0; i < count; ++i) {
    at += samples_of(rng.uniform(0.5, 1.6));
    const std::int64_t end = at + samples_of(rng.uniform(0.8, 3.0));
    s.spans.emplace_back(at, end);
    free = b.model_says(std::max(answer_turn(at), free), "start");
    free = b.model_says(std::max(answer_turn(end), free), "stop");
    at = end;
  }
  b.scene->add(std::move(s));
  stop(b, "when it moves", std::max(at, heard_at(free)) + samples_of(rng.uniform(0.3, 1.2)));
  b.scene->end_last(b.cursor);
}

void draw_watch(builder& b) {
  HOCKET_ASSERT(b.scene);
  random_stream& rng = b.rng;
  b.begin_episode("watch", b.cursor);
  const std::string color = rng.pick(color_words()), shape = rng.pick(shape_words());
  sprite s = draw_sprite(rng, color, shape);
  const bool by_color = rng.chance(0.5), already = rng.chance(0.35);
  const builder::speech asked =
      b.speak(by_color ? "what color do you see" : "what shape do you see");
  if (already) b.cursor += samples_of(0.5);
  const std::int64_t end = b.place(asked, b.cursor);
  s.from = already ? b.cursor - samples_of(0.4) : end + samples_of(rng.uniform(0.5, 3.5));
  const std::int64_t k = answer_turn(std::max(end, s.from));
  const std::int64_t done = b.model_says(k, by_color ? "it is " + color : "it is a " + shape);
  s.to = heard_at(done) + samples_of(rng.uniform(0.0, 0.5));
  b.scene->add(std::move(s));
  quiet_from(b, std::string("what ") + (by_color ? "color" : "shape"), end, done);
}

void draw_describe(builder& b) {
  HOCKET_ASSERT(b.scene);
  random_stream& rng = b.rng;
  b.begin_episode("describe", b.cursor);
  std::int64_t at = acknowledged(b, "tell me what you see"), free = 0;
  const int count = rng.integer(3, 8);
  for (int i = 0; i < count; ++i) {
    const std::string color = rng.pick(color_words()), shape = rng.pick(shape_words());
    sprite s = draw_sprite(rng, color, shape);
    free = b.model_says(std::max(answer_turn(at), free), color + " " + shape);
    // The next one comes when this one is named, so that every name is of what is there.
    s.from = at, s.to = heard_at(free) + samples_of(rng.uniform(-0.2, 0.4));
    at = s.to + samples_of(rng.chance(0.5) ? 0 : rng.uniform(0.1, 0.6));
    b.scene->add(std::move(s));
  }
  stop(b, "names what it sees", std::max(at, heard_at(free)) + samples_of(rng.uniform(0.1, 0.5)));
}

}  // namespace hocket::scenarios
