#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/gateway/json.hpp"
#include "actors/gateway/sound.hpp"

namespace hocket::gateway::live {

/// What is wrong with something that a client sent, as an `error` tells it.
struct problem {
  std::string code, message, param;
};

/// What a client wants of its session, read and bounded.
struct agreed {
  json session;  ///< as it is echoed, without what the server gives it (id, expires_at)
  sound_format format;
  std::vector<std::pair<std::string, std::string>> history;  ///< role and words, from before it
};

/// Reads a `session` into `out`; over a call (`has_track`) the track says how sound is written.
std::optional<problem> read_session(const json& asked, bool has_track, agreed& out);

/// `delegation` of a session; null is none.
std::optional<problem> check_delegation(const json& asked);

constexpr std::size_t most_session_bytes = 512 * 1024;

}  // namespace hocket::gateway::live
