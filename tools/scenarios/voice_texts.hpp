// What a voice has to say so that everything that the model says can be joined from it.
#pragma once

#include <string>
#include <vector>

namespace hocket::scenarios {

/// Stands in a text for a word of a kind that is not decided yet: breath with the tongue at rest, so that
/// the word before it ends as it does by itself.
inline constexpr const char* undecided_word = "huh";

/// The texts, each once: phrases that are said whole, every word of a kind where it is said, and the words
/// before such a place with `undecided_word` in it. Lower case, no marks; a letter as its piece (`##a`).
/// Pure. What the families say is covered: voice_bank.test.cpp goes through them.
std::vector<std::string> voice_texts();

}  // namespace hocket::scenarios
