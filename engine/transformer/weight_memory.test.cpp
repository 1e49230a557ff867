#include "engine/transformer/weight_memory.hpp"

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using hocket::engine::weight_memory;
using hocket::engine::weight_memory_alone;

TEST_CASE("parts of weight memory are aligned, apart, and keep what is written to them") {
  const std::vector<std::size_t> sizes{1,       63,      64,      4096,     65536,
                                       100'001, 700'000, 9 << 20, 40 << 20, 3 << 20};
  std::vector<std::shared_ptr<std::byte>> parts;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    parts.push_back(i % 3 == 2 ? weight_memory_alone(sizes[i]) : weight_memory(sizes[i]));
    REQUIRE(reinterpret_cast<std::uintptr_t>(parts[i].get()) % 64 == 0);
    std::memset(parts[i].get(), static_cast<int>(i + 1), sizes[i]);
  }
  // Every second one goes; the others stay as they were.
  for (std::size_t i = 0; i < sizes.size(); i += 2) parts[i].reset();
  for (std::size_t i = 1; i < sizes.size(); i += 2) {
    CHECK(parts[i].get()[0] == std::byte(i + 1));
    CHECK(parts[i].get()[sizes[i] / 2] == std::byte(i + 1));
    CHECK(parts[i].get()[sizes[i] - 1] == std::byte(i + 1));
  }
}

TEST_CASE("weight memory is cut for several threads at once") {
  std::vector<std::thread> all;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t)
    all.emplace_back([t, &wrong] {
      std::vector<std::shared_ptr<std::byte>> mine;
      for (int i = 0; i < 40; ++i) {
        mine.push_back(weight_memory(100'000));
        std::memset(mine.back().get(), t + 1, 100'000);
        if (i % 3 == 0) mine.erase(mine.begin());
      }
      for (const auto& m : mine)
        for (const auto at : {0, 50'000, 99'999}) wrong[t] += m.get()[at] != std::byte(t + 1);
    });
  for (auto& t : all) t.join();
  for (const int w : wrong) CHECK(w == 0);
}
