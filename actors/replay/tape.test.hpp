#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "actors/record/memory_sink.test.hpp"
#include "actors/record/recording.hpp"
#include "actors/record/recording_writer.hpp"

namespace hocket::testing {

/// A recording written by hand: every packet, mark, event and call lies where a test puts it.
class tape {
 public:
  explicit tape(record::mcap_map facts = {
                    {"clock", "virtual"}, {"recorder", "run"}, {"edges", "*"}}) {
    writer_ = record::recording_writer::create({.path = "x", .facts = std::move(facts)},
                                               std::make_unique<memory_sink>(disk_))
                  .value();
  }

  /// The output is in the file, also where nothing came out of it.
  tape& output(const std::string& name) {
    channel_of(name);
    return *this;
  }
  /// Numbers of the output begin anew.
  tape& begins(const std::string& name) {
    writer_->add_channel(name, {});
    channels_[name] = ++last_;
    return *this;
  }
  tape& say(const std::string& output, timestamp at, packet p) {
    writer_->add(channel_of(output), at, p);
    return *this;
  }
  /// With the time at which it was emitted as its timestamp.
  tape& say(const std::string& output, timestamp at, std::uint64_t seq, payload what,
            int session = 1, epoch_number epoch = 0) {
    packet p;
    p.header.ts = at;
    p.header.session = session_id{static_cast<std::uint64_t>(session)};
    p.header.seq = seq;
    p.header.epoch = epoch;
    p.body = std::make_shared<const payload>(std::move(what));
    return say(output, at, std::move(p));
  }
  /// Bound, end of stream or interruption.
  tape& mark(const std::string& output, timestamp at, control::kind what, int session = 1,
             std::int64_t value = 0) {
    return say(output, at, 0, control{what, "", value}, session);
  }
  tape& event(timestamp at, const std::string& actor, const std::string& what,
              const std::string& detail = "") {
    writer_->add_event(at,
                       nlohmann::json{{"actor", actor}, {"what", what}, {"detail", detail}}.dump());
    return *this;
  }
  /// A call into a component; they are in the order in which they are written. `more`: what this kind
  /// of call has besides, as actors/record/README.md describes it.
  tape& call(const std::string& actor, const std::string& what, timestamp at,
             const nlohmann::json& more = nlohmann::json::object(), int life = 1) {
    nlohmann::json line = {{"actor", actor}, {"session", 1},         {"life", life},
                           {"what", what},   {"order_ns", ++calls_}, {"at_ns", at.ns()},
                           {"epoch", 0}};
    line.update(more);
    writer_->add_call(at, line.dump());
    return *this;
  }
  std::shared_ptr<const record::recording> end(const std::string& fate = "") {
    writer_->close(fate);
    return record::recording::open(record::memory_source(disk_->content())).value();
  }

 private:
  std::uint16_t channel_of(const std::string& name) {
    const auto [place, is_new] = channels_.try_emplace(name, 0);
    if (is_new) place->second = last_ = writer_->channel(name).value();
    return place->second;
  }

  std::shared_ptr<memory_disk> disk_ = std::make_shared<memory_disk>();
  std::unique_ptr<record::recording_writer> writer_;
  std::map<std::string, std::uint16_t> channels_;
  std::uint16_t last_ = 0;
  std::int64_t calls_ = 0;
};

/// Shorter in tables of packets.
inline timestamp at_ms(std::int64_t ms) { return timestamp::of_ms(ms); }

}  // namespace hocket::testing
