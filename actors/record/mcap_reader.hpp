#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/record/mcap_file.hpp"

namespace hocket::record {

struct mcap_chunk_place {
  std::uint64_t offset_bytes = 0;  ///< of the chunk's content
  std::uint64_t size_bytes = 0;
};

struct mcap_attachment {
  std::string name;
  std::string media_type;
  std::uint64_t log_time_ns = 0;
  std::uint64_t offset_bytes = 0;  ///< of its data
  std::uint64_t size_bytes = 0;
};

/// What a walk over the top level of a file found, up to its end or to where it is torn.
struct mcap_contents {
  std::string profile, library;
  std::map<std::uint16_t, mcap_schema> schemas;
  std::map<std::uint16_t, mcap_channel> channels;
  std::vector<std::pair<std::string, mcap_map>> metadata;  ///< in file order
  std::vector<mcap_attachment> attachments;
  std::vector<mcap_chunk_place> chunks;
  std::uint64_t loose_messages = 0;  ///< outside chunks, where we write none: stepped over
  bool closed = false;               ///< footer and closing magic are there
  std::uint64_t whole_bytes = 0;     ///< up to the end of the last whole record
  std::string problem;               ///< why it stopped before the end; "" where it did not
};

/// Walks over all records; chunks are stepped over, not read. The index is not asked: a file needs
/// none to be read here. A torn or damaged tail is no error: `problem` says so.
/// Errors: mcap.not_mcap, mcap.cannot_read.
result<mcap_contents> read_contents(const byte_source& from, const mcap_limits& limits = {});

/// A chunk's bytes, unpacked and checked. Errors: mcap.torn, mcap.damaged, mcap.not_supported,
/// mcap.too_large, mcap.cannot_read.
result<buffer> read_chunk(const byte_source& from, const mcap_chunk_place& where,
                          const mcap_limits& limits = {});

/// Calls `each` with every message of an unpacked chunk and its offset there; definitions inside go
/// into `into` where it is given. Message data share the chunk's bytes.
/// Errors: mcap.damaged where the records do not fill the chunk; what `each` returns ends the walk.
result<void> each_message(
    const buffer& chunk, mcap_contents* into,
    const std::function<result<void>(const mcap_message&, std::uint64_t)>& each);

/// The message at an offset that each_message gave. Errors: mcap.damaged.
result<mcap_message> message_at(const buffer& chunk, std::uint64_t offset_bytes);

/// Errors: mcap.torn, mcap.too_large, mcap.cannot_read.
result<std::string> read_attachment(const byte_source& from, const mcap_attachment& what,
                                    const mcap_limits& limits = {});

struct mcap_recovered {
  std::uint64_t messages = 0;
  std::uint64_t chunks = 0;
  std::uint64_t damaged_chunks = 0;  ///< stepped over
  std::uint64_t damaged_attachments = 0;
  std::uint64_t lost_bytes = 0;  ///< behind the last whole record
  bool was_closed = false;
};

class mcap_writer;
/// Copies everything that is whole into a new file, in order, under the same ids. The caller adds
/// what it wants to say about it and closes. Metadata records named in `without` are left out.
result<mcap_recovered> recover_into(const byte_source& from, mcap_writer& to,
                                    const std::vector<std::string>& without = {},
                                    const mcap_limits& limits = {});
/// The same of several files that follow each other and have the same channels, as the pieces of one
/// recording: what each of them says again goes in once. Errors: as recover_into(); mcap.damaged where
/// their channels differ.
/// `without_later`: metadata records that count in the first of them alone.
result<mcap_recovered> merge_into(const std::vector<std::unique_ptr<byte_source>>& pieces,
                                  mcap_writer& to, const std::vector<std::string>& without = {},
                                  const std::vector<std::string>& without_later = {},
                                  const mcap_limits& limits = {});

}  // namespace hocket::record
