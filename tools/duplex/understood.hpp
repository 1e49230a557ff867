// How much of the model's speech an independent recogniser understands.
#pragma once

#include <memory>
#include <span>

#include "graph/core/result.hpp"
#include "tools/duplex/timeline.hpp"

namespace hocket::duplex {

/// PocketSphinx with a grammar of the answers' words, in any order; one instance for the model and
/// one for the teacher's voice, because what it hears depends on what it heard before.
class understanding {
 public:
  /// *Errors*: those of asr_pocketsphinx::recognizer.
  static result<std::unique_ptr<understanding>> open();
  ~understanding();

  /// Fills `into.spoken_words`, `understood_words` and `teacher_words` for what was said from
  /// `from_s` on: of the words of the text stream, how many are recognised in the sound, and how
  /// many in flite's own rendering of the same words. Words outside the grammar are not counted.
  /// `sound` [samples] 16 kHz.
  result<void> listen(std::span<const float> sound, double from_s, timeline& into);

 private:
  struct parts;
  understanding();
  std::unique_ptr<parts> parts_;
};

/// Longest common subsequence of two word lists.
std::int64_t common_words(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace hocket::duplex
