#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graph/core/buffer.hpp"
#include "graph/schema/host_message.hpp"

/// The messages of `wire.proto` as plain structs, and their way to bytes and back. What each field
/// means stands in `wire.proto`.
namespace hocket::wire {

inline constexpr std::uint32_t protocol_version = 2;

/// What stands at one place of a graph.
struct graph_key {
  std::string name;
  std::uint32_t digest = 0;
};
inline constexpr int graph_keys_max = 8192;
struct hello {
  std::uint32_t protocol = protocol_version;
  std::string host;
  std::uint64_t incarnation = 0;
  std::uint64_t knows = 0;
  std::string graph_hash, schema_hash, release, boot_id;
  bool shared_memory = false;
  std::string data_lane;
  std::vector<graph_key> keys = {};
  std::string next_graph_hash = {};
  bool asks = false;
};
struct refusal {
  std::string code, text;
  std::string graph_hash = {};
};
struct beat {
  std::uint64_t number = 0;
  std::int64_t sent_ns = 0, echo_sent_ns = 0, echo_received_ns = 0;
};
struct shm_offer {
  std::string file;
  std::uint64_t size_bytes = 0;
};
struct shm_answer {
  std::string secret, refused;
};
struct numbered_message {
  std::uint64_t seq = 0, after_seq = 0;
  host_message message;
};
struct message_ack {
  std::uint64_t next = 0;
};
struct goodbye {
  std::string reason;
};
using control_body = std::variant<hello, refusal, beat, shm_offer, shm_answer, numbered_message,
                                  message_ack, goodbye>;
struct control_frame {
  std::uint64_t connection = 0;
  control_body body;
};

/// Where one bulk frame of a packet lies.
struct bulk_place {
  enum class way : std::uint8_t { inside, frame, arena };
  way how = way::inside;
  std::string inside;
  std::uint32_t lease = 0;
  std::uint64_t offset_bytes = 0, size_bytes = 0;
};
struct packet_record {
  std::uint64_t seq = 0;
  std::string head;
  std::vector<bulk_place> bulk;
};
struct ack_record {
  std::uint64_t received = 0, consumed = 0, consumed_bytes = 0;
  std::uint32_t window_packets = 0;  ///< as in resume_record where it has grown; 0: as it was
  std::uint64_t window_bytes = 0;
};
struct resume_record {
  ack_record at;
  std::uint32_t window_packets = 0;
  std::uint64_t window_bytes = 0;
};
struct lost_range {
  std::uint64_t session = 0, from_seq = 0, to_seq = 0;
  bool operator==(const lost_range&) const = default;
};
struct gap_record {
  std::uint64_t from_seq = 0, to_seq = 0, bytes = 0;
  std::vector<lost_range> lost;
};
using data_body = std::variant<packet_record, ack_record, resume_record, gap_record, beat>;
struct data_record {
  std::uint32_t link = 0;
  data_body body;
};
struct data_frame {
  std::uint64_t connection = 0;
  std::vector<data_record> records;
};

inline constexpr std::size_t records_max = 1024;      ///< of one data message
inline constexpr std::size_t lost_ranges_max = 4096;  ///< of one gap

/// Precondition: texts are UTF-8 and lists within their limits (why_unfit() says so of a host message).
std::string encode(const control_frame& f);
/// Errors: codec.malformed (no message, or without a body that we know), codec.bad_value.
result<control_frame> decode_control(std::span<const std::byte> bytes);
/// "" or what is wrong with a message that somebody wants to send.
std::string why_unfit(const host_message& m);

std::string encode(const data_frame& f);
/// A frame of one packet, appended: the same bytes; the head is that one, `r.head` is not looked at.
void append_frame(std::uint64_t connection, std::uint32_t link, const packet_record& r,
                  std::string_view head, std::string& to);
/// Records with a body that this release does not know are left out; `unknown` counts them.
/// Errors: codec.malformed, codec.bad_value (contradictions, more records than records_max).
result<data_frame> decode_data(std::span<const std::byte> bytes, std::uint64_t* unknown = nullptr);

}  // namespace hocket::wire
