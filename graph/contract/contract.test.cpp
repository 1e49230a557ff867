#include <cmath>

#include <doctest/doctest.h>

#include "graph/contract/packet.hpp"
#include "graph/contract/registry.hpp"

namespace hocket {
namespace {

struct plain final : component {
  struct config {
    std::int64_t n = 0;
    void visit(config_visitor& v) { v.field({.name = "n", .doc = "a number"}, n); }
  };
  explicit plain(config) {}
  static component_info info() {
    component_info i;
    i.type = "test.plain";
    i.inputs = {{"video", {.kind = payload_kind::video}, ""}};
    return i;
  }
};

struct clash final : component {
  struct config {
    std::string policy;
    void visit(config_visitor& v) { v.field({.name = "policy", .doc = "taken"}, policy); }
  };
  explicit clash(config) {}
  static component_info info() {
    component_info i;
    i.type = "test.clash";
    return i;
  }
};

std::string code_of(const result<void>& r) { return r ? "" : r.error().code; }

std::string unfit(const media_type& port, payload content) { return why_unfit(port, content); }

}  // namespace

TEST_CASE("registry: names, ports and keys are checked when a type is added") {
  registry types;
  CHECK(types.add(type_of<plain>()));
  CHECK(code_of(types.add(type_of<plain>())) == "registry.duplicate");
  CHECK(types.component_names() == std::vector<std::string>{"test.plain"});
  CHECK(code_of(types.add(type_of<clash>())) == "registry.bad_field");
  for (const auto* name : {"plain", "Test.plain", "test.", ".plain", "a.b.c", "test.pl-ain", ""}) {
    auto type = type_of<plain>();
    type.info.type = name;
    CHECK(code_of(types.add(type)) == "registry.bad_name");
  }
  auto type = type_of<plain>();
  type.info.type = "test.ports";
  type.info.inputs.push_back(type.info.inputs[0]);
  CHECK(code_of(types.add(type)) == "registry.bad_port");
  CHECK(types.find_component("test.ports") == nullptr);
}

TEST_CASE("registry: ports without a queue get the default of their media type") {
  registry types;
  REQUIRE(types.add(type_of<plain>()));
  const auto& queue = types.find_component("test.plain")->info.inputs[0].queue;
  CHECK(queue.size == default_queue(payload_kind::video).size);
  CHECK(queue.full == default_queue(payload_kind::video).full);
}

TEST_CASE("buffer: sharing and slicing copy nothing and keep the whole alive") {
  const auto before = buffer::copies_made();
  buffer part;
  {
    const auto whole = buffer::take(std::vector<std::int32_t>{1, 2, 3, 4});
    part = whole.slice(4, 8);
    CHECK(part.identity() == static_cast<const std::byte*>(whole.identity()) + 4);
  }
  CHECK(part.as<std::int32_t>()[0] == 2);
  CHECK(part.as<std::int32_t>().size() == 2);
  CHECK(part.slice(8, 0).empty());
  CHECK(buffer::copies_made() == before);
  CHECK(buffer::copy_of(part.bytes()).as<std::int32_t>()[1] == 3);
  CHECK(buffer::copies_made() == before + 1);
}

TEST_CASE("packet: a copy shares its payload") {
  const auto p = make_packet(timestamp::of_ms(7), text{"hello", "user"});
  const auto q = p;  // NOLINT: the copy is the point
  CHECK(q.body == p.body);
  CHECK(q.header.ts == timestamp::of_ms(7));
  CHECK(q.get_if<text>()->value == "hello");
  CHECK(q.get_if<audio_chunk>() == nullptr);
  CHECK(packet().get_if<text>() == nullptr);
}

TEST_CASE("trace: the oldest hops go first") {
  trace way;
  for (actor_index i = 0; i < 11; ++i) way.push({i, 0, 0, 0});
  CHECK(way.count == trace::capacity);
  CHECK(way.hops[0].actor == 3);
  CHECK(way.hops[trace::capacity - 1].actor == 10);
}

TEST_CASE("ports: what cannot feed what, in words") {
  const media_type audio{.kind = payload_kind::audio, .rate_hz = 16000, .channels = 1};
  CHECK(why_incompatible(audio, audio).empty());
  CHECK(why_incompatible(audio, {.kind = payload_kind::audio}).empty());
  CHECK(why_incompatible(audio, {.kind = payload_kind::audio, .rate_hz = 48000}) ==
        "rate 16000 Hz cannot feed 48000 Hz");
  CHECK(why_incompatible(audio, {.kind = payload_kind::text}) == "audio cannot feed text");
  const media_type frames{.kind = payload_kind::tensor, .element = dtype::u8, .shape = {-1, 80}};
  CHECK(why_incompatible(frames, {.kind = payload_kind::tensor, .shape = {4, 80}}).empty());
  CHECK(!why_incompatible(frames, {.kind = payload_kind::tensor, .shape = {80}}).empty());
  CHECK(!why_incompatible(frames, {.kind = payload_kind::tensor, .element = dtype::f32}).empty());
}

TEST_CASE("ports: payloads that do not fit or contradict themselves") {
  const media_type audio{.kind = payload_kind::audio, .rate_hz = 16000, .channels = 1};
  const auto floats = [](std::size_t n) { return buffer::take(std::vector<float>(n)); };
  CHECK(unfit(audio, audio_chunk{16000, 1, 0, floats(8)}).empty());
  CHECK(unfit(audio, control{control::kind::bound, "", 0}).empty());
  CHECK(!unfit(audio, audio_chunk{16000, 2, 0, floats(8)}).empty());
  for (const float s : {NAN, INFINITY, -INFINITY}) {
    const auto one_bad = buffer::take(std::vector<float>{0.5f, s, 3e38f});
    CHECK(unfit(audio, audio_chunk{16000, 1, 0, one_bad}) ==
          "audio with a sample that is no number");
    CHECK(unfit({.kind = payload_kind::tensor}, tensor{dtype::f32, {3}, one_bad}).empty());
  }
  CHECK(!unfit(audio, audio_chunk{16000, 0, 0, floats(8)}).empty());
  for (const auto index : {INT64_MAX, INT64_MIN, std::int64_t{1} << 60}) {
    CHECK(unfit(audio, audio_chunk{16000, 1, index, floats(8)}) ==
          "audio from sample " + std::to_string(index) + " on, which is at no time");
  }
  for (const auto days : {std::int64_t{1000}, std::int64_t{-1000}})
    CHECK(unfit(audio, audio_chunk{16000, 1, days * 86'400 * 16000, floats(8)}).empty());
  CHECK(!unfit(audio, audio_chunk{16000, 1, 0, floats(8).slice(0, 7)}).empty());
  CHECK(!unfit({.kind = payload_kind::video}, video_frame{2, 2, floats(2)}).empty());
  const media_type frames{.kind = payload_kind::tensor, .element = dtype::f32, .shape = {-1, 4}};
  CHECK(unfit(frames, tensor{dtype::f32, {2, 4}, floats(8)}).empty());
  CHECK(unfit(frames, tensor{dtype::f32, {0, 4}, {}}).empty());
  CHECK(!unfit(frames, tensor{dtype::f32, {4, 2}, floats(8)}).empty());
  CHECK(!unfit(frames, tensor{dtype::i32, {2, 4}, floats(8)}).empty());
  CHECK(!unfit(frames, tensor{dtype::f32, {3, 4}, floats(8)}).empty());
  const std::int64_t huge = std::int64_t{1} << 40;
  CHECK(!unfit({.kind = payload_kind::tensor}, tensor{dtype::f32, {huge, huge}, {}}).empty());
  CHECK(!unfit({.kind = payload_kind::tensor}, tensor{dtype::f32, {-1, 4}, {}}).empty());
}

}  // namespace hocket
