#pragma once

#include <memory>
#include <string>

#include "actors/record/rotation.hpp"
#include "graph/core/result.hpp"
#include "graph/trust/files.hpp"
#include "graph/trust/sealed/sealed.hpp"
#include "tools/report/facts.hpp"

namespace hocket::report {

/// Writes each fact as one JSON line to a file, at once: whoever reads it finds whole lines. Where
/// there is a key (graph/trust/sealed) the file is sealed; read_facts reads both.
///
/// A line that cannot be written (a full disk) is taken back, so that the file never holds a torn
/// one, and counted; as soon as writing works again an event `log_gap` says how many are missing.
///
/// With `rotate` it is written in turns, each line into one of the pieces.
///
/// A conversation that is to be forgotten has no words in it any more, pieces included, once that is taken.
///
/// Threads: as for fact_sink.
class event_log final : public fact_sink {
 public:
  /// Errors: run.cannot_write.
  static result<std::unique_ptr<event_log>> open(const std::string& path, bool with_words,
                                                 record::rotation_limits rotate = {});
  ~event_log() override;
  event_log(const event_log&) = delete;
  event_log& operator=(const event_log&) = delete;

  void take(const fact& f) override;
  /// "…/events.jsonl: 7 lines are missing: No space left on device"; empty where none is.
  std::string problem() const;

 private:
  event_log(trust::file to, trust::line_seal seal, bool with_words, const std::string& path,
            record::rotation_limits rotate)
      : file_(std::move(to)),
        seal_(std::move(seal)),
        with_words_(with_words),
        turns_(path, rotate) {}
  void turn_if_due(const fact& f);
  bool append(const std::string& text);
  void end_seal();
  void forget(std::uint64_t session);

  trust::file file_;
  trust::line_seal seal_;
  bool with_words_;
  record::rotation turns_;
  std::int64_t size_bytes_ = 0;  ///< whole lines only
  std::int64_t missing_ = 0;
  std::int64_t untold_ = 0;  ///< missing, and no log_gap says so yet
  int error_ = 0;            ///< errno of the last failure
};

}  // namespace hocket::report
