#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/gateway/protocol.hpp"
#include "actors/http/message.hpp"

namespace hocket::gateway {

enum class protocol_kind : std::uint8_t { none, realtime, live, gemini, own, whip };
std::string_view to_string(protocol_kind k);

/// Which protocol is spoken at a path.
protocol_kind protocol_at(std::string_view path);

/// A place of calls: `/v1/realtime/calls`, `/v1/live/sessions`, `/v1/hocket/calls`, `/v1/whip` take offers;
/// with an id behind, it is one call; `/hangup` may follow.
struct call_place {
  protocol_kind kind = protocol_kind::none;  ///< none: it is no such place
  std::string id;                            ///< empty: where calls begin
  bool hangs_up = false;
};
call_place call_at(std::string_view path);
/// "/v1/realtime/calls", of a kind that has calls.
std::string_view call_path(protocol_kind k);
/// Which kinds have.
inline constexpr protocol_kind with_calls[] = {protocol_kind::realtime, protocol_kind::live,
                                               protocol_kind::own, protocol_kind::whip};
/// What the ids of its calls begin with, or of conversations over a WebSocket that may be gone on with.
std::string_view id_prefix(protocol_kind k, bool has_track);

/// The call that a WebSocket is to stand beside: `/v1/realtime?call_id=ID`, `/v1/live/sessions/ID/attach`;
/// empty: none.
std::string beside_at(const http::request& r);

/// The key that a client shows, wherever its protocol puts one: `Authorization: Bearer` or `Token`,
/// `x-goog-api-key`, `api-key`, `?key=`, `?access_token=`, the sub-protocols `openai-insecure-api-key.KEY`
/// and `hocket-key.KEY`.
std::string key_of(const http::request& r);

/// The sub-protocol to answer: `realtime` or `hocket` where it was offered, none else.
std::string subprotocol_for(const http::request& r);

/// Whether an application asks for the names of Realtime's beta: `OpenAI-Beta: realtime=v1`, or the
/// sub-protocol `openai-beta.realtime-v1` of browsers.
bool wants_beta(const http::request& r);

/// What a session is told of itself.
struct session_facts {
  std::string id;       ///< unique in this process
  std::string call_id;  ///< of a call, or of a WebSocket that may be gone on with; else empty
  std::string model;    ///< as the client named it
  std::int64_t expires_at_s = 0;  ///< since 1970
  std::int64_t session_ms = 0, idle_ms = 0, resume_ms = 0;
  std::string resume_key;  ///< with what somebody may come back; empty: not at all
  /// What its client secret was made for (Realtime), then what its call asks for; each may be empty.
  std::vector<std::string> session_jsons;
  bool has_track = false;  ///< sound goes beside the messages
  bool sees = false;       ///< something in the graph takes pictures
  bool is_beta = false;    ///< Realtime: it wants the names of the beta
};
std::unique_ptr<protocol> make_protocol(protocol_kind k, const session_facts& facts);

}  // namespace hocket::gateway
