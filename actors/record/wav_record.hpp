#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "actors/record/disk_watch.hpp"
#include "actors/record/rotation.hpp"
#include "actors/record/wav_writer.hpp"
#include "graph/contract/component.hpp"

namespace hocket::record {

/// `record.wav`: both voices of a conversation in one stereo file on one time axis, person left,
/// model right.
///
/// Inputs: person, model: audio 16 kHz mono; placed by their sample index, so a gap stays a gap. The
/// file begins with the micro-turn in which its conversation, or this actor, began. forgets: the file goes.
/// Outputs: forgotten: that it went.
/// With --no-pii it writes nothing, and says so.
/// Errors: record.cannot_write; record.bad_time (a sample index an hour ahead).
/// With `rotate` a piece begins with the sample behind the last one of the piece before.
/// The file is readable at any time, also after kill -9: it grows once per micro-turn.
class wav_record final : public component {
 public:
  struct config {
    std::string file = "conversation.wav";
    rotation_limits rotate;
    void visit(config_visitor& v) {
      v.field({.name = "file",
               .doc = "path of the WAV file, relative to the run's output folder; later sessions "
                      "get their number before the extension",
               .is_output = true},
              file);
      rotate.visit(v);
    }
  };
  static component_info info();

  explicit wav_record(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> close(emitter&) override;

 private:
  config config_;
  context context_;
  void flush();
  result<std::int64_t> put(std::int32_t channel, std::int64_t first,
                           std::span<const float> samples);
  /// False: the present piece goes on.
  bool turn(std::int64_t border, std::int64_t at_ns);
  void end_before();
  void forget(timestamp at, emitter& out);

  std::unique_ptr<wav_writer> file_;
  /// The piece before: what comes late for it is still put there.
  std::unique_ptr<wav_writer> before_;
  rotation turns_;
  std::int64_t begins_ = 0, before_begins_ = 0;  ///< stream sample with which each piece begins
  std::int64_t lost_before_ = 0;                 ///< frames, in pieces that are closed
  disk_watch disk_;
  std::int64_t told_lost_ = 0;
  bool is_forgotten_ = false;
};

}  // namespace hocket::record
