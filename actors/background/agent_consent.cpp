// What the person is asked before a tool is called.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "actors/background/agent.hpp"
#include "actors/background/spoken_words.hpp"
#include "graph/text/clean.hpp"

namespace hocket::background {
namespace {

constexpr auto correction_follows = std::chrono::milliseconds(1500);
constexpr std::size_t longest_argument = 80;

void put(std::string& into, std::string_view mark, const std::string& text) {
  if (const auto at = into.find(mark); at != into.npos) into.replace(at, mark.size(), text);
}

/// "web.search" as it is said.
std::string spoken_name(std::string name) {
  std::ranges::replace_if(
      name, [](char c) { return c == '.' || c == '_' || c == '-'; }, ' ');
  return name;
}

/// The values of a call's arguments, one after the other.
std::string spoken_arguments(const std::string& arguments_json) {
  const auto all = nlohmann::json::parse(arguments_json, nullptr, false);
  std::string out;
  if (!all.is_object()) return out;
  for (const auto& [_, v] : all.items())
    out +=
        (out.empty() ? "" : " ") +
        cut_text(v.is_string() ? v.get<std::string>()
                               : v.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                 longest_argument);
  return out;
}

}  // namespace

// A tool that is misspelled there would be called without a word: who asks first does not begin so. What a
// source has not told yet, and what the person's app offers, may come later.
result<void> agent::know_confirmed_tools() const {
  const auto there = tools_.now();
  const auto is_any = [&](const std::string& which) {
    return std::ranges::any_of(there->infos,
                               [&](const tool_info& t) { return is_named_by(t.name, which); });
  };
  for (const auto& which : config_.confirm_tools) {
    if (which == "*" || which.starts_with(client_functions::prefix) || is_any(which)) continue;
    const auto all_of_source = which.substr(0, which.find('.') + 1) + "*";
    if (all_of_source != "*" && !is_any(all_of_source) &&
        std::ranges::find(config_.tools, all_of_source) != config_.tools.end())
      continue;
    std::vector<std::string> names;
    for (const auto& t : there->infos) names.push_back(t.name);
    return fail(
        "background.no_such_tool",
        fmt::format("confirm_tools: no tool is `{}`, and it would be called without asking; "
                    "there are: {}",
                    which, names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  }
  return {};
}

void agent::ask_consent(std::uint64_t id, request& r, const job_consent& asked) {
  const auto now = context_.time->now();
  std::string tools, arguments, names;
  for (const auto& c : asked.calls) {
    tools += (tools.empty() ? "" : " and ") + spoken_name(c.tool);
    names += (names.empty() ? "" : ", ") + c.tool;
    arguments += (arguments.empty() ? "" : " and ") + spoken_arguments(c.arguments_json);
  }
  auto words = config_.confirm_words;
  put(words, "{tool}", tools);
  put(words, "{arguments}", arguments);
  r.asking = now;
  r.asked_at.reset();
  r.said_no.reset();
  outbox_.note(outbox::note_kind::question, id, now, words);
  context_.count("consents_asked", 1);
  context_.log(fmt::format("request {}: the person is asked whether {} may be called", id, names));
}

// A question may wait until another answer was told: nobody agrees to what was not asked.
void agent::note_questions() {
  for (const auto& [id, at] : outbox_.take_questions())
    if (const auto r = requests_.find(id); r != requests_.end() && r->second.asking)
      r->second.asked_at = at;
}

// The oldest question that was told by then is meant; a "no" may be the first word of a correction.
void agent::take_reply(std::string_view word, timestamp said_at, emitter& out) {
  const auto oldest = oldest_question(said_at);
  if (oldest == requests_.end()) return;
  // A word that is in both lists agrees to nothing.
  if (is_among(word, config_.no_words))
    oldest->second.said_no = context_.time->now();
  else if (is_among(word, config_.yes_words))
    decide(oldest->first, true, "given", out);
}

std::map<std::uint64_t, agent::request>::iterator agent::oldest_question(timestamp told_by) {
  auto oldest = requests_.end();
  for (auto r = requests_.begin(); r != requests_.end(); ++r)
    if (const auto& asked = r->second.asked_at;
        asked && *asked <= told_by && !r->second.said_no &&
        (oldest == requests_.end() || *asked < *oldest->second.asked_at))
      oldest = r;
  return oldest;
}

void agent::decide(std::uint64_t id, bool yes, const char* how, emitter& out) {
  auto& r = requests_[id];
  const auto waited = context_.time->now() - *r.asking;
  r.deadline = r.deadline + waited;  // the person's time is not the task's
  r.asking.reset();
  r.asked_at.reset();
  r.said_no.reset();
  outbox_.withdraw_notes(id);
  context_.count(std::string("consents_") + how, 1);
  context_.log(fmt::format("request {}: consent {} after {} ms", id, how,
                           std::chrono::duration_cast<std::chrono::milliseconds>(waited).count()));
  r.work->decide(yes);
  if (r.room) follow(id, out);
}

void agent::check_consents(emitter& out) {
  const auto now = context_.time->now();
  std::vector<std::pair<std::uint64_t, const char*>> over;
  for (const auto& [id, r] : requests_) {
    if (!r.asked_at) continue;
    if (r.said_no && now >= *r.said_no + correction_follows)
      over.emplace_back(id, "refused");
    else if (now >= *r.asked_at + std::chrono::milliseconds(config_.confirm_wait_ms))
      over.emplace_back(id, r.said_no ? "refused" : "unanswered");
  }
  for (const auto& [id, how] : over)
    if (requests_.contains(id) && requests_[id].asked_at) decide(id, false, how, out);
}

// A model may delegate the person's "yes" as if it were a task. What it read may have told it to: where the
// person is heard, he has spoken since he was asked, or nobody agreed. A "no" needs no proof.
bool agent::is_reply(const delegation& d, emitter& out) {
  const auto now = context_.time->now();
  const bool asks = std::ranges::any_of(
      requests_, [now](const auto& r) { return r.second.asked_at && *r.second.asked_at <= now; });
  const bool declines = is_among(d.task, config_.no_words);
  if (!asks || (!declines && !is_among(d.task, config_.yes_words))) return false;
  tell_state(d.request, over_role, out);
  const auto asked = oldest_question(now);
  if (!declines && asked != requests_.end() && heard_at_ && *heard_at_ < *asked->second.asked_at)
    context_.count("consents_not_heard", 1);
  else
    take_reply(d.task, now, out);
  return true;
}

}  // namespace hocket::background
