#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hocket {

/// "fifty six" for 56; "minus three" for -3. English, up to 999 999 999 999; digits beyond.
std::string number_words(std::int64_t value);

/// Lower-case words of `text` with every spoken number written in digits and punctuation gone:
/// "What's seven times twenty-one?" -> "what's 7 times 21". For tools that are asked in words.
std::string with_digits(std::string_view text);

/// `text` as it would be said: numbers, decimals and clock times in words, lower case, no
/// punctuation. "56" -> "fifty six", "2.5" -> "two point five", "10:05" -> "ten oh five".
std::string speakable(std::string_view text);

}  // namespace hocket
