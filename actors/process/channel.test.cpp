#include "actors/process/channel.hpp"

#include <doctest/doctest.h>

namespace hocket::process {
namespace {

/// Both ends of a channel, in one process.
struct two_ends {
  two_ends() {
    auto down = wire::shm_arena::make_files(arena_bytes);
    auto up = wire::shm_arena::make_files(arena_bytes);
    REQUIRE(down);
    REQUIRE(up);
    const auto map = [](int head, int heap, bool writes) {
      auto made = wire::shm_arena::map_files(head, heap, arena_bytes, writes);
      REQUIRE(made);
      return std::move(*made);
    };
    run = std::make_unique<channel>(map(down->head, down->heap, true),
                                    map(up->head, up->heap_to_read, false));
    child = std::make_unique<channel>(map(up->head, up->heap, true),
                                      map(down->head, down->heap_to_read, false));
    // Who is to read can never write.
    CHECK(!wire::shm_arena::map_files(down->head, down->heap_to_read, arena_bytes, true));
    CHECK(!wire::shm_arena::map_files(down->head, down->heap, arena_bytes - 4096, true));
  }
  std::unique_ptr<channel> run, child;
};

packet cross(channel& from, channel& to, const packet& p) {
  std::string bytes;
  REQUIRE(from.append(bytes, {}, p));
  std::size_t used = 0;
  const auto f = parse_frame(std::as_bytes(std::span(bytes)), used);
  REQUIRE(f);
  REQUIRE(*f);
  auto out = to.take(**f);
  REQUIRE_MESSAGE(out, out.error().message);
  return std::move(*out);
}

packet sound(buffer samples) {
  audio_chunk a;
  a.samples = std::move(samples);
  return make_packet(timestamp::of_ms(7), std::move(a));
}

std::byte first_of(const packet& p) { return p.get_if<audio_chunk>()->samples.bytes()[0]; }

}  // namespace

TEST_CASE("what is made in the memory crosses without a copy, and comes back as itself") {
  two_ends both;
  const auto copies = buffer::copies_made();
  auto room = both.run->allocate(1 << 20);
  REQUIRE(room);
  room->bytes()[0] = std::byte{42};
  const auto original = sound(std::move(*room).seal());
  const auto there = cross(*both.run, *both.child, original);
  CHECK(first_of(there) == std::byte{42});
  const auto back = cross(*both.child, *both.run, there);
  CHECK(back.get_if<audio_chunk>()->samples.identity() ==
        original.get_if<audio_chunk>()->samples.identity());
  CHECK(back.header.ts == timestamp::of_ms(7));
  CHECK(buffer::copies_made() == copies);
}

TEST_CASE("other bytes are copied once, small ones travel inside") {
  two_ends both;
  for (const std::size_t size : {0u, 4u, 4096u, 4100u, 1u << 20}) {
    CAPTURE(size);
    std::vector<float> some(size / 4, 0.25f);
    const auto there = cross(*both.run, *both.child, sound(buffer::take(std::move(some))));
    const auto* a = there.get_if<audio_chunk>();
    CHECK(a->samples.size_bytes() == size);
    if (size > 0) CHECK(a->samples.as<float>().back() == 0.25f);
  }
}

TEST_CASE(
    "memory comes back when nobody shows it any more, and more than there is travels inside") {
  two_ends both;
  for (int i = 0; i < 500; ++i) {
    auto room = both.run->allocate(8 << 20);
    REQUIRE(room);
    room->bytes()[0] = static_cast<std::byte>(i);
    const auto there = cross(*both.run, *both.child, sound(std::move(*room).seal()));
    CHECK(first_of(there) == static_cast<std::byte>(i));
  }
  // A reader that keeps everything.
  std::vector<packet> kept;
  for (int i = 0; i < 14; ++i) {
    std::vector<float> some(2 << 20, static_cast<float>(i));
    kept.push_back(cross(*both.run, *both.child, sound(buffer::take(std::move(some)))));
  }
  for (int i = 0; i < 14; ++i)
    CHECK(kept[static_cast<std::size_t>(i)].get_if<audio_chunk>()->samples.as<float>()[9] ==
          static_cast<float>(i));
}

TEST_CASE("a side that only takes forgets what it has given back") {
  two_ends both;
  for (int i = 0; i < 500; ++i) {
    auto room = both.child->allocate(64 << 10);
    REQUIRE(room);
    room->bytes()[0] = static_cast<std::byte>(i);
    const auto here = cross(*both.child, *both.run, sound(std::move(*room).seal()));
    CHECK(first_of(here) == static_cast<std::byte>(i));
    CHECK(both.run->known_blocks() <= 2);
  }
}

TEST_CASE("a lease that is given out again does not stand for its old place") {
  two_ends both;
  const auto made = [&](int n) {
    auto room = both.run->allocate(64 << 10);
    REQUIRE(room);
    room->bytes()[0] = static_cast<std::byte>(n);
    return sound(std::move(*room).seal());
  };
  (void)cross(*both.run, *both.child, made(1));  // dropped at once: its lease is free again
  const auto kept = cross(*both.run, *both.child, made(2));
  const auto later = cross(*both.run, *both.child, made(3));
  for (const auto* p : {&kept, &later}) {
    const auto back = cross(*both.child, *both.run, *p);
    CHECK(first_of(back) == first_of(*p));
  }
}

TEST_CASE("places that nobody lent, or that lie outside, are refused") {
  two_ends both;
  const auto refused = [&](bulk_place at) {
    std::string bytes;
    const std::vector<bulk_place> places = {at};
    append_frame(bytes, {}, "", places);
    std::size_t used = 0;
    const auto f = parse_frame(std::as_bytes(std::span(bytes)), used);
    return both.run->take(**f).error().code == "process.malformed";
  };
  using kind = bulk_place::kind;
  CHECK(refused({kind::arena, 1, UINT64_MAX, 1}));
  CHECK(refused({kind::arena, 1, 0, arena_bytes}));
  CHECK(refused({kind::arena, wire::shm_arena::lease_count, 0, 1}));
  CHECK(refused({kind::returned, 1, 0, 1}));
  auto room = both.run->allocate(8192);
  REQUIRE(room);
  const auto there = cross(*both.run, *both.child, sound(std::move(*room).seal()));
  CHECK(refused({kind::returned, 1023, 8000, 8192}));
}

}  // namespace hocket::process
