#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::gateway::webrtc {

/// One part of a description: a stream of sound, one of pictures, the data channels, or something
/// that is not served.
struct medium {
  enum class kind : std::uint8_t { sound, data, pictures, other };
  kind of = kind::other;
  std::string mid;
  std::string direction = "sendrecv";   ///< or sendonly, recvonly, inactive; as who wrote it says
  int opus = 0;                         ///< sound: the payload type
  int vp8 = 0;                          ///< pictures: the payload type
  int sctp_port = 5000;                 ///< data
  std::int64_t message_bytes = 65'536;  ///< data: the largest message that its writer takes; 0: any
  std::string first_line;               ///< other: `video 9 UDP/TLS/RTP/SAVPF 96`, to refuse it

  bool operator==(const medium&) const = default;
};

/// What one side of a call says of itself (SDP, RFC 8866 and 8829), as far as we use it: one stream of
/// Opus, one of VP8 and one bundle of data channels over one DTLS transport. All else of a stranger's
/// text goes no further than `read_description`: what the media library is given is written anew by
/// `text_of`.
struct description {
  std::string ice_ufrag, ice_pwd;
  std::string fingerprint;  ///< "sha-256 AB:CD:…"
  std::string setup;        ///< actpass, active, passive
  std::vector<medium> media;
  std::vector<std::string> candidates;  ///< "candidate:1 1 UDP …", with addresses, not names
  std::uint32_t ssrc = 0;               ///< of the sound; 0: not told
  std::string cname, stream, track;     ///< of the sound; empty: not told
  std::uint32_t pictures_ssrc = 0;      ///< of the pictures; 0: not told

  const medium* find(medium::kind k) const;
};

/// Reads an offer, or an answer. The first part with Opus is the sound, the first with VP8 the
/// pictures, the first with data channels the data; everything else, what is refused already included,
/// is `other`. Candidates that name a host, or TCP, are left out.
///
/// Errors: gateway.bad_sdp (with the line and what is wrong), gateway.no_media (neither sound nor data).
result<description> read_description(std::string_view text);

/// As SDP, with CRLF: `id` is its number; every part that is `other` is refused.
std::string text_of(const description& d, std::uint64_t id);

/// What we answer to `offer`, given what our media library wrote (`ours`): its parts in the offer's order,
/// the sound with a stream and a track of their own (a browser shows no stream without), our candidates.
/// Errors: gateway.bad_sdp where ours lacks what it must have.
result<description> answer_to(const description& offer, const description& ours);

}  // namespace hocket::gateway::webrtc
