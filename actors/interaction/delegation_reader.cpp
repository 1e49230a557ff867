#include "actors/interaction/delegation_reader.hpp"

namespace hocket::interaction {
namespace {

bool is_letter(const std::string& token) { return token.size() == 3 && token.starts_with("##"); }

}  // namespace

std::string spoken_form(const std::string& token) {
  if (is_letter(token)) return token.substr(2);
  return token == "##" ? "" : token;
}

void delegation_reader::add_to_task(const std::string& token) {
  const bool letter = is_letter(token);
  if (letter && spelling_)
    task_.back() += token.substr(2);
  else if (token != "##")
    task_.push_back(spoken_form(token));
  spelling_ = letter;
}

void delegation_reader::note(const char* who, const std::string& word, std::int64_t k) {
  transcript_.push_back({who, word, k});
  if (transcript_.size() > options_.transcript_words) transcript_.pop_front();
}

bool delegation_reader::take_token(const std::string& token, std::int64_t k) {
  if (token == "<delegate>") {
    if (open_) finish(k);
    open_ = true;
    spelling_ = false;
    opened_at_ = k;
    return false;
  }
  if (token == "<end>") {
    if (open_) finish(k);
    return false;
  }
  if (token.empty() || token == "<pad>") return false;
  if (open_) {
    add_to_task(token);
    if (task_.size() >= options_.task_words) {
      ++forced_;
      finish(k);
    }
    return false;
  }
  if (token == "##") return false;
  note("model", spoken_form(token), k);
  return true;
}

void delegation_reader::end_turn(std::int64_t k) {
  if (!open_ || k - opened_at_ < options_.task_micro_turns) return;
  ++forced_;
  finish(k);
}

void delegation_reader::finish(std::int64_t k) {
  open_ = false;
  delegation d;
  const bool corrects =
      task_.size() > 1 && !options_.correction.empty() && task_.front() == options_.correction;
  if (corrects) task_.erase(task_.begin());
  for (const auto& word : task_) d.task += (d.task.empty() ? "" : " ") + word;
  task_.clear();
  if (d.task.empty()) return;  // `<delegate> <end>` asks nothing
  d.request = next_request_++;
  d.supersedes = corrects ? last_ : options_.supersede ? unanswered_ : 0;
  last_ = unanswered_ = d.request;
  d.from_micro_turn = transcript_.empty() ? opened_at_ : transcript_.front().micro_turn;
  d.to_micro_turn = k;
  std::string who;
  for (const auto& s : transcript_) {
    if (s.who != who) d.transcript += (who.empty() ? "" : "\n") + s.who + ":";
    who = s.who;
    d.transcript += " " + s.word;
  }
  ready_.push_back(std::move(d));
}

void delegation_reader::answered(std::uint64_t request) {
  if (unanswered_ == request) unanswered_ = 0;
}

std::optional<delegation> delegation_reader::take_delegation() {
  if (ready_.empty()) return {};
  auto d = std::move(ready_.front());
  ready_.pop_front();
  return d;
}

}  // namespace hocket::interaction
