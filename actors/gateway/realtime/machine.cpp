#include "actors/gateway/realtime/machine.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace hocket::gateway::realtime {
namespace {

constexpr std::size_t most_results = 64;  ///< that wait for response.create

}  // namespace

machine::machine(settings s)
    : settings_(std::move(s)),
      session_(settings_.session_id, settings_.model, settings_.expires_at_s),
      gate_(settings_.sees),
      resume_key_(settings_.resume_key) {
  for (const auto& agreed : settings_.initial)
    (void)session_.update(agreed);  // it was checked then
  detector_.set(session_.turns().detector);
}

std::string machine::next_id(const char* kind) {
  return fmt::format("{}_{}_{}", kind, settings_.session_id, ++id_count_);
}

void machine::fail_with(const json& e, problem p, step& s) {
  s.events.error(p, member(e, "event_id"));
}

void machine::begin(std::int64_t now_ms, output& out) {
  step s(*this, now_ms, out);
  s.events.session_created(session_.object());
  apply_session(s);
}

void machine::join(std::int64_t now_ms, output& out) {
  step s(*this, now_ms, out);
  s.events.session_created(session_.object());
}

machine::handler machine::handler_of(const std::string& type) {
  static const std::map<std::string, handler> handlers = {
      {"session.update", &machine::session_update},
      {"input_audio_buffer.append", &machine::audio_append},
      {"input_audio_buffer.commit", &machine::audio_commit},
      {"input_audio_buffer.clear", &machine::audio_clear},
      {"conversation.item.create", &machine::item_create},
      {"conversation.item.retrieve", &machine::item_retrieve},
      {"conversation.item.truncate", &machine::item_truncate},
      {"conversation.item.delete", &machine::item_delete},
      {"response.create", &machine::response_create},
      {"response.cancel", &machine::response_cancel},
      {"output_audio_buffer.clear", &machine::output_clear},
  };
  const auto found = handlers.find(type);
  return found == handlers.end() ? nullptr : found->second;
}

void machine::receive(std::string_view message, std::int64_t now_ms, output& out) {
  step s(*this, now_ms, out);
  const auto e = parse_object(message);
  if (!e) return fail_with({}, {"invalid_value", e.error().message, ""}, s);
  const auto type = text_of(*e, "type");
  if (const auto handle = handler_of(type)) return (this->*handle)(*e, s);
  fail_with(
      *e,
      {"invalid_value",
       "this event is not known; known are session.update, input_audio_buffer.append, .commit and "
       ".clear, conversation.item.create, .retrieve, .truncate and .delete, response.create and "
       ".cancel, output_audio_buffer.clear",
       "type"},
      s);
}

void machine::session_update(const json& e, step& s) {
  const auto before = session_.object();
  if (auto p = session_.update(member(e, "session"))) return fail_with(e, *p, s);
  const auto& now = session_.object();
  if (before["type"] != now["type"] && session_.is_transcription()) end_all(s);
  s.events.session_updated(now);
  if (before["type"] != now["type"] || before["instructions"] != now["instructions"] ||
      before["tools"] != now["tools"] || before["tool_choice"] != now["tool_choice"] ||
      before["audio"]["input"]["turn_detection"] != now["audio"]["input"]["turn_detection"])
    apply_session(s);
}

/// `tool_choice`: none of them, that one alone, or what there is. Where nothing answers nothing is called.
json machine::offered_tools() const {
  const auto& choice = session_.object()["tool_choice"];
  if (choice == "none" || session_.is_transcription()) return json();
  const auto name = text_of(choice, "name", text_of(member(choice, "function"), "name"));
  if (name.empty()) return session_.tools();
  json out = json::array();
  for (const auto& t : session_.tools())
    if (text_of(t, "name") == name) out.push_back(t);
  return out;
}

/// What planners read. Nothing makes one call a function; that it is to is said to it.
std::string machine::instructions() const {
  const auto& choice = session_.object()["tool_choice"];
  auto out = session_.instructions();
  if (choice != "required" && !choice.is_object()) return out;
  return out + (out.empty() ? "" : "\n") + "Answer by calling one of the functions.";
}

void machine::apply_session(step& s) {
  // Also none any more.
  if (const auto words = instructions(); words != told_instructions_) {
    told_instructions_ = words;
    s.out.add(instruct{told_instructions_});
  }
  const auto tools = offered_tools();
  has_offered_ = has_offered_ || !session_.tools().empty() || tools.is_null();
  if (has_offered_ || s.now_ms > 0) s.out.add(offer_tools{tools});
  detector_.set(session_.turns().detector);
  if (session_.turns().of != turn_detection::kind::none) return;
  detector_.reset();
  user_item_.clear();
}

// --- sound in -------------------------------------------------------------------------------------

void machine::audio_append(const json& e, step& s) {
  const auto& audio = member(e, "audio");
  auto bytes =
      audio.is_string() ? decode_base64(audio.get_ref<const std::string&>()) : std::nullopt;
  if (!bytes) return fail_with(e, {"invalid_value", "audio is base64", "audio"}, s);
  const auto& format = session_.format_in();
  // A client may cut its stream anywhere, in the middle of a sample too.
  bytes->insert(0, odd_byte_);
  odd_byte_.clear();
  if (bytes->size() % format.bytes_per_sample() != 0) {
    odd_byte_ = bytes->back();
    bytes->pop_back();
  }
  const double ms =
      1000.0 * static_cast<double>(bytes->size() / format.bytes_per_sample()) / format.rate_hz;
  auto samples = reader_.read(*bytes, format);
  if (!samples) return fail_with(e, {"invalid_value", samples.error().message, "audio"}, s);
  take_sound(std::move(*samples), ms, s);
}

void machine::hear(std::vector<float> samples, std::int64_t now_ms, output& out) {
  step s(*this, now_ms, out);
  const double ms = 1000.0 * static_cast<double>(samples.size()) / inner_rate_hz;
  take_sound(std::move(samples), ms, s);
}

void machine::take_sound(std::vector<float> samples, double ms, step& s) {
  buffered_ms_ += ms;
  heard_ms_ += ms;
  usage_in_ms_ += ms;
  std::vector<speech_detector::mark> marks;
  if (session_.turns().of != turn_detection::kind::none) marks = detector_.hear(samples);
  if (!samples.empty()) s.out.add(hear_sound{std::move(samples)});
  for (const auto& m : marks) on_mark(m, s);
}

void machine::on_mark(const speech_detector::mark& m, step& s) {
  quiet_since_ms_ = -1;
  if (m.is_start) {
    finish_transcription(s);
    user_item_ = next_id("item");
    s.events.speech_started(user_item_, m.at_ms);
    held_.clear();
    held_words_.clear();
    if (!session_.turns().interrupts_response) return;
    // What nobody hears, out of band and in text, is not spoken over.
    const bool is_over = response_ && (response_->has_audio || !response_->is_apart);
    if (is_over) cut_response("turn_detected", s);
    cut_track(s);
    if (is_over) begin_next("turn_detected", s);
    return;
  }
  if (user_item_.empty()) return;
  s.events.speech_stopped(user_item_, m.at_ms);
  const auto id = std::exchange(user_item_, {});
  was_paused_ = false;
  commit_user_item(id, s);
  release_held(s);
}

void machine::commit_user_item(const std::string& id, step& s) {
  finish_transcription(s);
  typed_.pass_by(s.out);
  const json item = {
      {"id", id},
      {"object", "realtime.item"},
      {"type", "message"},
      {"status", "completed"},
      {"role", "user"},
      {"content", json::array({json{{"type", "input_audio"}, {"transcript", nullptr}}})}};
  s.events.committed(id, items_.last_id());
  const auto previous = items_.add(item);
  s.events.item_added(item, previous);
  s.events.item_done(item, previous);
  if (session_.transcribes()) {
    transcribed_item_ = id;
    transcribe_until_ms_ = s.now_ms + 2'000;
    transcribed_from_ms_ = buffered_ms_;
    if (!transcript_.empty()) s.events.transcription_delta(id, transcript_);
  }
  buffered_ms_ = 0;
}

void machine::audio_commit(const json& e, step& s) {
  if (buffered_ms_ < 100)
    return fail_with(
        e,
        {"input_audio_buffer_commit_empty",
         fmt::format(
             "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
             "audio, but buffer only has {:.2f}ms of audio.",
             buffered_ms_),
         ""},
        s);
  odd_byte_.clear();
  commit_user_item(user_item_.empty() ? next_id("item") : std::exchange(user_item_, {}), s);
}

void machine::audio_clear(const json&, step& s) {
  odd_byte_.clear();
  buffered_ms_ = 0;
  detector_.reset();
  user_item_.clear();
  s.events.cleared();
}

// --- items ----------------------------------------------------------------------------------------

void machine::item_create(const json& e, step& s) {
  std::optional<problem> wrong;
  const auto& original = member(e, "item");
  auto item = read_item(original, next_id("item"), wrong);
  if (wrong) return fail_with(e, *wrong, s);
  const auto id = item["id"].get<std::string>();
  if (items_.find(id) != nullptr)
    return fail_with(
        e,
        {"item_create_duplicate_item_id",
         fmt::format("Error adding item: an item with ID '{}' already exists.", id), "item.id"},
        s);
  const auto& after = member(e, "previous_item_id");
  if (after.is_string() && after != "root" && items_.find(after.get<std::string>()) == nullptr)
    return fail_with(e,
                     {"item_create_invalid_previous_item_id",
                      "Error adding item: the previous item does not exist.", "previous_item_id"},
                     s);
  std::vector<see_picture> shown;
  if (const auto no = take_pictures(original, shown, s)) return fail_with(e, *no, s);
  const auto previous = items_.add(item, after);
  s.events.item_added(item, previous);
  s.events.item_done(item, previous);
  for (auto& p : shown) s.out.add(std::move(p));
  give_on(item, s);
}

/// The pictures of an item, or why one of them is not taken: the item then is not, either.
std::optional<problem> machine::take_pictures(const json& item, std::vector<see_picture>& into,
                                              step& s) {
  if (text_of(item, "type") != "message") return std::nullopt;
  const auto& parts = member(item, "content");  // a list of data: URLs, as read_item has seen
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (text_of(parts[i], "type") != "input_image") continue;
    const auto url = text_of(parts[i], "image_url");
    // What is no base64, or has nothing behind its type, is no picture.
    const auto comma = url.find(',');
    const bool is_base64 = comma != url.npos && url.substr(0, comma).ends_with(";base64");
    auto taken = gate_.take(is_base64 ? std::string_view(url).substr(comma + 1) : "", s.now_ms);
    if (!taken)
      return problem{"invalid_value", taken.error().message,
                     fmt::format("item.content[{}].image_url", i)};
    into.push_back(std::move(*taken));
  }
  return std::nullopt;
}

/// What of an item concerns the model.
void machine::give_on(const json& item, step& s) {
  const auto type = text_of(item, "type");
  if (type == "function_call_output") {
    results_.push_back({text_of(item, "call_id"), text_of(item, "output")});
    results_due_ms_ = s.now_ms + settings_.results_ms;
    if (results_.size() > most_results) give_results(s);
    return;
  }
  if (type != "message") return;
  if (auto words = words_of(item); !words.empty())
    typed_.add(text_of(item, "role"), std::move(words), s.out);
}

void machine::item_retrieve(const json& e, step& s) {
  const auto id = text_of(e, "item_id");
  if (const auto* item = items_.find(id)) return s.events.item_retrieved(*item);
  fail_with(
      e,
      {"item_retrieve_invalid_item_id",
       fmt::format("Error retrieving item: the item with id '{}' does not exist.", id), "item_id"},
      s);
}

void machine::item_truncate(const json& e, step& s) {
  const auto id = text_of(e, "item_id");
  auto* item = items_.find(id);
  if (item == nullptr || text_of(*item, "role") != "assistant")
    return fail_with(
        e,
        {"item_truncate_invalid_item_id",
         fmt::format("Error truncating item: there is no assistant message '{}'.", id), "item_id"},
        s);
  auto heard_ms = static_cast<std::int64_t>(number_of(e, "audio_end_ms", 0, 0, 1e9));
  if (id == last_audio_item_) {
    heard_ms = std::min(heard_ms, last_audio_sent_ms_);
    // Of what was said last; and something else may have been said since.
    if (!response_ || response_->sent_ms == 0) s.out.add(was_heard{heard_ms});
    cut_words(*item, heard_ms);
  }
  s.events.item_truncated(id, static_cast<int>(number_of(e, "content_index", 0, 0, 1000)),
                          heard_ms);
}

void machine::item_delete(const json& e, step& s) {
  const auto id = text_of(e, "item_id");
  if (items_.remove(id)) return s.events.item_deleted(id);
  fail_with(
      e,
      {"item_delete_invalid_item_id",
       fmt::format("Error deleting item: the item with id '{}' does not exist.", id), "item_id"},
      s);
}

// --- time -----------------------------------------------------------------------------------------

void machine::advance(std::int64_t now_ms, output& out) {
  step s(*this, now_ms, out);
  if (!transcribed_item_.empty() && now_ms >= transcribe_until_ms_) finish_transcription(s);
  if (!next_create_ && !results_.empty() && now_ms >= results_due_ms_) give_results(s);
  if (!response_ && !waits_for_turn(now_ms)) release_held(s);
  if (response_) {
    const bool silent_words = !response_->message_id.empty() && response_->sent_ms == 0 &&
                              now_ms - response_->last_ms > 1'000;
    const bool unanswered = response_->outputs == 0 &&
                            now_ms - response_->began_ms > settings_.answer_ms &&
                            now_ms >= patience_until_ms_;
    if (silent_words || unanswered) complete_response(s);
    return;
  }
  const auto idle_ms = session_.turns().idle_timeout_ms;
  if (session_.is_transcription() || idle_ms == 0 || quiet_since_ms_ < 0 ||
      now_ms - quiet_since_ms_ < idle_ms)
    return;
  quiet_since_ms_ = -1;
  const auto id = next_id("item");
  const auto heard = static_cast<std::int64_t>(heard_ms_);
  s.events.timeout_triggered(id, std::max<std::int64_t>(0, heard - idle_ms), heard);
  commit_user_item(id, s);
  open_response(json::object(), s);
  if (!lack_.empty()) return fail_response(s);
  s.out.add(prompt{});
}

void machine::end(std::string_view reason, std::int64_t now_ms, output& out) {
  step s(*this, now_ms, out);
  finish_transcription(s);
  end_all(s);
  out.add(hang_up{1001, std::string(reason)});
}

}  // namespace hocket::gateway::realtime
