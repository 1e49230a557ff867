#pragma once

#include <span>
#include <vector>

#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

/// The codec's inner half: payloads to fields of the message and back. Not for other folders.
namespace hocket::wire {

class Packet;
class ControlFrame;
namespace direct {
struct packet_fields;
}

/// Protobuf prints to stderr what a peer gets wrong; we report it as an error instead.
void silence_protobuf();

/// Appends the payload's bulk buffers to `bulk` without copying them.
void put_payload(const payload& from, Packet& to, std::vector<buffer>& bulk);

/// Takes control characters and terminal sequences out of every text of a frame, but for the files of a
/// rewire, whose reader refuses them. Here alone: what comes behind can rely on it.
void clean_strings(ControlFrame& frame);

/// Its texts are clean (graph/text/clean.hpp), as those of frames are.
/// Errors: codec.unknown_payload, codec.bad_bulk, codec.bad_value.
result<payload> get_payload(const Packet& from, std::span<const buffer> bulk);
/// The same of what was read without message objects: direct.hpp.
result<payload> get_payload(direct::packet_fields&& from, std::span<const buffer> bulk);

}  // namespace hocket::wire
