#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hocket::background {

/// When the words of an answer that is still made are told.
enum class tell_when {
  whole,      ///< once it is whole
  sentences,  ///< sentence by sentence
  words,      ///< word by word
};

/// The words of one answer in the order in which they come, as they are said: "56." is "fifty six".
/// Pure; at most `most_words` are kept.
class answer_text {
 public:
  static constexpr std::size_t most_words = 2000;

  /// `in_speech`: figures and times of day are written in words.
  explicit answer_text(bool in_speech) : in_speech_(in_speech) {}
  answer_text(bool in_speech, std::string_view whole) : in_speech_(in_speech) {
    add(whole);
    end();
  }

  /// More of it; whole words.
  void add(std::string_view more);
  /// Nothing more comes.
  void end() { over_ = true; }
  /// Nothing more comes, and what came is void.
  void fail() { over_ = failed_ = true; }

  std::size_t size() const { return words_.size(); }
  const std::string& word(std::size_t i) const { return words_[i].text; }
  bool is_over() const { return over_; }
  bool has_failed() const { return failed_; }
  /// Whether both begin with the same `count` words.
  bool begins_like(const answer_text& other, std::size_t count) const;

  /// Of what came so far, the words before this one may be told. The last word that was written is
  /// kept back until another follows or the answer is over, since only then it is known to be the last.
  std::size_t ready(tell_when when) const;
  /// Where a part of at most `most` words that begins at `from` is cut: behind its last sentence, where
  /// that leaves half of it, else before what was written as one word; none while the rest fits.
  std::optional<std::size_t> cut(std::size_t from, std::size_t most) const;

 private:
  struct one {
    std::string text;
    bool begins = true;  ///< what was written as one word
    bool ends_sentence = false;
  };
  bool in_speech_;
  bool over_ = false, failed_ = false;
  std::vector<one> words_;
};

}  // namespace hocket::background
