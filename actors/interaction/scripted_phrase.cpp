#include "actors/interaction/scripted_phrase.hpp"

#include <algorithm>

namespace hocket::interaction {
namespace {

constexpr std::int64_t longest_wait = 10;  ///< micro-turns until it begins, whoever speaks
constexpr std::int64_t longest_pause = 4;  ///< between two words
constexpr std::int64_t longest_silence = 3;

}  // namespace

void scripted_phrase::ask(const std::vector<std::string>& tokens) {
  if (asked_.empty()) waited_ = left_.empty() ? 0 : waited_;
  asked_ = tokens;
}

void scripted_phrase::put_into(turn_input& in) {
  if (left_.empty()) return;
  in.script.assign(left_.begin(), left_.end());
  in.script_due = begins_ || waited_ >= longest_pause;
}

void scripted_phrase::took(const turn_output& out) {
  const bool voice = std::ranges::any_of(out.gates, [](float g) { return g > 0; });
  if (!left_.empty()) {
    std::size_t words = 0;
    while (!left_.empty() && words < out.text.size() && out.text[words] == left_.front()) {
      left_.pop_front();
      ++words;
    }
    begins_ = false;
    waited_ = words > 0 ? 0 : waited_ + 1;
    silent_ = voice ? 0 : silent_ + 1;
    if (left_.empty()) return end(said_);
    if (silent_ >= longest_silence) end(cut_);
    return;
  }
  if (asked_.empty()) return;
  const bool is_quiet = !voice && out.text.empty() && out.heard.empty();
  if (!is_quiet && ++waited_ < longest_wait) return;
  left_.assign(asked_.begin(), asked_.end());
  asked_.clear();
  begins_ = true;
  waited_ = silent_ = 0;
}

void scripted_phrase::end(std::int64_t& counter) {
  ++counter;
  left_.clear();
  waited_ = silent_ = 0;
}

}  // namespace hocket::interaction
