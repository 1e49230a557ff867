#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace hocket::background {

/// Without case (of ASCII), marks and blanks behind it: "Yes. " is "yes".
inline std::string plain_words(std::string_view said) {
  std::string plain;
  for (const char c : said)
    if (c != '.' && c != ',' && c != '!' && c != '?')
      plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  while (plain.ends_with(' ')) plain.pop_back();
  return plain;
}

/// Whether what was said is one of `words`, whatever the case and marks of either.
inline bool is_among(std::string_view said, const std::vector<std::string>& words) {
  return std::ranges::find(words, plain_words(said), plain_words) != words.end();
}

/// Whether a name or a beginning with `*`, as in `mail.*`, means this tool.
inline bool is_named_by(std::string_view tool, std::string_view which) {
  return which.ends_with('*') ? tool.starts_with(which.substr(0, which.size() - 1)) : tool == which;
}

}  // namespace hocket::background
