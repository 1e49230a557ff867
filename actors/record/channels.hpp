#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/record/mcap_format.hpp"
#include "graph/core/timestamp.hpp"
#include "graph/payloads/payload_schema.hpp"
#include "graph/spec/plan.hpp"

/// How a graph's packets and events look to those who read them elsewhere: the schemas, channels and
/// times of recordings, and of whoever shows a run while it lasts (actors/foxglove).
namespace hocket::record {

inline constexpr std::string_view events_topic = "hocket.events";
inline constexpr std::string_view calls_topic = "hocket.calls";

inline constexpr std::uint16_t packet_schema_id = 1;
inline constexpr std::uint16_t event_schema_id = 2;
inline constexpr std::uint16_t call_schema_id = 3;
inline constexpr std::uint16_t first_payload_schema = 16;

/// Whether packets of a kind hold neither words nor sound nor pictures, nor what gives them back, as
/// dMel frames do: what a recording may hold with --no-pii.
constexpr bool holds_figures_alone(payload_kind kind) { return kind == payload_kind::control; }

/// `hocket.wire.RecordedPacket`, with all that it takes to read one.
mcap_schema packet_schema();
/// An event of the run, as event_line() writes it.
mcap_schema event_schema();
/// A call into a component (call_line.hpp).
mcap_schema call_schema();
/// The named schema of a port's payloads, without an id; its name is empty where viewers have no form
/// for it (bytes).
mcap_schema payload_schema(const payloads::payload_schema& s);
/// Those of all ports of a graph, from `first_payload_schema` on.
std::vector<mcap_schema> payload_schemas(const plan& graph);

/// The channel of an output's packets. `about`: component, media, …
mcap_channel packet_channel(std::uint16_t id, const std::string& output, const mcap_map& about);
/// What is said about an output: component, media, whether it is a source's, the schema of its payloads.
mcap_map about_output(const plan_actor& actor, std::size_t port);

/// `detail` loses what no file may hold (graph/trust/redaction).
std::string event_line(std::string_view actor, std::string_view what, std::string_view detail);

/// Files have no times before zero; those of packets are exact in their headers. `unix_zero_ns`: Unix
/// time of stream time 0, 0 where time is virtual.
std::uint64_t file_time(std::int64_t unix_zero_ns, timestamp t);

}  // namespace hocket::record
