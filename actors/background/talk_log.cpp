#include "actors/background/talk_log.hpp"

#include <vector>

#include <fmt/format.h>

#include "graph/text/clean.hpp"

namespace hocket::background {
namespace {

constexpr auto one_turn = std::chrono::milliseconds(2500);  // a longer silence begins another
constexpr std::size_t longest_turn = 600, longest_told = 120;

std::string clock_of(timestamp at) {
  const auto seconds = static_cast<std::int64_t>(at.seconds());
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

/// The first `limit` bytes, cut between characters.
std::string fitting(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  text.resize(limit);
  return text;
}

}  // namespace

void talk_log::word(bool by_model, timestamp at, std::string_view text) {
  const auto clean = clean_text(text);
  if (clean.empty()) return;
  if (by_model) {
    newest_.push_back({at, clean});
    if (newest_.size() > 32) newest_.pop_front();
  }
  if (turns_.empty() || turns_.back().by_model != by_model || at > turns_.back().last + one_turn)
    turns_.push_back({by_model, at, at, ""});
  auto& t = turns_.back();
  t.last = at;
  if (t.words.size() < longest_turn) t.words += (t.words.empty() ? "" : " ") + clean;
  while (turns_.size() > most_turns) {
    turns_.pop_front();
    ++forgotten_;
  }
}

void talk_log::asked(std::uint64_t request, timestamp at, std::string_view task) {
  errands_[request] = {at, clean_text(task), "", false, false};
  while (errands_.size() > most_errands) errands_.erase(errands_.begin());
}

void talk_log::told(const hocket::text& word, timestamp at) {
  const auto found = errands_.find(word.request);
  if (found == errands_.end()) return;
  auto& e = found->second;
  if (replaces(word)) e.result.clear();
  if (e.result.size() < longest_told)
    e.result += (e.result.empty() ? "" : " ") + clean_text(word.value);
  e.told = true;
  e.over = e.over || word.final;
  if (word.final) e.at = at;
}

void talk_log::ended(std::uint64_t request) {
  if (const auto found = errands_.find(request); found != errands_.end()) found->second.over = true;
}

std::string talk_log::line_of(const turn& t) {
  return fmt::format("{} {}: {}\n", clock_of(t.from), t.by_model ? "model" : "user", t.words);
}

// What was asked and told is what matters of turns that are left out.
std::string talk_log::summary(std::size_t turns_left_out) const {
  std::string out;
  for (const auto& [_, e] : errands_)
    if (e.told && e.over) out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", e.task, e.result);
  const auto turns = turns_left_out + forgotten_;
  return fmt::format("({} earlier turn{}{}{})\n", turns, turns == 1 ? "" : "s",
                     out.empty() ? "" : "; asked and told: ", out);
}

std::string talk_log::state_of(timestamp now) const {
  std::string out, unheard;
  for (const auto& w : newest_)
    if (w.at > played_.value_or(now)) unheard += " " + w.text;
  if (!unheard.empty()) out += fmt::format("(the model is saying; not heard yet:{})\n", unheard);
  for (const auto& [_, e] : errands_)
    if (!e.over)
      out += fmt::format("(pending since {}: {}{})\n", clock_of(e.at), e.task,
                         e.told ? ", told so far: " + e.result : std::string());
  return out;
}

std::string talk_log::text(timestamp now, std::size_t limit) const {
  const auto state = state_of(now);
  std::vector<std::string> lines;
  auto used = std::min(state.size(), limit);
  std::size_t kept = 0;
  for (auto t = turns_.rbegin(); t != turns_.rend(); ++t, ++kept) {
    auto line = line_of(*t);
    if (used + line.size() > limit) break;
    used += line.size();
    lines.push_back(std::move(line));
  }
  std::string head;
  if (kept < turns_.size() || forgotten_ > 0) {
    head = summary(turns_.size() - kept);
    // The summary takes the place of the oldest lines.
    for (; used + head.size() > limit && !lines.empty(); ++kept) {
      used -= lines.back().size();
      lines.pop_back();
      head = summary(turns_.size() - lines.size());
    }
    if (used + head.size() > limit) head = fitting(head, limit - used);
  }
  std::string out = head;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) out += *line;
  out += state;
  return fitting(std::move(out), limit);
}

}  // namespace hocket::background
