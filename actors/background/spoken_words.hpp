#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace hocket::background {

/// Whether what was said is one of `words`, whatever its case and marks: "Yes." is "yes".
inline bool is_among(std::string_view said, const std::vector<std::string>& words) {
  std::string plain;
  for (const char c : said)
    if (c != '.' && c != ',' && c != '!' && c != '?')
      plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  while (plain.ends_with(' ')) plain.pop_back();
  return std::ranges::find(words, plain) != words.end();
}

}  // namespace hocket::background
