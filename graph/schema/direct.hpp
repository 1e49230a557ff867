#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graph/contract/packet.hpp"
#include "graph/schema/wire_messages.hpp"

/// The few messages that each packet needs, written and read without message objects: the same bytes
/// as protobuf makes of them, in under half the time. Not for other folders.
///
/// Who reads gives up (empty) at whatever it does not know: protobuf reads that, and says what is
/// wrong with it. What is read here is what protobuf would have read.
namespace hocket::wire::direct {

/// A `Header` as the field `header` of a `Packet`; the body comes after it.
void append_header(const packet_header& h, std::string& to);
/// The body where it is sound or numbers, with its bulk; false (and nothing done) where it is not.
bool append_body(const payload& from, std::string& to, std::vector<buffer>& bulk);

/// A `Bulk`.
struct bulk_field {
  std::uint32_t frame = 0;
  std::uint64_t offset_bytes = 0, size_bytes = 0;
};
struct tensor_fields {
  int type = 0;
  std::vector<std::int64_t> shape;
  bulk_field data;
};
struct audio_fields {
  std::uint32_t rate_hz = 0, channels = 0;
  std::int64_t first_sample = 0;
  bulk_field samples;
};
struct packet_fields {
  packet_header header;
  std::variant<tensor_fields, audio_fields> body;
};
/// A `Packet` with a header that is in order and a body of these.
std::optional<packet_fields> read_packet(std::span<const std::byte> bytes);

/// A `DataFrame` of one packet; `append_frame` (wire_messages.hpp) writes it.
std::optional<data_frame> read_frame(std::span<const std::byte> bytes);

}  // namespace hocket::wire::direct
