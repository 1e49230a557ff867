#include "engine/parallel/shared_memory_group.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

using group_pointer = std::unique_ptr<shared_memory_group>;

group_pointer made(int size, shared_memory_group::options o = {}) {
  auto group = shared_memory_group::create(size, o);
  REQUIRE_MESSAGE(group, group.error().message);
  return std::move(*group);
}

float number(int rank, int round, std::size_t i) {
  return static_cast<float>(rank * 1'000'000 + round * 10'000) + static_cast<float>(i);
}

/// How many numbers a process gives in a round: none, some, more than fit at once.
std::vector<std::size_t> counts_of(int size, int round) {
  std::vector<std::size_t> counts;
  for (int r = 0; r < size; ++r)
    counts.push_back(static_cast<std::size_t>((r + 1) * (round * 7 % 40)));
  return counts;
}

/// Exchanges of many sizes; true where all have what all gave.
bool exchange_all(process_group& group, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    const auto counts = counts_of(group.size(), round);
    std::vector<float> mine, wanted;
    for (int r = 0; r < group.size(); ++r)
      for (std::size_t i = 0; i < counts[static_cast<std::size_t>(r)]; ++i) {
        wanted.push_back(number(r, round, i));
        if (r == group.rank()) mine.push_back(wanted.back());
      }
    std::vector<float> all(wanted.size());
    group.all_gather(mine, counts, all);
    if (all != wanted) return false;
  }
  return true;
}

/// Another process, which ends as `run` says; killed where it still runs.
struct child {
  explicit child(const std::function<int()>& run) : pid(fork()) {
    if (pid == 0) _exit(run());
  }
  ~child() {
    if (pid <= 0) return;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  int code() {
    int status = 0;
    waitpid(pid, &status, 0);
    pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pid_t pid;
};

std::string what_is_lost(process_group& group) {
  std::vector<float> mine(3), all(3 * static_cast<std::size_t>(group.size()));
  const std::vector<std::size_t> counts(static_cast<std::size_t>(group.size()), 3);
  try {
    group.all_gather(mine, counts, all);
  } catch (const process_lost& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("all processes of a group have what all gave, also more than fits at once") {
  constexpr int rounds = 300;
  for (const std::size_t at_once : {1u, 16u, 4096u}) {
    CAPTURE(at_once);
    const auto group = made(3, {.numbers_at_once = at_once});
    std::vector<std::unique_ptr<child>> others;
    for (int rank = 1; rank < 3; ++rank)
      others.push_back(std::make_unique<child>([&, rank] {
        const auto own = shared_memory_group::join(group->descriptor(), rank);
        return own && exchange_all(**own, rounds) ? 0 : 1;
      }));
    CHECK(exchange_all(*group, rounds));
    for (auto& other : others) CHECK(other->code() == 0);
    CHECK(group->given_bytes() > 0);
  }
}

TEST_CASE("who looks for nothing sleeps, and is woken") {
  const auto group = made(2, {.look_us = 0});
  child other([&] {
    const auto own = shared_memory_group::join(group->descriptor(), 1, {.look_us = 0});
    return own && exchange_all(**own, 50) ? 0 : 1;
  });
  CHECK(exchange_all(*group, 50));
  CHECK(other.code() == 0);
}

TEST_CASE("a process that dies, leaves or is silent is named, and the group says so from then on") {
  SUBCASE("killed") {
    const auto group = made(2);
    child other([&] {
      const auto own = shared_memory_group::join(group->descriptor(), 1);
      if (!own || !exchange_all(**own, 3)) return 1;
      raise(SIGKILL);
      return 1;
    });
    CHECK(exchange_all(*group, 3));
    CHECK(what_is_lost(*group) == "process 1 of the 2 that hold this model has died");
    CHECK(what_is_lost(*group) == "a process of this model is gone");
  }
  SUBCASE("left") {
    const auto group = made(2);
    std::thread other([&] {
      const auto own = shared_memory_group::join(group->descriptor(), 1);
      CHECK((own && exchange_all(**own, 3)));
    });
    CHECK(exchange_all(*group, 3));
    CHECK(what_is_lost(*group) == "process 1 of the 2 that hold this model has left");
    other.join();
  }
  SUBCASE("never came") {
    const auto group = made(2, {.patience_ms = 100});
    CHECK(what_is_lost(*group) == "process 1 of the 2 that hold this model was silent for 100 ms");
  }
}

TEST_CASE("processes that compute different things notice it") {
  const auto group = made(2);
  std::thread other([&] {
    const auto own = shared_memory_group::join(group->descriptor(), 1);
    REQUIRE(own);
    std::vector<float> mine(5), all(9);
    const std::vector<std::size_t> counts{4, 5};
    CHECK_THROWS_AS((*own)->all_gather(mine, counts, all), process_lost);
  });
  CHECK(what_is_lost(*group) ==
        "process 1 of the 2 that hold this model computes something else than this one");
  other.join();
}

TEST_CASE("what is no group is refused") {
  const auto code = [](const auto& failed) {
    REQUIRE(!failed);
    return failed.error().code;
  };
  for (const int size : {-1, 0, 1, shared_memory_group::most + 1})
    CHECK(code(shared_memory_group::create(size)) == "parallel.bad_group");
  CHECK(code(shared_memory_group::create(2, {.numbers_at_once = 0})) == "parallel.bad_group");
  CHECK(code(shared_memory_group::join(-1, 1)) == "parallel.bad_group");
  const int other = memfd_create("other", MFD_CLOEXEC);
  REQUIRE(ftruncate(other, 1 << 16) == 0);
  CHECK(code(shared_memory_group::join(other, 1)) == "parallel.bad_group");
  close(other);
  const auto group = made(2);
  for (const int rank : {-1, 0, 2})
    CHECK(code(shared_memory_group::join(group->descriptor(), rank)) == "parallel.bad_group");
  const auto one = shared_memory_group::join(group->descriptor(), 1);
  CHECK(one.has_value());
  CHECK(code(shared_memory_group::join(group->descriptor(), 1)) == "parallel.bad_group");
}
