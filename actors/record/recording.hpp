#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/record/call_line.hpp"
#include "actors/record/mcap_reader.hpp"
#include "actors/record/recording_writer.hpp"
#include "graph/contract/packet.hpp"

namespace hocket::record {

/// One packet of a recording: where it lies and what its header says.
struct recorded_packet {
  std::uint32_t chunk = 0;
  std::uint32_t offset_bytes = 0;  ///< in the chunk
  timestamp at;                    ///< stream time at which it was emitted
  timestamp ts;
  session_id session = session_id::none;
  std::uint64_t seq = 0;
  epoch_number epoch = 0;
  /// What its actor told of the stream: bound, end_of_stream, interrupt. Not a packet that travelled.
  bool is_mark = false;
};

/// Everything that came out of one output, in the order in which it did. Where a rewire put somebody
/// else in its actor's place, or took the actor out and put it back, numbers begin anew there.
struct recorded_output {
  std::string name;   ///< "mic.audio"
  std::string actor;  ///< everything before the last dot
  std::string port;
  mcap_map about;  ///< component, media, source; of the first, where there were several
  std::vector<recorded_packet> items;
  std::vector<std::size_t> begins;  ///< places in `items` where numbers begin anew
  std::uint64_t packets = 0;        ///< without marks
  std::uint64_t missing = 0;        ///< numbers that never came, over all sessions
};

struct recorded_event {
  timestamp at;
  std::string actor, what, detail;
};

/// Where a call into a component lies in the file.
struct call_place {
  std::int64_t order_ns = 0;
  std::uint32_t chunk = 0;
  std::uint32_t offset_bytes = 0;
};

/// A recording that is read: an index in memory (48 bytes per packet), the bytes on disk.
///
/// Threads: after open, any.
class recording {
 public:
  /// Reads the whole file once. Damaged chunks are stepped over and told by `problems`.
  /// Errors: mcap.*; record.not_a_recording where the file holds no packets of ours.
  static result<std::shared_ptr<const recording>> open(const std::string& path,
                                                       const mcap_limits& limits = {});
  static result<std::shared_ptr<const recording>> open(std::unique_ptr<byte_source> from,
                                                       const mcap_limits& limits = {});

  const std::vector<recorded_output>& outputs() const { return outputs_; }  ///< by name
  const recorded_output* find(const std::string& output) const;
  const std::vector<recorded_event>& events() const { return events_; }
  /// Calls into components, in the order in which they began: of a run in real time that was recorded
  /// from outside; none otherwise.
  const std::vector<call_place>& calls() const { return calls_; }
  /// Errors: mcap.*, record.bad_call.
  result<recorded_call> read(const call_place& what) const;
  /// hocket.recording; "" where it does not say.
  std::string fact(const std::string& name) const;
  const mcap_map& facts() const { return facts_; }
  const std::string& graph_yaml() const { return graph_yaml_; }
  /// What a rewired run went on with, in order.
  const std::vector<recorded_revision>& revisions() const { return revisions_; }
  /// Stream time at a time of the file, ns.
  timestamp stream_time(std::uint64_t file_time) const;
  /// Unix time of stream time 0; 0 where time is virtual.
  std::int64_t unix_zero_ns() const { return unix_zero_ns_; }
  bool is_virtual() const { return fact("clock") == "virtual"; }

  /// The recorder's own verdict, or that there is none because it did not come to its end.
  const verdict& how_it_ended() const { return verdict_; }
  const std::vector<std::string>& problems() const { return problems_; }
  /// Torn, or cut: what comes after its last packet is not known.
  bool ends_before_its_run() const { return !verdict_.complete || facts_.contains("cut_to_ns"); }
  timestamp first() const { return first_; }
  timestamp last() const { return last_; }
  std::uint64_t packets() const { return packets_; }
  std::uint64_t size_bytes() const { return from_->size_bytes(); }
  std::vector<session_id> sessions() const;  ///< ascending, without `none`

  /// Memory: payloads keep their chunk alive. Errors: mcap.*, codec.*.
  result<packet> read(const recorded_packet& what) const;

 private:
  explicit recording(std::unique_ptr<byte_source> from, mcap_limits limits)
      : from_(std::move(from)), limits_(limits) {}
  result<void> index();
  result<void> index_chunk(std::uint32_t number, const buffer& chunk);
  void index_packet(std::uint32_t chunk, std::uint64_t offset, const mcap_message& m);
  result<void> read_revisions();
  void finish_index();
  void read_verdict();
  void complain(std::string what);
  result<std::string> attached(const std::string& name) const;
  result<buffer> chunk(std::uint32_t number) const;

  std::unique_ptr<byte_source> from_;
  mcap_limits limits_;
  mcap_contents contents_;
  mcap_map facts_;
  std::string graph_yaml_;
  std::vector<recorded_revision> revisions_;
  std::map<std::uint16_t, recorded_output> by_channel_;
  std::vector<recorded_output> outputs_;
  std::vector<recorded_event> events_;
  std::vector<call_place> calls_;
  std::vector<std::string> problems_;
  verdict verdict_;
  timestamp first_ = timestamp::max(), last_;
  std::uint64_t packets_ = 0;
  std::int64_t unix_zero_ns_ = 0;

  static constexpr std::size_t kept_chunks = 16;
  mutable std::mutex mutex_;
  mutable std::list<std::pair<std::uint32_t, buffer>> kept_;  ///< newest use first
};

}  // namespace hocket::record
