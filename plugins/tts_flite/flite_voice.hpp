#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::tts_flite {

/// Speech with the time of each word, in samples at 16 kHz from its begin.
struct spoken {
  struct word_time {
    std::string word;
    std::int64_t begin = 0;
    std::int64_t end = 0;
    std::string written = {};  ///< the word with the punctuation that it had
  };
  std::vector<float> samples;
  std::vector<word_time> words;
};

/// One of flite's 16 kHz voices: slt, rms, awb, kal16.
///
/// What it says is a pure function of the text: flite draws its breath with rand(), which is seeded
/// anew each time (other users of rand() in the process notice). Threads: any; flite itself runs
/// under a lock.
class flite_voice {
 public:
  /// `spelling`: how it has to read words of other languages; whole words, lower case.
  flite_voice(std::string name, std::map<std::string, std::string> spelling)
      : name_(std::move(name)), spelling_(std::move(spelling)) {}

  /// Silence around the words is cut to 30 ms before and 60 ms behind, and the ends are faded.
  /// Word times are those of flite's segments; `words` hold the words of `text` where flite made as
  /// many of it, and else flite's own. Nothing to say gives no samples.
  /// Errors: tts.no_voice, tts.failed.
  result<spoken> say(const std::string& text) const;

 private:
  std::string name_;
  std::map<std::string, std::string> spelling_;
};

/// Lower-case words of a text, without punctuation.
std::vector<std::string> plain_words(const std::string& text);

}  // namespace hocket::tts_flite
