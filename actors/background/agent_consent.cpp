// What the person is asked before a tool is called.
#include <algorithm>

#include <fmt/format.h>
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
  auto oldest = requests_.end();
  for (auto r = requests_.begin(); r != requests_.end(); ++r)
    if (const auto& asked = r->second.asked_at;
        asked && *asked <= said_at && !r->second.said_no &&
        (oldest == requests_.end() || *asked < *oldest->second.asked_at))
      oldest = r;
  if (oldest == requests_.end()) return;
  if (is_among(word, config_.yes_words)) return decide(oldest->first, true, "given", out);
  if (is_among(word, config_.no_words)) oldest->second.said_no = context_.time->now();
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

// A model may delegate the person's "yes" as if it were a task.
bool agent::is_reply(const delegation& d, emitter& out) {
  const auto now = context_.time->now();
  const bool asks = std::ranges::any_of(
      requests_, [now](const auto& r) { return r.second.asked_at && *r.second.asked_at <= now; });
  if (!asks || (!is_among(d.task, config_.yes_words) && !is_among(d.task, config_.no_words)))
    return false;
  tell_state(d.request, over_role, out);
  take_reply(d.task, now, out);
  return true;
}

}  // namespace hocket::background
