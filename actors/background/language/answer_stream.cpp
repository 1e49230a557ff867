#include "actors/background/language/answer_stream.hpp"

#include <algorithm>

namespace hocket::background {
namespace {

constexpr std::string_view begin_of_reasoning = "<think>", end_of_reasoning = "</think>";

}  // namespace

std::string without_marks(std::string_view text) {
  std::string out(text);
  std::erase_if(out,
                [](char c) { return c == '*' || c == '`' || c == '#' || c == '_' || c == '|'; });
  return out;
}

std::string without_reasoning(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos || !std::string_view(text).substr(first).starts_with(begin_of_reasoning))
    return text;
  const auto end = text.find(end_of_reasoning, first);
  return end == text.npos ? std::string()
                          : without_reasoning(text.substr(end + end_of_reasoning.size()));
}

void answer_stream::push(std::string_view piece) {
  if (where_ == where::held) return;
  read_ += piece;
  while (advance()) {
  }
}

/// False where more has to be read first.
bool answer_stream::advance() {
  if (where_ == where::reasoning) {
    const auto end = read_.find(end_of_reasoning);
    if (end == read_.npos) {
      // The mark may be half there.
      read_.erase(0, read_.size() - std::min(read_.size(), end_of_reasoning.size() - 1));
      return false;
    }
    read_.erase(0, end + end_of_reasoning.size());
    where_ = where::start;
    return true;
  }
  if (where_ == where::start) {
    read_.erase(0, std::min(read_.find_first_not_of(" \t\r\n"), read_.size()));
    if (read_.empty()) return false;
    if (read_.starts_with(begin_of_reasoning)) {
      where_ = where::reasoning;
      return true;
    }
    if (begin_of_reasoning.starts_with(read_)) return false;
    // A text that is a call, or a fence around one.
    const bool call = std::string_view("{[<`").find(read_.front()) != std::string_view::npos;
    where_ = call ? where::held : where::text;
    return true;
  }
  if (where_ == where::held) {
    read_.clear();
    return false;
  }
  const auto mark = std::min(read_.find('<'), read_.size());
  if (const auto words = without_marks(std::string_view(read_).substr(0, mark)); !words.empty())
    tell_(words);
  if (mark < read_.size()) where_ = where::held;
  read_.clear();
  return false;
}

}  // namespace hocket::background
