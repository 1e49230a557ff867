// Responses that a client asks for, and what it cuts off.
#include <fmt/format.h>

#include "actors/gateway/realtime/machine.hpp"

namespace hocket::gateway::realtime {
namespace {

constexpr std::size_t most_apart = 8;  ///< that wait for the end of another response

}  // namespace

void machine::response_create(const json& e, step& s) {
  if (session_.is_transcription())
    return fail_with(e, {"invalid_value", "a transcription session gives no responses", "type"}, s);
  // The one that made the calls is still speaking: the client need not wait for its end.
  const bool may_wait = response_ && response_->has_call && !results_.empty() && !next_create_;
  // Out of band, beside another one: there is one voice, so that it comes after it.
  const bool is_apart = response_ && !may_wait &&
                        member(member(e, "response"), "conversation") == "none" &&
                        apart_.size() < most_apart;
  if (response_ && !may_wait && !is_apart)
    return fail_with(
        e,
        {"conversation_already_has_active_response",
         fmt::format("Conversation already has an active response in progress: {}. Wait "
                     "until the response is finished before creating a new one.",
                     text_of(response_->object, "id")),
         ""},
        s);
  json asked = member(e, "response");
  if (asked.is_null()) asked = json::object();
  bool has_audio = session_.has_audio();
  std::optional<problem> wrong;
  if (!asked.is_object()) wrong = {"invalid_value", "response is an object", "response"};
  const auto& modalities = member(asked, "output_modalities");
  if (!wrong && !modalities.is_null())
    wrong = read_modalities(modalities, "response.output_modalities", has_audio);
  const auto& tools = member(asked, "tools");
  if (!wrong && !tools.is_null()) wrong = check_tools(tools, "response.tools");
  if (!wrong && size_of(member(asked, "metadata")) > 16 * 1024)
    wrong = {"invalid_value", "metadata is larger than 16 KiB", "response.metadata"};
  // What waits may not fail when its turn comes: a picture is taken, or not, when it is shown.
  for (const auto& item : member(asked, "input"))
    for (const auto& part : member(item, "content"))
      if (!wrong && text_of(part, "type") == "input_image")
        wrong = {"invalid_value", "pictures are shown with conversation.item.create",
                 "response.input"};
  if (wrong) return fail_with(e, *wrong, s);
  if (may_wait) {
    next_create_ = e;
    return;
  }
  if (is_apart) return apart_.push_back(e);
  typed_words instead;
  for (const auto& item : member(asked, "input"))
    if (auto words = words_of(item); !words.empty())
      instead.add(text_of(item, "role", "user"), std::move(words), s.out);
  (member(asked, "input").is_array() ? instead : typed_).ask(s.out);
  muted_until_ms_ = 0;
  give_results(s);
  open_response(asked, s);
  if (!lack_.empty()) return fail_response(s);
  s.out.add(prompt{text_of(asked, "instructions")});
  if (const auto words = std::exchange(held_words_, {}); !words.empty()) say_words(words, s);
  while (!held_.empty() && response_) {
    const auto v = std::move(held_.front());
    held_.pop_front();
    on_voice(v, s);
  }
}

void machine::response_cancel(const json& e, step& s) {
  const auto id = text_of(e, "response_id");
  if (!response_ || (!id.empty() && id != text_of(response_->object, "id")))
    return fail_with(
        e, {"response_cancel_not_active", "Cancellation failed: no active response found", ""}, s);
  cut_response("client_cancelled", s);
  begin_next("client_cancelled", s);
}

/// What sounds is not heard any more, and the response that it is of is over; another one is not.
void machine::output_clear(const json&, step& s) {
  if (settings_.has_track && !playing_) return;
  const bool is_heard =
      response_ && (settings_.has_track ? playing_->response_id == text_of(response_->object, "id")
                                        : response_->has_audio);
  if (is_heard) {
    const auto id = text_of(response_->object, "id");
    cut_response("client_cancelled", s);
    if (!settings_.has_track) s.events.audio_cleared(id);
  }
  cut_track(s);
  if (is_heard) begin_next("client_cancelled", s);
}

/// The response under way ends, for the graph too. What waits for it begins after that (`begin_next`): it
/// is not what was cut off, so that neither the new epoch nor the silence may come behind its begin. Spoken over
/// while it was silent, nothing of it is under way: what the model says next comes when they have spoken.
void machine::cut_response(const char* reason, step& s) {
  was_paused_ = reason == std::string_view("turn_detected") && response_->silent_ms > 0;
  end_response(reason, s);
  s.out.add(interrupt{});
  muted_until_ms_ = was_paused_ ? 0 : s.now_ms + 2'000;
}

/// Its client waits for what it asked for, too: it began, and is over.
void machine::end_waiting(std::optional<json> asked, const char* reason, step& s) {
  if (!asked) return;
  open_response(member(*asked, "response"), s);
  end_response(reason, s);
}

/// Nothing answers any more: what is under way and what waits.
void machine::end_all(step& s) {
  constexpr auto reason = "client_cancelled";
  if (response_) cut_response(reason, s);
  cut_track(s);
  end_waiting(std::exchange(next_create_, std::nullopt), reason, s);
  for (auto& e : std::exchange(apart_, {})) end_waiting(std::move(e), reason, s);
  give_results(s);
  held_.clear();
  held_words_.clear();
}

/// One response is over; `reason` as for `end_response`.
void machine::begin_next(const char* reason, step& s) {
  auto next = std::exchange(next_create_, std::nullopt);
  if (next && reason == nullptr) return response_create(*next, s);
  if (next) give_results(s);  // the person speaks: what was found out is told when the model wants
  end_waiting(std::move(next), reason, s);
  // Those out of band are neither the person's to interrupt nor what a cancel means.
  if (apart_.empty()) return;
  const auto first = std::move(apart_.front());
  apart_.pop_front();
  response_create(first, s);
}

}  // namespace hocket::gateway::realtime
