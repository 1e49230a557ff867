#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/gateway/protocol.hpp"
#include "actors/http/message.hpp"

namespace hocket::gateway {

enum class protocol_kind : std::uint8_t { none, realtime, live, gemini };
std::string_view to_string(protocol_kind k);

/// Which protocol is spoken at a path.
protocol_kind protocol_at(std::string_view path);

/// The key that a client shows, wherever its protocol puts one: `Authorization: Bearer` or `Token`,
/// `x-goog-api-key`, `api-key`, `?key=`, `?access_token=`, the sub-protocol `openai-insecure-api-key.KEY`.
std::string key_of(const http::request& r);

/// Whether `key` is one of `keys`, in a time that does not tell how much of it was right.
bool is_one_of(const std::string& key, const std::vector<std::string>& keys);

/// The sub-protocol to answer: `realtime` where it was offered, none else.
std::string subprotocol_for(const http::request& r);

/// What a session is told of itself.
struct session_facts {
  std::string id;                 ///< unique in this process
  std::string model;              ///< as the client named it
  std::int64_t expires_at_s = 0;  ///< since 1970
};
std::unique_ptr<protocol> make_protocol(protocol_kind k, const session_facts& facts);

}  // namespace hocket::gateway
