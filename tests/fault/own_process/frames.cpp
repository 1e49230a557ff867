// What no child says: into the pipes, beside them, into the memory that it shares with the run.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "actors/process/frame.hpp"
#include "tests/fault/own_process/rogue.hpp"

namespace hocket::rogue {
namespace {

/// Bytes into every pipe that might be the run's.
void into_all_pipes(const std::string& bytes) {
  for (int fd = 16; fd < 64; ++fd) (void)!::write(fd, bytes.data(), bytes.size());
}

std::string frame_of(process::frame_head h, std::vector<process::bulk_place> bulk = {}) {
  std::string out;
  process::append_frame(out, h, "", bulk);
  return out;
}

void scribble_on_shared_memory() {
  // The largest shared mappings of ours that can be written: the heads and the heap.
  std::FILE* maps = std::fopen("/proc/self/maps", "r");
  char line[512];
  while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long from = 0, to = 0;
    char rights[8] = {};
    if (std::sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && rights[3] == 's' &&
        rights[1] == 'w')
      std::memset(reinterpret_cast<void*>(from), 0xFF, std::min(to - from, 65536UL));
  }
  if (maps != nullptr) std::fclose(maps);
}

/// The pipes of a child, as it has them (child_main.cpp).
constexpr int calls_fd = 16, replies_fd = 17, events_fd = 18;

void into(int fd, const std::string& bytes) { (void)!::write(fd, bytes.data(), bytes.size()); }

void emit_frame(process::say what) {
  process::frame_head h;
  h.what = what;
  into_all_pipes(frame_of(h));
}

}  // namespace

std::vector<way> ways_of_frames() {
  using process::bulk_place;
  using process::frame_head;
  return {
      {"bytes_in_pipes", [](auto&, auto*) { into_all_pipes(std::string(500, '\xff')); }},
      {"zeros_in_pipes", [](auto&, auto*) { into_all_pipes(std::string(500, '\0')); }},
      {"huge_frame",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::done;
         h.body_bytes = 0;
         auto bytes = frame_of(h);
         bytes[0] = bytes[1] = bytes[2] = bytes[3] = '\x7f';
         into_all_pipes(bytes);
       }},
      {"half_a_frame",
       [](auto&, auto*) {
         into_all_pipes(frame_of({}).substr(0, 40));
         ::_exit(4);
       }},
      {"call_as_answer", [](auto&, auto*) { emit_frame(process::say::open); }},
      // What is heard after the run is over ends nobody: it stays until it is killed.
      {"garbage_beside",
       [](auto&, auto*) {
         into(events_fd, std::string(5000, '\xff'));
         for (;;) ::pause();
       }},
      // It is killed by whoever hears it while whoever called it waits for its end.
      {"garbage_beside_and_gone",
       [](auto&, auto*) {
         into(events_fd, std::string(5000, '\xff'));
         ::_exit(4);
       }},
      {"answer_beside",
       [](auto& c, auto*) {
         frame_head h;
         h.what = process::say::done;
         into(events_fd, frame_of(h));
         for (int i = 0; i < 5000; ++i) c.log("and on");
       }},
      {"log_above_all_limits", [](auto& c, auto*) { c.log(std::string(16 << 20, 'l')); }},
      {"counter_above_all_limits", [](auto& c, auto*) { c.count(std::string(16 << 20, 'c'), 1); }},
      {"error_above_all_limits",
       [](auto&, auto*) { throw std::runtime_error(std::string(16 << 20, 'x')); }},
      {"no_more_calls", [](auto&, auto*) { ::close(calls_fd); }},
      {"no_more_events", [](auto&, auto*) { ::close(events_fd); }},
      {"answers_to_nothing",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::done;
         for (int i = 0; i < 3; ++i) into(replies_fd, frame_of(h));
       }},
      {"bulk_above_all_limits",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::emit;
         into(replies_fd, frame_of(h, {{bulk_place::kind::inside, 0, 0, UINT64_MAX}}));
       }},
      {"bulks_without_end",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::emit;
         into(replies_fd, frame_of(h, std::vector<bulk_place>(400)));
       }},
      {"bulk_nowhere",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::emit;
         into(replies_fd, frame_of(h, {{static_cast<bulk_place::kind>(9), 0, 0, 8}}));
       }},
      {"bulk_outside",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::emit;
         into_all_pipes(frame_of(h, {{bulk_place::kind::arena, 1, UINT64_MAX - 5, 100}}));
       }},
      {"bulk_of_nobody",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::emit;
         into_all_pipes(frame_of(h, {{bulk_place::kind::returned, 77, 0, 100}}));
       }},
      {"lease_out_of_range",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::emit;
         into_all_pipes(frame_of(h, {{bulk_place::kind::arena, 4'000'000'000, 0, 100}}));
       }},
      {"scribble",
       [](auto&, auto*) {
         scribble_on_shared_memory();
         ::_exit(4);
       }},
  };
}

}  // namespace hocket::rogue
