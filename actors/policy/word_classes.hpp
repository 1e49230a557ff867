// Words that mean alike for a judge: what is learnt of one of a class holds for all of them.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hocket::policy {

/// Classes of words and of phrases. *Threads*: immutable once filled.
class word_classes {
 public:
  /// `phrase`: folded as a text is, less the article it begins with. Nothing is added of an empty one.
  /// Returns of how many classes the phrase is now.
  std::size_t add(const std::string& name, std::string_view phrase);

  struct place {
    std::size_t from = 0, count = 0;  ///< words
    std::string name;
  };
  /// Where classes are met, in order; the longest phrase that begins at a word counts. A word in `s` or `ing` counts
  /// as without it; one in `ed` as its class with `.ed`, since what is over is seldom a request.
  std::vector<place> in(std::span<const std::string> words) const;
  bool empty() const { return phrases_.empty(); }
  /// Class and phrase, as they were added, ascending.
  std::vector<std::pair<std::string, std::string>> all() const;

 private:
  struct phrase {
    std::vector<std::string> words;
    std::vector<std::string> names;
  };
  void add_all(std::span<const std::string> words, std::size_t at, std::vector<place>& out) const;

  std::map<std::string, std::vector<phrase>, std::less<>> phrases_;  ///< by their first word
};

}  // namespace hocket::policy
