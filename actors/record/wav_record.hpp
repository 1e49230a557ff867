#pragma once

#include <memory>

#include "actors/record/disk_watch.hpp"
#include "actors/record/wav_writer.hpp"
#include "graph/contract/component.hpp"

namespace hocket::record {

/// `record.wav`: both voices of a conversation in one stereo file on one time axis, person left,
/// model right.
///
/// Inputs: person, model: audio 16 kHz mono; placed by their sample index, so a gap stays a gap.
/// Outputs: none.
/// With --no-pii it writes nothing, and says so.
/// Errors: record.cannot_write; record.bad_time (a sample index an hour ahead).
/// The file is readable at any time, also after kill -9: it grows once per micro-turn.
class wav_record final : public component {
 public:
  struct config {
    std::string file = "conversation.wav";
    void visit(config_visitor& v) {
      v.field({.name = "file",
               .doc = "path of the WAV file, relative to the run's output folder; later sessions "
                      "get their number before the extension",
               .is_output = true},
              file);
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

  std::unique_ptr<wav_writer> file_;
  disk_watch disk_;
  std::int64_t told_lost_ = 0;
};

}  // namespace hocket::record
