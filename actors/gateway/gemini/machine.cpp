#include "actors/gateway/gemini/machine.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "actors/gateway/gemini/protobuf_json.hpp"

namespace hocket::gateway::gemini {
namespace {

constexpr std::size_t most_calls = 64;
constexpr std::size_t most_instructions_bytes = 128 * 1024;

/// `audio/pcm;rate=16000` -> 16000; 0 where the rate is none that we take.
int rate_of(const std::string& mime_type) {
  const auto at = mime_type.find("rate=");
  if (at == mime_type.npos) return 16'000;
  int rate = 0;
  std::from_chars(mime_type.data() + at + 5, mime_type.data() + mime_type.size(), rate);
  return rate >= 8'000 && rate <= 48'000 ? rate : 0;
}

std::string words_of(const json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string out;
  for (const auto& part : member(content, "parts")) out += text_of(part, "text");
  return out;
}

json functions_of(const json& tools) {
  json out = json::array();
  if (!tools.is_array()) return out;
  for (const auto& tool : tools)
    for (const auto& f : member(tool, "functionDeclarations")) {
      if (text_of(f, "name").empty() || out.size() >= 128) continue;
      const auto& schema = member(f, "parametersJsonSchema");
      out.push_back({{"name", text_of(f, "name")},
                     {"description", text_of(f, "description")},
                     {"parameters", schema.is_null() ? member(f, "parameters") : schema}});
    }
  return out;
}

bool is_true(const json& in, std::string_view key) { return member(in, key) == true; }

}  // namespace

void machine::give_up(int code, const std::string& why, step& s) {
  closed_ = true;
  s.out.add(hang_up{code, why});
}

void machine::receive(std::string_view message, std::int64_t now_ms, output& out) {
  step s{now_ms, out};
  if (closed_) return;
  const auto read = parse_object(message);
  if (!read) return give_up(1007, read.error().message, s);
  const auto e = in_camel_case(*read);
  if (!is_set_up_) {
    const auto& asked = member(e, "setup");
    return asked.is_object() ? setup(asked, s) : give_up(1007, "the first message is setup", s);
  }
  if (e.contains("realtimeInput")) return realtime_input(e["realtimeInput"], s);
  if (e.contains("clientContent")) return client_content(e["clientContent"], s);
  if (e.contains("toolResponse")) return tool_response(e["toolResponse"], s);
  if (e.contains("setup")) return give_up(1007, "setup comes once", s);
  give_up(1007, "known are setup, realtimeInput, clientContent and toolResponse", s);
}

void machine::setup(const json& asked, step& s) {
  const auto instructions = words_of(member(asked, "systemInstruction"));
  if (instructions.size() > most_instructions_bytes)
    return give_up(1007, "systemInstruction is longer than 128 KiB", s);
  if (const auto handle = text_of(member(asked, "sessionResumption"), "handle"); !handle.empty())
    return s.out.add(go_on_with{handle});
  set_up(asked, s);
  take_offer(asked, s);
}

void machine::take_offer(const json& asked, step& s) {
  if (auto words = words_of(member(asked, "systemInstruction")); !words.empty())
    s.out.add(instruct{std::move(words)});
  auto functions = functions_of(member(asked, "tools"));
  const bool has_any = !functions.empty();
  if (has_any || has_offered_) s.out.add(offer_tools{std::move(functions)});
  has_offered_ = has_any;
}

void machine::set_up(const json& asked, step& s) {
  read_setup(asked);
  is_set_up_ = true;
  can_resume_ = member(asked, "sessionResumption").is_object() && !settings_.resume_key.empty();
  send({{"setupComplete", json::object()}}, s);
  if (member(asked, "sessionResumption").is_object())
    send({{"sessionResumptionUpdate",
           {{"newHandle", resume_key()}, {"resumable", !resume_key().empty()}}}},
         s);
}

void machine::read_setup(const json& asked) {
  const auto& modalities = member(member(asked, "generationConfig"), "responseModalities");
  for (const auto& m : modalities)
    if (m == "TEXT") has_audio_ = false;
  tells_heard_ = member(asked, "inputAudioTranscription").is_object();
  tells_said_ = member(asked, "outputAudioTranscription").is_object();
  const auto& input = member(asked, "realtimeInputConfig");
  const auto& detection = member(input, "automaticActivityDetection");
  detects_ = !is_true(detection, "disabled");
  interrupts_ = text_of(input, "activityHandling") != "NO_INTERRUPTION";
  speech_detector::settings d;
  d.silence_ms = static_cast<int>(number_of(detection, "silenceDurationMs", 500, 60, 10'000));
  d.prefix_ms = static_cast<int>(number_of(detection, "prefixPaddingMs", 300, 0, 5'000));
  detector_.set(d);
}

std::string machine::resume_key() const {
  return is_set_up_ && can_resume_ && !closed_ ? settings_.resume_key : std::string();
}

/// What was said while nobody listened was not heard: the turn that was under way ends.
void machine::resume(std::string_view message, const next_line&, std::int64_t now_ms, output& out) {
  if (closed_) return;
  step s{now_ms, out};
  const auto read = parse_object(message);
  if (!read) return;
  const auto e = in_camel_case(*read);
  in_activity_ = false;
  held_.clear();
  held_words_.clear();
  const auto& asked = member(e, "setup");
  set_up(asked, s);
  if (words_of(member(asked, "systemInstruction")).size() <= most_instructions_bytes)
    take_offer(asked, s);
  if (turn_) close_turn(true, s);
}

// --- what the client sends ------------------------------------------------------------------------

void machine::realtime_input(const json& in, step& s) {
  for (const char* key : {"audio", "video"})
    if (!closed_ && member(in, key).is_object()) blob(in[key], s);
  for (const auto& chunk : member(in, "mediaChunks"))
    if (!closed_) blob(chunk, s);
  if (const auto words = text_of(in, "text"); !closed_ && !words.empty())
    s.out.add(hear_text{"user", words});
  if (!closed_ && in.is_object() && in.contains("activityStart")) activity(true, s);
  if (!closed_ && in.is_object() && in.contains("activityEnd")) activity(false, s);
}

void machine::blob(const json& in, step& s) {
  const auto mime_type = text_of(in, "mimeType");
  const auto& data = member(in, "data");
  if (mime_type.starts_with("image/")) {
    auto taken = gate_.take(data.is_string() ? data.get_ref<const std::string&>() : "", s.now_ms);
    return taken ? s.out.add(std::move(*taken)) : give_up(1007, taken.error().message, s);
  }
  const auto bytes = decode_base64(text_of(in, "data"));
  if (!bytes) return give_up(1007, "data is base64", s);
  if (mime_type.rfind("audio/pcm", 0) != 0)
    return give_up(1007, "sound is audio/pcm;rate=N, pictures are image/…", s);
  sound(*bytes, mime_type, s);
}

void machine::sound(const std::string& bytes, const std::string& mime_type, step& s) {
  const int rate_hz = rate_of(mime_type);
  if (rate_hz == 0) return give_up(1007, "the rate of sound is 8000 to 48000", s);
  const sound_format format{sound_format::coding::pcm16, rate_hz};
  auto samples = reader_.read(std::string_view(bytes).substr(0, bytes.size() / 2 * 2), format);
  if (!samples) return give_up(1007, samples.error().message, s);
  heard_ms_ += 1000.0 * static_cast<double>(bytes.size() / 2) / rate_hz;
  std::vector<speech_detector::mark> marks;
  if (detects_) marks = detector_.hear(*samples);
  if (!samples->empty()) s.out.add(hear_sound{std::move(*samples)});
  for (const auto& m : marks) {
    if (!m.is_start) {
      if (std::exchange(was_paused_, false)) release_held(s);
      continue;
    }
    typed_.pass_by(s.out);
    if (interrupts_) cut(s);
  }
}

/// Marks of a client that finds turns itself: what the model says meanwhile waits.
void machine::activity(bool begins, step& s) {
  if (detects_) return;
  in_activity_ = begins;
  if (begins) {
    typed_.pass_by(s.out);
    held_.clear();
    held_words_.clear();
    if (interrupts_) cut(s);
    return;
  }
  muted_until_ms_ = 0;
  release_held(s);
  if (!turn_) s.out.add(prompt{});
}

void machine::release_held(step& s) {
  const auto held = std::exchange(held_, {});
  for (const auto& v : held) on_voice(v, s);
}

void machine::client_content(const json& in, step& s) {
  const bool complete = is_true(in, "turnComplete");
  if (complete) cut(s);
  for (const auto& turn : member(in, "turns")) {
    if (auto words = words_of(turn); !words.empty())
      typed_.add(text_of(turn, "role", "user") == "model" ? "assistant" : "user", std::move(words),
                 s.out);
    for (const auto& part : member(turn, "parts"))
      if (!closed_ && member(part, "inlineData").is_object()) blob(part["inlineData"], s);
  }
  if (!complete || closed_) return;
  muted_until_ms_ = 0;
  typed_.ask(s.out);
  open_turn(s);
  s.out.add(prompt{});
}

void machine::tool_response(const json& in, step& s) {
  for (const auto& r : member(in, "functionResponses")) {
    const auto id = text_of(r, "id");
    if (calls_.erase(id) > 0) s.out.add(tool_result{id, line_of(member(r, "response"))});
  }
}

// --- what the graph tells -------------------------------------------------------------------------

void machine::on_graph(const graph_event& e, std::int64_t now_ms, output& out) {
  if (!is_set_up_ || closed_) return;
  step s{now_ms, out};
  if (const auto* v = std::get_if<voice>(&e)) on_voice(*v, s);
  if (const auto* w = std::get_if<said>(&e)) on_said(*w, s);
  if (const auto* h = std::get_if<heard>(&e); h != nullptr && tells_heard_ && !h->text.empty())
    content({{"inputTranscription", {{"text", h->text}}}}, s);
  if (const auto* c = std::get_if<tool_call>(&e); c != nullptr && calls_.size() < most_calls) {
    calls_[c->call_id] = true;
    const json call = {{"id", c->call_id},
                       {"name", c->name},
                       {"args", c->arguments.is_object() ? c->arguments : json::object()}};
    send({{"toolCall", {{"functionCalls", json::array({call})}}}}, s);
  }
  if (const auto* c = std::get_if<tool_call_cancelled>(&e);
      c != nullptr && calls_.erase(c->call_id) > 0)
    send({{"toolCallCancellation", {{"ids", json::array({c->call_id})}}}}, s);
  if (std::get_if<delegated>(&e) != nullptr) patience_until_ms_ = now_ms + settings_.work_ms;
  if (std::get_if<found_out>(&e) != nullptr) patience_until_ms_ = now_ms + settings_.told_ms;
  if (const auto* u = std::get_if<unseen_picture>(&e)) return give_up(1007, u->why, s);
  if (std::get_if<all_forgotten>(&e) != nullptr && std::exchange(can_resume_, false))
    send({{"sessionResumptionUpdate", {{"newHandle", ""}, {"resumable", false}}}}, s);
  // No message of this protocol says more than that; who has a handle goes on with it.
  if (const auto* m = std::get_if<model_state>(&e); m != nullptr && !m->is_there) {
    if (turn_) close_turn(true, s);
    send({{"goAway", {{"timeLeft", fmt::format("{}s", m->ends_in_ms / 1000)}}}}, s);
  }
  if (const auto* l = std::get_if<ending>(&e))
    send({{"goAway", {{"timeLeft", fmt::format("{}s", l->in_ms / 1000)}}}}, s);
}

void machine::open_turn(step& s) {
  if (turn_) return;
  turn_.emplace();
  turn_->began_ms = turn_->last_ms = s.now_ms;
}

void machine::on_voice(const voice& v, step& s) {
  if (s.now_ms < muted_until_ms_) {
    if (v.is_open) return;
    muted_until_ms_ = 0;
  }
  if (holds()) {
    if (!v.is_open && held_.empty()) return;
    held_.push_back(v);
    std::int64_t all_ms = 0;
    for (const auto& h : held_)
      all_ms += static_cast<std::int64_t>(h.samples.size()) * 1000 / inner_rate_hz;
    if (all_ms > settings_.held_ms) held_.pop_front();
    return;
  }
  if (v.is_open) {
    open_turn(s);
    turn_->silent_ms = 0;
    turn_->spoke = true;
    return say(v, s);
  }
  if (!turn_ || !turn_->spoke) return;
  turn_->silent_ms += static_cast<std::int64_t>(v.samples.size()) * 1000 / inner_rate_hz;
  if (turn_->silent_ms >= settings_.silent_turns * settings_.micro_turn_ms &&
      s.now_ms >= patience_until_ms_)
    return close_turn(false, s);
  say(v, s);
}

void machine::say(const voice& v, step& s) {
  if (const auto words = std::exchange(held_words_, {}); !words.empty())
    on_said({words, v.start_ms, v.start_ms}, s);
  turn_->last_ms = s.now_ms;
  if (!has_audio_ || v.samples.empty()) return;
  const auto bytes = writer_.write(v.samples, {sound_format::coding::pcm16, 24'000});
  if (!bytes || bytes->empty()) return;
  turn_->sent_ms += static_cast<std::int64_t>(v.samples.size()) * 1000 / inner_rate_hz;
  const json blob = {{"mimeType", "audio/pcm;rate=24000"}, {"data", encode_base64(*bytes)}};
  content(
      {{"modelTurn", {{"role", "model"}, {"parts", json::array({json{{"inlineData", blob}}})}}}},
      s);
}

void machine::on_said(const said& w, step& s) {
  if (w.text.empty() || s.now_ms < muted_until_ms_) return;
  if (!has_audio_ && !holds()) open_turn(s);
  if (!turn_ || holds() || (has_audio_ && !turn_->spoke)) {  // words a moment before their voice
    held_words_ += w.text;
    if (held_words_.size() > 4096) held_words_.erase(0, held_words_.size() - 4096);
    return;
  }
  turn_->spoke = true;
  turn_->last_ms = s.now_ms;
  turn_->word_bytes += w.text.size();
  if (!has_audio_)
    content({{"modelTurn", {{"role", "model"}, {"parts", json::array({json{{"text", w.text}}})}}}},
            s);
  else if (tells_said_)
    content({{"outputTranscription", {{"text", w.text}}}}, s);
}

void machine::close_turn(bool interrupted, step& s) {
  content({{interrupted ? "interrupted" : "generationComplete", true}}, s);
  const auto in = static_cast<std::int64_t>(heard_ms_ / 40);  // 25 tokens for a second of sound
  const auto out = turn_->sent_ms / 40 + static_cast<std::int64_t>(turn_->word_bytes + 3) / 4;
  send({{"serverContent", {{"turnComplete", true}}},
        {"usageMetadata",
         {{"promptTokenCount", in}, {"responseTokenCount", out}, {"totalTokenCount", in + out}}}},
       s);
  turn_.reset();
  held_words_.clear();
}

/// The person speaks over it: nothing of this turn follows.
void machine::cut(step& s) {
  if (!turn_) return;
  was_paused_ = turn_->silent_ms > 0;  // nothing is under way that they should not hear
  close_turn(true, s);
  muted_until_ms_ = was_paused_ ? 0 : s.now_ms + 2'000;
  s.out.add(interrupt{});
}

void machine::advance(std::int64_t now_ms, output& out) {
  if (!turn_ || closed_) return;
  step s{now_ms, out};
  const bool words_are_over =
      turn_->spoke && turn_->sent_ms == 0 && now_ms - turn_->last_ms > 1'000;
  const bool unanswered = !turn_->spoke && now_ms - turn_->began_ms > settings_.answer_ms &&
                          now_ms >= patience_until_ms_;
  if (words_are_over || unanswered) close_turn(false, s);
}

void machine::end(std::string_view reason, std::int64_t now_ms, output& out) {
  if (closed_) return;
  step s{now_ms, out};
  if (is_set_up_) {
    if (turn_) close_turn(true, s);
    send({{"goAway", {{"timeLeft", "0s"}}}}, s);
  }
  closed_ = true;
  s.out.add(hang_up{1001, std::string(reason)});
}

}  // namespace hocket::gateway::gemini
