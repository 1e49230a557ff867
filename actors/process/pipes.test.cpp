#include "actors/process/pipes.hpp"

#include <unistd.h>

#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "graph/core/clock.hpp"

namespace hocket::process {
namespace {

/// Both ends of a pipe.
struct two_ends {
  int fd[2] = {-1, -1};
  two_ends() { REQUIRE(::pipe(fd) == 0); }
  ~two_ends() {
    ::close(fd[0]);
    close_in();
  }
  void close_in() {
    if (fd[1] >= 0) ::close(fd[1]);
    fd[1] = -1;
  }
  void write(std::string_view bytes) const {
    CHECK(::write(fd[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
};

std::string answer_of(std::uint64_t seq) {
  frame_head h;
  h.what = say::done;
  h.seq = seq;
  std::string out;
  append_frame(out, h, "its words");
  return out;
}

TEST_CASE("answers are whole and in order, looked for or slept for") {
  two_ends ends;
  frame_reader answers(ends.fd[0]);
  frame f;
  // Some are there when they are waited for, others come in two parts while they are.
  for (std::uint64_t i = 0; i < 400; ++i) {
    const auto bytes = answer_of(i);
    answers.call_sent();
    std::thread other;
    if (i % 4 == 0)
      other = std::thread([&] {
        ends.write(std::string_view(bytes).substr(0, 50));
        ends.write(std::string_view(bytes).substr(50));
      });
    else
      ends.write(bytes);
    CHECK(answers.next(f) == pipe_end::fine);
    if (other.joinable()) other.join();
    CHECK(f.head.seq == i);
    CHECK(f.body == "its words");
  }
}

TEST_CASE("who looks for an answer keeps its limit, and hears that there will be none") {
  two_ends ends;
  frame_reader answers(ends.fd[0]);
  frame f;
  answers.call_sent();
  ends.write(answer_of(1));
  REQUIRE(answers.next(f) == pipe_end::fine);
  answers.call_sent();
  const auto until = monotonic_ns() + 2'000'000;
  CHECK(answers.next(f, [&] { return until; }) == pipe_end::timed_out);
  CHECK(monotonic_ns() >= until);
  answers.call_sent();
  ends.close_in();
  CHECK(answers.next(f) == pipe_end::closed);
}

}  // namespace
}  // namespace hocket::process
