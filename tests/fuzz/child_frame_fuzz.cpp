#include <cstring>

#include "actors/process/channel.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: what the child of an actor writes into its pipe, frame after frame.
namespace hocket::fuzz {
namespace {

using namespace process;

/// The run's end of a channel, which a child has written nothing sensible into.
channel& ours() {
  static const auto made = [] {
    auto down = wire::shm_arena::make_files(arena_bytes);
    auto up = wire::shm_arena::make_files(arena_bytes);
    HOCKET_ASSERT(down && up);
    auto out = wire::shm_arena::map_files(down->head, down->heap, arena_bytes, true);
    auto in = wire::shm_arena::map_files(up->head, up->heap_to_read, arena_bytes, false);
    HOCKET_ASSERT(out && in);
    return std::make_unique<channel>(std::move(*out), std::move(*in));
  }();
  return *made;
}

void run(std::span<const std::uint8_t> bytes) {
  const frame_limits small = {.body_bytes = 1u << 16, .bulk_count = 16, .inside_bytes = 1u << 16};
  auto rest = std::as_bytes(bytes);
  while (!rest.empty()) {
    std::size_t used = 0;
    const auto got = parse_frame(rest, used, small);
    if (!got || !*got) return;
    HOCKET_ASSERT(used <= rest.size());
    if (const auto p = ours().take(**got)) HOCKET_ASSERT(p->body != nullptr);
    rest = rest.subspan(used);
  }
}

std::vector<std::string> seeds() {
  std::string some, large;
  audio_chunk a;
  a.samples = buffer::take(std::vector<float>(10, 0.5f));
  frame_head emit;
  emit.what = say::emit;
  (void)ours().append(some, emit, make_packet(timestamp::of_ms(1), std::move(a)));
  (void)ours().append(some, emit,
                      make_packet(timestamp::of_ms(1), text{.value = "hello", .role = "user"}));
  frame_head done;
  done.what = say::done;
  append_frame(some, done, "");
  const std::vector<bulk_place> places = {{bulk_place::kind::arena, 3, 64, 4096},
                                          {bulk_place::kind::returned, 3, 64, 4096}};
  append_frame(large, emit, "", places);
  return {some, large};
}

}  // namespace

extern const target child_frame;
const target child_frame{"child_frame", run, seeds};

}  // namespace hocket::fuzz
