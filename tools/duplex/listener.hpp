// What leaves a graph's ports, written down by session.
#pragma once

#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "actors/host/runtime.hpp"
#include "tools/duplex/player.hpp"
#include "tools/duplex/subject.hpp"
#include "tools/duplex/timeline.hpp"

namespace hocket::duplex {

/// Where a chunk of sound is heard, in samples, when nothing between the graph and the ear keeps
/// time: not before its own time, not before it is there, and after what came before it.
std::int64_t heard_without_playout(std::int64_t first, std::int64_t now, std::int64_t end_of_last);

/// Makes the timelines of a run. In virtual time a packet is there at its stream time. In real time
/// words, tool calls and delegations are there at their stream time, or when they left the graph
/// where that was later: their latency holds what was computed. So does sound: a playout drops what
/// comes after its time and tells what really sounded; without one see heard_without_playout.
class listener final : public host::observer {
 public:
  listener(const subject& what, std::vector<session_tape>& tapes, bool real_time);
  void started(const plan&, const clock& time) override { time_.store(&time); }
  void packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) override;
  /// The timeline of an item, without what is found in its sound. *Threads*: after the run.
  timeline take(std::size_t index);

 private:
  struct asked {
    double at_s = 0;
    bool in_force = true;
  };
  struct heard {
    timeline did;
    std::map<std::uint64_t, asked> requests;
    std::int64_t sound_end = 0;  ///< of the last chunk, without a playout
  };

  /// When the packet was there, seconds of the item.
  double there_s(const packet& p) const;
  void take_sound(session_tape& tape, heard& by, const audio_chunk& a, timestamp at) const;
  static void take_delegation(heard& by, const delegation& d, double at_s);

  const subject& what_;
  std::vector<session_tape>& tapes_;
  const bool real_time_;
  std::atomic<const clock*> time_ = nullptr;
  std::vector<heard> heard_;
};

}  // namespace hocket::duplex
