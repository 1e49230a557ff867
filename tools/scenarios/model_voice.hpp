// The voice that the model learns: flite's `slt` or a bank of recordings, one rendering per phrase.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::scenarios {

class voice_bank;

/// A phrase as the model should say it. It starts on a micro-turn; 30 ms of it are silence, so that
/// a phrase that replaces another in mid-word is heard as a new one.
struct phrase {
  struct word_time {
    std::string word;
    std::int64_t start = 0, end = 0;  ///< samples at 16 kHz from the phrase's begin
  };
  std::vector<float> samples;  ///< 16 kHz, a whole number of 50 ms frames
  std::vector<word_time> words;
  std::vector<float> patches;  ///< [frames, 320] normalised log-mel

  std::int64_t frames() const { return static_cast<std::int64_t>(samples.size()) / 800; }
  /// Micro-turns that it occupies, the last one perhaps in part.
  std::int64_t micro_turns() const { return (frames() + 3) / 4; }
};

/// Renders on first use and keeps. *Threads*: any; flite itself runs under a lock. A phrase is a
/// pure function of its text. *Memory*: about 30 kB per phrase, never freed.
class model_voice {
 public:
  /// flite's.
  static model_voice& shared();
  /// That of a folder that bank/own_voice.py made. *Errors*: as voice_bank::open.
  static result<std::shared_ptr<model_voice>> open(const std::string& folder);
  /// Whose voice it is: `af_nova`; `slt` is flite's.
  std::string name() const;
  /// Words of the vocabulary, also Spanish ones (spelt for an English voice inside).
  const phrase& say(const std::string& text);
  /// The same, by a speaker who decides on each word only when it begins: what sounds before a word of
  /// a kind (`kind_of`), and the patches of the micro-turns before, tell nothing of which word it is.
  /// A teacher that knows its sentence prepares its mouth for the answer; a model taught with that
  /// sound reads the answer off it, where it should compute it, and has nothing to read when it speaks
  /// by itself.
  const phrase& say_undecided(const std::string& text);

 private:
  using phrases = std::map<std::string, std::unique_ptr<phrase>>;

  model_voice() = default;
  const phrase& kept(phrases& all, const std::string& text, bool undecided);
  std::shared_ptr<const voice_bank> bank_;  // null: flite
  std::shared_mutex mutex_;
  phrases phrases_, undecided_;
};

}  // namespace hocket::scenarios
