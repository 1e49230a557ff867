#include "actors/gateway/tinker/engine/life.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include "graph/core/assert.hpp"

namespace hocket::tinker {

std::uint64_t first_number() {
  std::uint64_t n = 0;
  HOCKET_ASSERT(getrandom(&n, sizeof n, 0) == sizeof n);
  return n;
}

std::string new_life() {
  const auto high = first_number(), low = first_number();
  return fmt::format("{:016x}{:016x}", high, low);
}

}  // namespace hocket::tinker
