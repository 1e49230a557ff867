#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/record/mcap_file.hpp"

namespace hocket::record {

struct mcap_writer_options {
  std::string profile = {};  ///< "" = none of the published ones
  std::string library = {};  ///< who wrote the file
  bool compress = true;      ///< chunks with zstd, level 1
  std::size_t chunk_bytes = 512u << 10;
};

/// Writes one MCAP file that is readable up to the last whole chunk at any moment.
///
/// Definitions, attachments and metadata are appended at once; messages are gathered into a chunk,
/// which is appended as a whole when it is full or when `flush` is called: what a kill -9 can take
/// is the messages since then. When the disk refuses a chunk it is kept, further messages that find
/// it full are refused, and the next one tries again.
///
/// Threads: one at a time. Errors: mcap.cannot_write, mcap.not_recordable.
class mcap_writer {
 public:
  static result<std::unique_ptr<mcap_writer>> create(std::unique_ptr<byte_sink> to,
                                                     mcap_writer_options options);

  /// Definitions with ids of the caller's choice; an id is defined once.
  result<void> add(const mcap_schema& s);
  result<void> add(const mcap_channel& c);
  result<void> attach(const std::string& name, const std::string& media_type, std::string_view data,
                      std::uint64_t log_time_ns);
  result<void> add_metadata(const std::string& name, const mcap_map& values);
  /// On an error this one message is not in the file; all earlier ones that were taken will be.
  result<void> write(const mcap_message& m);
  /// Appends the open chunk, if it holds anything.
  result<void> flush();
  result<void> sync() { return to_->sync(); }
  /// The last chunk, the index and the summary. Where that fails the file is readable all the same,
  /// up to its last whole chunk.
  result<void> close();

  /// From here on the room that the sink kept for the file's end may be used.
  void begin_end() { to_->begin_end(); }
  /// Gives the open chunk up; returns its messages by channel.
  std::map<std::uint16_t, std::uint64_t> drop_open_chunk();
  /// The next write needs the disk to take the open chunk first.
  bool full() const { return chunk_.records.size() >= options_.chunk_bytes; }
  std::uint64_t bytes() const { return end_; }
  std::uint64_t messages() const { return stats_.messages; }

 private:
  struct chunk {
    std::string records;
    std::uint64_t first_ns = 0, last_ns = 0;
    std::map<std::uint16_t, std::uint64_t> counts;
    std::map<std::uint16_t, std::vector<std::pair<std::uint64_t, std::uint64_t>>> index;
  };
  struct indexed {
    mcap_op op;  ///< of the index record
    std::string content;
  };
  struct statistics {
    std::uint64_t messages = 0, chunks = 0, attachments = 0, metadata = 0;
    std::uint64_t first_ns = 0, last_ns = 0;
    std::map<std::uint16_t, std::uint64_t> counts;
  };

  mcap_writer(std::unique_ptr<byte_sink> to, mcap_writer_options options)
      : to_(std::move(to)), options_(std::move(options)) {}
  result<void> append(std::string_view bytes);
  std::string packed_chunk(std::uint64_t at, std::string& chunk_index) const;
  std::string end_of_file() const;
  std::string statistics_content() const;

  std::unique_ptr<byte_sink> to_;
  const mcap_writer_options options_;
  std::uint64_t end_ = 0;
  std::uint32_t crc_ = 0;
  chunk chunk_;
  std::map<std::uint16_t, mcap_schema> schemas_;
  std::map<std::uint16_t, mcap_channel> channels_;
  std::vector<indexed> indexes_;
  statistics stats_;
  bool closed_ = false;
};

}  // namespace hocket::record
