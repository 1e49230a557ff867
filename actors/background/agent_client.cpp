// What the app that a person talks through says to the background; a gateway passes it on.
#include "actors/background/agent.hpp"
#include "graph/text/clean.hpp"

namespace hocket::background {
namespace {

constexpr std::size_t longest_instructions =
    2000;  // a planner reads about 4000 bytes of conversation
constexpr std::size_t longest_note = 500;
constexpr std::size_t most_notes = 4;
constexpr int most_lines = 50;  ///< of the event log, about one app

}  // namespace

/// An app may say wrong things without end: the log is not its to fill.
void agent::log_of_app(const std::string& line) {
  if (app_lines_ < most_lines) context_.log(line);
  if (++app_lines_ == most_lines) context_.log("what else is wrong with the app is not logged");
}

/// By role: `tools` (a JSON list; null: nothing may be called), `instructions`, `delegations` (`client`: the app works on them itself),
/// `commentary` (to be said), `manner` (of a policy: how the person wants to be spoken to), `thinking` and anything else (to be known).
void agent::take_client(const text& t, emitter&) {
  if (t.role == "tools") {
    const bool is_alone = config_.client_functions == "alone";
    if (t.value == "null") return tools_.offer({}, app_, is_alone, true);
    auto functions = client_functions::read(t.value);
    if (!functions) {
      context_.count("bad_offers", 1);
      return log_of_app("functions of the app: " + functions.error().message);
    }
    return tools_.offer(std::move(*functions), app_, is_alone);
  }
  if (t.role == "delegations") {
    left_to_client_ = t.value == "client";
  } else if (t.role == "commentary") {
    if (answer_text(config_.speakable, t.value).size() == 0) return;
    const auto now = context_.time->now();
    // Words about what the agent works on itself are no answer to it: that one comes, and ends it.
    if (t.final)
      outbox_.answer(asked_.contains(t.request) ? 0 : t.request, now, t.value);
    else
      outbox_.note(outbox::note_kind::utterance, t.request, now, t.value);
  } else if (t.role == "instructions") {
    app_instructions_ = cut_text(clean_text(t.value), longest_instructions);
    if (app_instructions_.size() < t.value.size())
      log_of_app("the app's instructions are cut to 2000 bytes");
    if (config_.planner.use == "match" && !t.value.empty())
      log_of_app("the app's instructions are not followed: `planner: match` reads none");
  } else if (t.role == "manner") {
    manner_ = cut_text(clean_text(t.value), longest_note);
  } else {
    app_notes_.push_back(cut_text(clean_text(t.value), longest_note));
    if (app_notes_.size() > most_notes) app_notes_.pop_front();
  }
}

void agent::take_answer(const tool_result& r) {
  auto said = r.status == outcome::ok ? result<std::string>(r.content)
                                      : result<std::string>(fail("client.failed", r.content));
  if (!app_->answer(r.call, std::move(said))) context_.count("late_answers", 1);
}

std::string agent::with_words_of_app(std::string transcript) const {
  for (const auto& note : app_notes_) transcript += "\n(the app knows: " + note + ")";
  if (!app_instructions_.empty())
    transcript += "\n(the app that they talk through asks you: " + app_instructions_ + ")";
  if (!manner_.empty()) transcript += "\n(how the person wants to be answered: " + manner_ + ")";
  return transcript;
}

}  // namespace hocket::background
