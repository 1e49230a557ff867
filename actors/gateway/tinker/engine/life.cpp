#include "actors/gateway/tinker/engine/life.hpp"

#include <sys/random.h>

#include "actors/http/digest.hpp"
#include "graph/core/assert.hpp"

namespace hocket::tinker {

std::uint64_t first_number() {
  std::uint64_t n = 0;
  HOCKET_ASSERT(getrandom(&n, sizeof n, 0) == sizeof n);
  return n;
}

std::string new_life() { return http::random_token(16); }

}  // namespace hocket::tinker
