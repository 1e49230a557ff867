#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/pace/paced_voice.hpp"
#include "graph/contract/component.hpp"

namespace hocket::pace {

/// `audio.pace`: a voice more slowly, at the same pitch, for who asks for it.
///
/// Until somebody does, sound passes as it is. What is said more slowly lasts longer than the model's own
/// sound: the rest waits here, and is caught up in the model's pauses. An interruption drops it; so does a
/// word of the person after the model fell silent, or at which it falls silent, unless it only agrees
/// (`agreement`) or is one of the model's own, which comes back through the microphone.
/// Inputs: audio: the voice; pace: text, a number, of the pace until then; heard: the person's words;
/// said: the model's.
/// Outputs: audio: as much sound as came in, at the same times.
/// Latency: none at its own pace; at another one some 80 ms at the beginning of an utterance.
/// Counters: paces (changes), bad_paces, wrong_format (passed as it is), dropped_samples, hurried_samples
/// (said at the model's own pace for being too far behind).
class pace final : public component {
 public:
  struct config {
    double pace = 1;
    std::int64_t pause_ms = 300;
    std::int64_t behind_ms = 10000;
    std::vector<std::string> agreement = {"uh",   "huh",   "mhm", "yes", "yeah",
                                          "okay", "right", "ja",  "oui"};
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit pace(config c);
  ~pace() override;
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  enum input : std::size_t { audio_in, pace_in, heard_in, said_in };

  void take_voice(const packet& p, emitter& out);
  void take_pace(const text& t);
  void take_said(const text& t, timestamp at);
  void take_heard(const text& t, timestamp at);
  void stop_where_it_stopped(timestamp now);
  /// What is said of stream time [from, until), in frames.
  void say(std::int64_t from, std::int64_t until, emitter& out);
  void count_changes();

  config config_;
  context context_;
  double pace_ = 1;
  std::unique_ptr<paced_voice> voice_;
  std::int32_t rate_hz_ = 0, channels_ = 0;
  std::int64_t next_ = 0;                  ///< frame of stream time that nothing was said for yet
  timestamp ticked_until_;                 ///< its time is over: nothing is said in it any more
  int turns_without_ = 0;                  ///< micro-turns since a chunk came
  std::map<std::string, timestamp> said_;  ///< words of the model, not older than what may wait
  timestamp model_spoke_until_ = timestamp::min();
  std::optional<timestamp> spoken_over_;  ///< the person spoke while the model did
  std::int64_t told_dropped_ = 0, told_hurried_ = 0;
};

}  // namespace hocket::pace
