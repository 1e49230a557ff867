#include "actors/background/answer_text.hpp"

#include <algorithm>

#include "graph/text/clean.hpp"
#include "graph/text/number_words.hpp"

namespace hocket::background {
namespace {

/// "days." does, "Dr." and "3." may not.
bool ends_a_sentence(std::string_view written) {
  while (!written.empty() && std::string_view("\"')").find(written.back()) != written.npos)
    written.remove_suffix(1);
  if (written.ends_with('!') || written.ends_with('?')) return true;
  constexpr std::size_t shortest = 4;  // with its full stop
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return written.ends_with('.') && written.size() >= shortest &&
         !std::ranges::any_of(written, is_digit);
}

/// The parts of a text between blanks.
template <class Take>
void each_word(std::string_view text, const Take& take) {
  constexpr std::string_view blanks = " \t\n\r\v\f";
  for (auto at = text.find_first_not_of(blanks); at != text.npos;
       at = text.find_first_not_of(blanks, at)) {
    const auto end = std::min(text.find_first_of(blanks, at), text.size());
    take(text.substr(at, end - at));
    at = end;
  }
}

}  // namespace

void answer_text::add(std::string_view more) {
  each_word(clean_text(more), [&](std::string_view written) {
    bool begins = true;
    const auto put = [&](std::string_view word) {
      if (words_.size() < most_words) words_.push_back({std::string(word), begins, false});
      begins = false;
    };
    if (in_speech_)
      each_word(speakable(written), put);
    else
      put(written);
    if (!words_.empty() && ends_a_sentence(written)) words_.back().ends_sentence = true;
  });
}

bool answer_text::begins_like(const answer_text& other, std::size_t count) const {
  if (size() < count || other.size() < count) return false;
  return std::equal(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(count),
                    other.words_.begin(),
                    [](const one& a, const one& b) { return a.text == b.text; });
}

std::size_t answer_text::ready(tell_when when) const {
  if (over_) return words_.size();
  if (when == tell_when::whole || words_.empty()) return 0;
  auto last = words_.size() - 1;
  while (!words_[last].begins) --last;
  if (when == tell_when::words) return last;
  while (last > 0 && !words_[last - 1].ends_sentence) --last;
  return last;
}

std::optional<std::size_t> answer_text::cut(std::size_t from, std::size_t most) const {
  if (words_.size() <= from + most) return std::nullopt;
  const auto end = from + most;
  for (auto at = end; at > from && 2 * (at - from) >= most; --at)
    if (words_[at - 1].ends_sentence) return at;
  auto at = end;
  while (at > from && !words_[at].begins) --at;
  return at > from ? at : end;  // a number longer than a part
}

}  // namespace hocket::background
