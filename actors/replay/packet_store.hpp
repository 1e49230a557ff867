#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/record/recording.hpp"

namespace hocket::replay {

/// The packets that calls are given: of played actors from the recording, of live ones as they
/// emitted them, kept until the last call that takes them.
class packet_store {
 public:
  explicit packet_store(std::shared_ptr<const record::recording> from) : from_(std::move(from)) {}

  /// A call will take it.
  void expect(const record::packet_name& name) { ++uses_[key_of(name)]; }
  /// A live actor emitted it.
  void put(const record::packet_name& name, const packet& p);
  /// For a call at `at`. Errors: replay.gap, those of recording::read.
  result<packet> take(const record::packet_name& name, bool live, timestamp at);

 private:
  struct key {
    std::size_t output;
    session_id session;
    std::uint64_t seq;
    bool operator==(const key&) const = default;
  };
  struct hash {
    std::size_t operator()(const key& k) const {
      return (k.output * 1'000'003u + static_cast<std::size_t>(k.session)) * 1'000'003u + k.seq;
    }
  };
  key key_of(const record::packet_name& name) {
    return {outputs_.emplace(name.output, outputs_.size()).first->second, name.session, name.seq};
  }
  /// [number] of one output and session, by number; with where they are in the recording.
  using numbered = std::vector<const record::recorded_packet*>;
  const numbered& recorded(const record::packet_name& name);

  std::shared_ptr<const record::recording> from_;
  std::map<std::string, std::size_t> outputs_;
  std::unordered_map<key, std::uint32_t, hash> uses_;
  std::unordered_map<key, packet, hash> kept_;
  std::map<std::pair<std::string, session_id>, numbered> recorded_;
};

}  // namespace hocket::replay
