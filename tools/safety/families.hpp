// Wordings made of patterns: what a judge of words is trained on. Apart from what it is measured with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/safety/cases.hpp"

namespace hocket::safety {

/// A pattern with what it is about; `{slot}` stands for one of a slot's words, which may name slots, too.
struct pattern {
  std::string topic;  ///< "": harmless
  std::string text;
};

/// A file of families.
struct families {
  std::string name;
  std::vector<std::pair<std::string, std::vector<std::string>>> slots;
  std::vector<pattern> patterns;
};

/// *Errors*: safety.bad_families, with each finding and its line: a slot that there is not, or that names itself.
result<families> read_families(const std::string& file, const std::string& yaml);

/// A wording, and the pattern that it was made of.
struct wording {
  line is;
  std::size_t pattern = 0;
};
/// Up to `each` different wordings of every pattern: a pure function of file, number and seed.
std::vector<wording> wordings_of(const families& all, std::int64_t each, std::uint64_t seed);

}  // namespace hocket::safety
