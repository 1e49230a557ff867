#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/record/channels.hpp"
#include "actors/record/mcap_writer.hpp"
#include "actors/record/rotation.hpp"
#include "graph/contract/packet.hpp"

namespace hocket::record {

/// Names of what a recording holds besides packets; README.md describes them.
inline constexpr std::string_view facts_name = "hocket.recording";
inline constexpr std::string_view verdict_name = "hocket.verdict";
inline constexpr std::string_view revision_name = "hocket.revision";
inline constexpr std::string_view graph_attachment = "graph.yaml";

/// The graph that a rewired run went on with.
struct recorded_revision {
  int number = 2;               ///< the one that the run began with is 1
  timestamp from;               ///< stream time at which it took over: a boundary
  std::int64_t micro_turn = 0;  ///< its first
  std::string hash = {};
  std::string graph_yaml = {};
};

struct recording_writer_options {
  std::string path;
  /// Written first: graph, hash, version, ... (see README.md).
  mcap_map facts = {};
  std::string graph_yaml = {};
  /// Named schemas of the graph's payloads, for viewers; a channel's `payload` names one. Ids from
  /// `first_payload_schema` on.
  std::vector<mcap_schema> payloads = {};
  /// Unix time of stream time 0, so that viewers show the hour; 0 where time is virtual.
  std::int64_t unix_zero_ns = 0;
  bool compress = true;
  std::int64_t flush_every_ns = 500'000'000;  ///< what a kill -9 can take, at most, of wall time
  rotation_limits rotate = {};  ///< each piece is a whole recording of its part of the run
};

/// A fact of each piece of a recording that is written in turns: its number, from 1.
inline constexpr const char* piece_fact = "piece";

/// How a recording ended. Complete: no packet that was to be recorded is missing.
struct verdict {
  bool complete = true;
  std::uint64_t packets = 0;
  std::uint64_t lost = 0;
  std::string why = {};  ///< "": complete
};

/// A recording while it is written: packets of named outputs, one channel each, and events.
///
/// A packet that cannot be written is counted with its output and its reason, never passed over; the
/// file then says INCOMPLETE. A full disk is tried again every half second; the packets since then
/// are lost, what came before and comes after is in the file.
///
/// Threads: one at a time.
class recording_writer {
 public:
  static result<std::unique_ptr<recording_writer>> create(recording_writer_options options);
  /// The same on any sink, for tests. `now_ns`: monotonic.
  static result<std::unique_ptr<recording_writer>> create(recording_writer_options options,
                                                          std::unique_ptr<byte_sink> to);
  ~recording_writer();

  /// The channel of an output such as "mic.audio"; made where it is new. `about`: component, media,
  /// ... Errors: mcap.cannot_write, mcap.not_recordable (65 535 outputs).
  result<std::uint16_t> channel(const std::string& output, const mcap_map& about = {});
  /// One more channel while packets are written, also of an output that has one: its numbers begin
  /// anew. Channels count up by one; a disk that refuses it is asked again before its first packet.
  void add_channel(const std::string& output, const mcap_map& about);
  /// A named schema of payloads beside those it began with; one that is known stays. Its id is the next
  /// one. Asked for again like a channel where the disk refuses it.
  void add_payload(mcap_schema s);
  /// The graph changes; asked for again like a channel where the disk refuses it.
  void add_revision(const recorded_revision& r);
  /// A packet at the stream time at which it was emitted. What goes wrong is counted.
  void add(std::uint16_t channel, timestamp at, const packet& p);
  void add_event(timestamp at, const std::string& json);
  /// A call into a component (call_line.hpp).
  void add_call(timestamp at, const std::string& json);
  /// Packets that never came here.
  void add_lost(std::uint16_t channel, std::uint64_t n, const std::string& why);
  /// Called now and then: appends what has waited for `flush_every_ns`. `now_ns`: monotonic.
  void tick(std::int64_t now_ns);
  /// Ends the file. `fate` "": all is well; else why it ends early.
  verdict close(const std::string& fate);

  /// The last error of the disk; "" while all is well.
  const std::string& trouble() const { return trouble_; }
  /// Why the present piece goes on beyond its limits, where a turn failed; "" while turns succeed.
  const std::string& turn_trouble() const { return turn_trouble_; }
  std::uint64_t lost() const;

 private:
  recording_writer(recording_writer_options options, std::unique_ptr<mcap_writer> file)
      : options_(std::move(options)),
        file_(std::move(file)),
        turns_(options_.path, options_.rotate),
        payloads_(options_.payloads) {}
  result<void> begin(mcap_writer& file, std::int64_t from_ns) const;
  result<void> repeat_definitions(mcap_writer& file) const;
  void turn(std::int64_t at_ns);
  verdict end_piece(const std::string& fate);
  std::uint64_t file_time(timestamp t) const;
  bool write(const mcap_message& m, timestamp at);
  void note(const result<void>& done);
  void owe(std::function<result<void>()> what);
  void pay();

  const recording_writer_options options_;
  std::unique_ptr<mcap_writer> file_;
  rotation turns_;
  std::vector<std::string> channels_;  ///< output by channel - 1; twice where numbers began anew
  std::vector<mcap_channel> defined_channels_;      ///< for the next piece
  std::vector<recorded_revision> revisions_;        ///< the same
  std::uint64_t lost_before_ = 0;                   ///< in the pieces before
  std::deque<std::function<result<void>()>> owed_;  ///< definitions that the disk has refused
  std::uint16_t defined_ = 0;                       ///< the last channel that is in the file
  std::map<std::uint16_t, std::map<std::string, std::uint64_t>> lost_;  ///< channel, reason
  std::string trouble_, first_trouble_, turn_trouble_;
  std::int64_t retry_at_ns_ = 0;
  std::int64_t flushed_at_ns_ = 0;
  std::int64_t synced_at_ns_ = 0;
  std::uint32_t events_ = 0, calls_ = 0;
  std::uint64_t packets_ = 0;
  std::vector<mcap_schema> payloads_;  ///< for the next piece, too
};

}  // namespace hocket::record
