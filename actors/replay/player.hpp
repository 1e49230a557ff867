#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/record/recording.hpp"
#include "graph/contract/component.hpp"

/// Actors that are played from a recording instead of being run.
namespace hocket::replay {

/// Everything that one recorded actor said, in the order in which it said it. What a shared one said
/// to everybody is in session `none`, and in no other.
struct track {
  struct item {
    record::recorded_packet what;
    std::size_t port = 0;
  };
  struct session {
    std::vector<item> items;
    timestamp end;  ///< nothing comes after it
  };
  std::shared_ptr<const record::recording> from;
  std::map<session_id, session> sessions;
};

/// The recorded outputs of an actor of this type; ports that were not recorded stay silent.
std::shared_ptr<const track> track_of(std::shared_ptr<const record::recording> from,
                                      const std::string& actor, const component_info& type);

/// Emits the packets of a track at the stream times at which they were emitted, with their own
/// timestamps; bounds, ends and interruptions too. The host gives sessions, numbers and epochs anew,
/// as it did in the recorded run.
///
/// Errors: those of recording::read.
class player final : public component {
 public:
  explicit player(std::shared_ptr<const track> what) : track_(std::move(what)) {}
  result<void> open(const context&) override;
  result<source_state> produce(timestamp until, emitter&) override;

 private:
  struct line {
    session_id to;
    const track::session* of;
    const track::item* what;
  };
  result<void> say(const line& l, emitter& out);

  std::shared_ptr<const track> track_;
  std::vector<line> lines_;  ///< of all its sessions, in the order in which they were said
  std::size_t next_ = 0;
  timestamp end_ = timestamp::min();  ///< of the last session
  bool shared_ = false;
};

/// The type of a player for an actor of type `original`: the same outputs, no inputs.
///
/// Its period is the original's where the recorded times fit that, else 1 ms: packets of a run in
/// real time come at the next whole millisecond.
component_type player_type(std::shared_ptr<const track> what, const component_info& original,
                           const micro_turn_grid& grid);

}  // namespace hocket::replay
