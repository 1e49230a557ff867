// Wordings made of patterns: what a judge of words is trained on. Apart from what it is measured with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/policy/word_classes.hpp"
#include "graph/core/result.hpp"
#include "tools/safety/cases.hpp"

namespace hocket::safety {

/// A pattern with what it is about; `{slot}` stands for one of a slot's words, which may name slots, too.
struct pattern {
  std::string topic;  ///< "": harmless
  std::string text;
};

/// A file of families. A class is slots whose words a head counts as one word, too.
struct families {
  std::string name;
  std::vector<std::pair<std::string, std::vector<std::string>>> classes;
  /// Slots, each with one whose words make the same sentence harmless; classes of these names are of harm.
  std::vector<std::pair<std::string, std::vector<std::string>>> counterparts;
  std::vector<std::pair<std::string, std::vector<std::string>>> slots;
  std::vector<pattern> patterns;
};

/// *Errors*: safety.bad_families, with each finding and its line: a slot that there is not, or that names itself.
result<families> read_families(const std::string& file, const std::string& yaml);

/// The words of the slots that its classes name; what names a slot itself is none of them.
policy::word_classes classes_of(const families& all);

/// A wording, and the pattern that it was made of.
struct wording {
  line is;
  std::size_t pattern = 0;
};
/// Up to `each` different wordings of every pattern, and as many of its harmless counterpart, where one is left without
/// a word of a class of harm: a pure function of file, number and seed.
std::vector<wording> wordings_of(const families& all, std::int64_t each, std::uint64_t seed);

}  // namespace hocket::safety
