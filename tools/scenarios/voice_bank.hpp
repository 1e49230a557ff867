// The voice that the model learns, from recordings of a speaker who said `voice_texts`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/scenarios/model_voice.hpp"
#include "tools/scenarios/speech_bank.hpp"

namespace hocket::scenarios {

/// What `bank/own_voice.py` made. Held in memory, never changed. *Threads*: any.
class voice_bank {
 public:
  /// *Errors*: scenarios.bank: own.json is missing, does not read, or lacks a word of `voice_texts`.
  static result<std::shared_ptr<const voice_bank>> open(const std::string& folder);

  const std::string& name() const { return voice_.name; }

  /// The words, joined from the longest pieces that fit. Which piece a word is cut from depends on the
  /// words before it and on whether a word of a kind follows, never on which one: up to an open word the
  /// sound is the same whatever that word is, and so are the patches of the micro-turns before it with
  /// `undecided`. Every word must be one of `voice_texts`.
  phrase say(const std::vector<std::string>& words, bool undecided) const;

 private:
  struct piece {
    const bank_clip* clip = nullptr;
    std::size_t first = 0, count = 0;
  };
  /// What is being put together: samples up to `at` are settled, those after it go on as the piece did.
  struct line;

  explicit voice_bank(bank_voice voice) : voice_(std::move(voice)) {}
  bool knows(const std::string& word) const;
  piece best(const std::vector<std::string>& words, std::size_t at, std::size_t run_end) const;
  void append(line& to, const piece& next) const;

  bank_voice voice_;
};

/// The patches before the micro-turn in which an open word begins (`start`, samples), as if nothing came
/// after it. `known`: the patches that stay as they are. Returns how many stay from now on.
std::int64_t forget_what_comes(phrase& said, std::int64_t start, std::int64_t known);

}  // namespace hocket::scenarios
