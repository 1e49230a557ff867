#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/spec/plan.hpp"

namespace hocket::spec {

/// The expanded graph as text in one way only: what every host must agree on.
std::string canonical_text(const plan& graph);

/// What stands at one place of a plan: "actors.mic.rate_hz", and 32 bits of a hash of it. A value from
/// the environment counts by the name of its variable, so that nothing of it is told.
struct key_digest {
  std::string name;
  std::uint32_t digest = 0;
};
/// All that canonical_text() says, by place and in its order; where there are more than `most`, actors
/// count as a whole, and what is over is left out.
std::vector<key_digest> keys_of(const plan& graph, std::size_t most);

/// 16 hexadecimal digits of the canonical text (FNV-1a, 64 bits): a name for equal graphs, no
/// protection against forgery, which the keys of the hosts give.
std::string hash_of(const std::string& canonical);

}  // namespace hocket::spec
