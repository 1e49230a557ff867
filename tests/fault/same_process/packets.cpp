// What no port may let out, beside good packets.
#include <cmath>
#include <limits>
#include <stdexcept>

#include "tests/fault/same_process/rogue.hpp"

namespace hocket::unruly {
namespace {

enum port : std::size_t { words, sound, numbers, pictures, results, tasks, examples, marks };

template <class F>
act emitting(F f) {
  return doing([f](rogue& r, emitter* out) { f(r, *out); });
}

/// One packet out of a port, now.
template <class Payload>
act emits(port to, Payload what) {
  return emitting([to, what](rogue& r, emitter& out) { out.emit(to, r.at, what); });
}

text x(std::string value = "x") { return {.value = std::move(value), .role = "user"}; }

audio_chunk chunk(float value = 0.25f, std::size_t samples = 320) {
  audio_chunk a;
  a.samples = buffer::take(std::vector<float>(samples, value));
  return a;
}

template <class Change>
audio_chunk changed(Change change) {
  auto a = chunk();
  change(a);
  return a;
}

tensor floats(std::vector<std::int64_t> shape, std::size_t count, dtype type = dtype::f32) {
  return {type, std::move(shape), buffer::take(std::vector<float>(count))};
}

video_frame picture(int width, int height, std::size_t bytes) {
  return {width, height, buffer::take(std::vector<char>(bytes))};
}

/// Throws while it is moved into a payload, which then holds nothing.
struct refuses_to_move : std::string {
  operator text() const { throw std::runtime_error("not moved"); }
};

packet empty_variant(timestamp at) {
  auto body = std::make_shared<payload>(x());
  try {
    body->emplace<text>(refuses_to_move());
  } catch (const std::runtime_error&) {
  }
  if (!body->valueless_by_exception()) throw std::logic_error("it still holds something");
  packet p;
  p.header.ts = at;
  p.body = std::move(body);
  return p;
}

control mark(control::kind what) { return {what, "", 0}; }

}  // namespace

void add_packets(std::vector<way>& to) {
  constexpr auto nan = std::numeric_limits<float>::quiet_NaN();
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  constexpr auto far = INT64_MAX;
  const auto bad = [&](const char* name, const char* said, act does) {
    to.push_back({name, "process", fate::bad_packet, said, std::move(does)});
  };
  const auto fine = [&](const char* name, act does) {
    to.push_back({name, "process", fate::goes_on, "", std::move(does)});
  };

  // Where to.
  to.push_back({"no_such_port", "process", fate::fails, "emit to output 77 of 8",
                emitting([](auto& r, auto& out) { out.emit(77, r.at, x()); })});
  to.push_back({"last_port_of_all", "process", fate::fails, "emit to output",
                emitting([](auto& r, auto& out) { out.emit(SIZE_MAX, r.at, x()); })});
  fine("another_conversation", emitting([](auto& r, auto& out) {
         out.for_session(session_id{999});
         out.emit(words, r.at, x());
       }));

  // What kind.
  bad("no_payload", "no payload", emitting([](auto&, auto& out) { out.emit(words, packet{}); }));
  bad("empty_variant", "no payload",
      emitting([](auto& r, auto& out) { out.emit(words, empty_variant(r.at)); }));
  bad("another_kind", "video on a port of text", emits(words, picture(1, 1, 3)));
  bad("text_as_sound", "text on a port of audio", emits(sound, x()));
  bad("interrupt_as_data", "control on a port of text",
      emits(words, mark(control::kind::interrupt)));
  bad("unknown_control", "control of kind 77", emits(marks, mark(static_cast<control::kind>(77))));
  bad("unknown_control_as_data", "control on a port",
      emits(words, mark(static_cast<control::kind>(99))));

  // When.
  const auto at_time = [](std::int64_t ns) {
    return emitting([ns](auto&, auto& out) { out.emit(words, timestamp(ns), x()); });
  };
  bad("time_min", "timestamp is not a time", at_time(INT64_MIN));
  bad("time_max", "timestamp is not a time", at_time(far));
  bad("time_of_another_day", "ahead of stream time", at_time(86'400'000'000'000));
  fine("time_before_zero", at_time(-1'000'000'000));
  fine("times_backwards", emitting([](auto&, auto& out) {
         for (int i = 9; i > 0; --i) out.emit(words, timestamp::of_ms(i), x());
       }));
  bad("sound_backwards", "sound goes back in time", emitting([](auto& r, auto& out) {
        out.emit(sound, r.at, chunk());
        out.emit(sound, r.at - std::chrono::milliseconds(20), chunk());
      }));
  bad("bound_of_no_time", "bound: timestamp is not a time", emitting([](auto&, auto& out) {
        out.emit(words, timestamp(far), mark(control::kind::bound));
      }));
  bad("bound_of_another_day", "bound: timestamp is", emitting([](auto& r, auto& out) {
        out.emit(words, r.at + std::chrono::hours(24), mark(control::kind::bound));
      }));
  fine("bounds_backwards", emitting([](auto&, auto& out) {
         for (int i = 9; i >= 0; --i)
           out.emit(words, timestamp::of_ms(i), mark(control::kind::bound));
       }));
  bad("words_after_the_end", "after the end of its stream", emitting([](auto& r, auto& out) {
        out.emit(results, r.at, mark(control::kind::end_of_stream));
        out.emit(results, r.at, tool_result{});
        out.emit(results, r.at, mark(control::kind::end_of_stream));
      }));
  fine("lies_in_the_header", emitting([](auto& r, auto& out) {
         auto p = make_packet(r.at, x());
         p.header.session = session_id{999};
         p.header.stream = 12345;
         p.header.seq = UINT64_MAX;
         p.header.micro_turn = far;
         p.header.epoch = UINT32_MAX;
         p.header.origin_ts = timestamp(INT64_MIN);
         p.header.origin_ns = far;
         p.header.way.count = 255;
         out.emit(words, std::move(p));
       }));

  // Sound.
  bad("no_samples", "audio without samples", emits(sound, chunk(0, 0)));
  bad("sample_is_no_number", "a sample that is no number", emits(sound, chunk(nan)));
  bad("sample_without_end", "a sample that is no number", emits(sound, chunk(-infinity)));
  bad("another_rate", "audio of 48000 Hz",
      emits(sound, changed([](auto& a) { a.rate_hz = 48000; })));
  bad("no_rate", "audio of 0 Hz", emits(sound, changed([](auto& a) { a.rate_hz = 0; })));
  bad("no_channels", "audio of 16000 Hz x-1",
      emits(sound, changed([](auto& a) { a.channels = -1; })));
  bad("many_channels", "bytes of samples",
      emits(sound, changed([](auto& a) { a.channels = INT32_MAX; })));
  bad("half_a_sample", "1277 bytes of samples",
      emits(sound, changed([](auto& a) { a.samples = a.samples.slice(0, 1277); })));
  bad("sample_at_no_time", "which is at no time",
      emits(sound, changed([](auto& a) { a.first_sample = far; })));

  // Numbers.
  bad("other_elements", "tensor of i32", emits(numbers, floats({4}, 4, dtype::i32)));
  bad("unknown_elements", "tensor of type 99",
      emits(numbers, floats({4}, 4, static_cast<dtype>(99))));
  bad("another_shape", "tensor [5] where", emits(numbers, floats({5}, 5)));
  bad("another_rank", "tensor [2, 2] where", emits(numbers, floats({2, 2}, 4)));
  bad("fewer_bytes", "12 bytes of data", emits(numbers, floats({4}, 3)));
  bad("negative_extent", "tensor f32 [-4]", emits(numbers, floats({-4}, 4)));
  bad("extents_overflow", "bytes of data", emits(numbers, floats({std::int64_t{1} << 62, 4}, 4)));

  // Pictures, results, tasks, examples.
  bad("negative_picture", "picture -1 x", emits(pictures, picture(-1, -1, 3)));
  bad("picture_too_large", "picture 2147483647 x",
      emits(pictures, picture(INT32_MAX, INT32_MAX, 3)));
  bad("picture_without_pixels", "with 0 bytes", emits(pictures, picture(4, 4, 0)));
  tool_result odd;
  odd.status = static_cast<outcome>(99);
  bad("unknown_outcome", "tool_result of status 99", emits(results, odd));
  delegation other;
  other.what = static_cast<delegation::action>(200);
  bad("unknown_action", "delegation with action 200", emits(tasks, other));
  training_example e;
  e.tensors.emplace_back("a", floats({4}, 4, static_cast<dtype>(77)));
  bad("unknown_numbers_in_example", "tensor of type 77", emits(examples, e));

  // Much.
  fine("sixteen_mebibytes", emits(words, x(std::string(std::size_t{16} << 20, 'x'))));
  fine("text_of_escapes", emits(words, x("x\x1b]0;title\a\x1b[2J")));
  fine("text_no_utf8", emits(words, x("x\xff\xfe")));
  fine("flood", emitting([](auto& r, auto& out) {
         for (int i = 0; i < 20'000; ++i) out.emit(words, r.at, x());
       }));
  bad("flood_of_garbage", "no payload", emitting([](auto&, auto& out) {
        for (int i = 0; i < 20'000; ++i) out.emit(words, packet{});
      }));
  fine("the_same_packet_often", emitting([](auto& r, auto& out) {
         const auto p = make_packet(r.at, x());
         for (int i = 0; i < 100; ++i) out.emit(words, p);
       }));
}

}  // namespace hocket::unruly
