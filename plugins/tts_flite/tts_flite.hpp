#pragma once

#include <deque>
#include <memory>

#include "graph/contract/component.hpp"
#include "plugins/tts_flite/flite_voice.hpp"

namespace hocket::tts_flite {

/// `tts.flite`: says text with a voice of flite, on stream time, until somebody barges in.
///
/// Inputs: text: role `model`: what to say, at the packet's ts at the earliest, one after the other;
/// role `resume`: the rest of what was broken off last, from the word that was cut. events: text
/// `barge_in` (as `vad.energy` makes it) breaks off what sounds and forgets what waits.
/// Outputs: audio: 16 kHz mono, ts = when it is to be heard, handed over 200 to 400 ms early;
/// words: role `model`, one word a packet when its time has come, ts = when it begins; a word that
/// was broken off before it began is never reported.
/// An interruption of its own raises the epoch, so that a playout behind it fades what it holds; one
/// that comes from elsewhere (control) breaks off as well.
/// Errors: tts.*. Latency: flite makes a whole text at once; its README says how long that takes.
/// Counters: said, interrupted, resumed, barge_ins (while nothing sounded).
class tts final : public component {
 public:
  struct config {
    std::string voice = "slt";
    std::int64_t playout_delay_ms = 60;
    std::vector<std::string> spelling = {"uno=oono",       "dos=dose",     "tres=trace",
                                         "cuatro=kwahtro", "cinco=seenko", "seis=sayss",
                                         "siete=syettay",  "ocho=oacho",   "nueve=nuevay",
                                         "diez=dieth",     "hocket=hockit"};
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit tts(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  /// A text on the time axis; sample numbers are those of the stream.
  struct utterance {
    spoken what = {};
    std::int64_t begin = 0;
    std::int64_t sent = 0;     ///< samples of it handed over
    std::size_t reported = 0;  ///< words of it reported
    std::int64_t end() const { return begin + static_cast<std::int64_t>(what.samples.size()); }
  };

  std::int64_t now() const;
  result<void> say(const std::string& words, timestamp at, emitter&);
  void send(std::int64_t until, emitter&);
  void report(std::int64_t heard_until, emitter&);
  bool break_off(emitter&, bool raise);

  config config_;
  context context_;
  std::unique_ptr<flite_voice> voice_;
  std::deque<utterance> queue_;         ///< what sounds or waits, in order of time
  std::string rest_;                    ///< of what was broken off
  std::int64_t last_sent_ = INT64_MIN;  ///< begin of the last packet handed over
};

}  // namespace hocket::tts_flite
