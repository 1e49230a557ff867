#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/host/runtime.hpp"
#include "actors/record/recording.hpp"

namespace hocket::replay {

/// How one output of a replay compares with the recorded one, over all sessions.
struct compared_output {
  std::string name;
  std::uint64_t recorded = 0;
  std::uint64_t replayed = 0;
  std::uint64_t same = 0;
  std::string first_difference;  ///< "": none
  bool fine() const { return first_difference.empty() && same == recorded; }
};

/// Why two payloads are not the same, bit for bit; "" where they are. Never shows words.
/// `measured`: places in the last axis of an f32 tensor that may differ.
std::string difference(const payload& recorded, const payload& replayed,
                       const std::vector<std::int64_t>& measured = {});

/// Compares what live actors emit in a replay with what they emitted in the recorded run: timestamp,
/// epoch and payload, packet by packet in the order of their numbers, bit for bit. Numbers that are
/// not in the recording are passed over, and so are measurements (output_port::measured).
///
/// Threads: the observer's as runtime.hpp says; results() after the run.
class comparison final : public host::observer {
 public:
  /// `live`: names of the actors to compare. `epochs` false: not those, because actors that may have
  /// interrupted are not there.
  comparison(const plan& graph, std::shared_ptr<const record::recording> from,
             const std::vector<std::string>& live, bool epochs = true);
  void packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) override;
  void rewired(const host::graph_revision& r) override { take_up(r.graph); }
  /// `excused`: whether a packet that was emitted at that stream time may be missing in the replay,
  /// because what caused it is not in a torn recording; it does not count as recorded then.
  std::vector<compared_output> results(
      const std::function<bool(const std::string& output, timestamp at)>& excused = {}) const;

 private:
  struct stream {
    std::vector<const record::recorded_packet*> expected;  ///< by number
    std::size_t next = 0;
  };
  /// Between two places where numbers begin anew; by session.
  using life = std::map<session_id, stream>;
  struct output {
    compared_output sum;
    std::vector<std::int64_t> measured;
    std::vector<life> lives;
    std::size_t taken = 0;  ///< how many have begun in the replay
  };
  struct place {
    output* what = nullptr;  ///< none: not compared
    std::size_t life = 0;
  };
  void take_up(const plan& graph);
  output& output_of(const record::recorded_output& recorded,
                    const std::vector<std::int64_t>& measured);
  std::string compare(const record::recorded_packet& expected, const packet& p,
                      const std::vector<std::int64_t>& measured) const;

  std::shared_ptr<const record::recording> from_;
  const std::vector<std::string> live_;
  const bool epochs_;
  std::vector<std::vector<place>> outputs_;  ///< [actor][port]
  std::vector<bool> runs_;                   ///< by actor
  std::deque<output> all_;
};

}  // namespace hocket::replay
