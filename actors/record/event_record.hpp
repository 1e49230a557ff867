#pragma once

#include <string>

#include "actors/record/disk_watch.hpp"
#include "actors/record/rotation.hpp"
#include "graph/contract/component.hpp"
#include "graph/trust/files.hpp"
#include "graph/trust/sealed/sealed.hpp"

namespace hocket::record {

/// `record.events`: everything it is linked to, as one JSON object per line, flushed line by line.
///
/// Inputs (all optional): words, heard, console, results, progress: text; delegations; tool_calls;
/// tool_results; played: control; state: tensor f32 (interaction.model's, see its README); forgets: the file goes.
/// Outputs: forgotten: that it went.
/// A line: {"t_ms", "session", "micro_turn", "epoch", "kind", …}; `kind` is the input's name. Words
/// are written only with `pii.text: true` and without --no-pii; without, their number of characters stands instead.
/// `latency_ms` (capture of the oldest input until here) is written in real time only.
/// Errors: record.cannot_write.
class event_record final : public component {
 public:
  struct config {
    std::string file = "record.jsonl";
    bool text = false;
    rotation_limits rotate;
    void visit(config_visitor& v) {
      v.field({.name = "file",
               .doc = "path of the log, relative to the run's output folder; later sessions get "
                      "their number before the extension",
               .is_output = true},
              file);
      v.field({.name = "pii.text",
               .doc = "write what was said and asked, in words; off: only its length"},
              text);
      rotate.visit(v);
    }
  };
  static component_info info();

  explicit event_record(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  config config_;
  context context_;
  bool append(const std::string& line);
  void end_seal();
  void forget(timestamp at, emitter& out);
  void turn_if_due(timestamp at);

  trust::file file_;
  trust::line_seal seal_;
  disk_watch disk_;
  rotation turns_;
  std::int64_t size_bytes_ = 0;  ///< of whole lines
  std::uint64_t missing_ = 0;    ///< lines since the last that the disk took
  bool with_words_ = false, with_voices_ = true, is_forgotten_ = false;
};

}  // namespace hocket::record
