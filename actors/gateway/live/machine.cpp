#include "actors/gateway/live/machine.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace hocket::gateway::live {
namespace {

constexpr std::size_t most_note_bytes = 4'000;  // the protocol says 500 tokens
constexpr const char* served =
    "known are session.start, .update and .close, session.input_audio.append, .mute and .unmute, "
    "session.instructions.append, session.thinking.append, session.commentary.append, "
    "response.item.create and response.create";

}  // namespace

void machine::send(const char* type, json fields, step& s, const json& answers) {
  fields["type"] = type;
  fields["event_id"] = fmt::format("event_{}", ++event_count_);
  if (const auto id = text_of(answers, "event_id"); !id.empty()) fields["client_event_id"] = id;
  s.out.messages.push_back(line_of(fields));
}

void machine::fail_with(const json& e, const problem& p, step& s) {
  const auto id = text_of(e, "event_id");
  send("error",
       {{"error",
         {{"type", "invalid_request_error"},
          {"code", p.code},
          {"message", p.message},
          {"param", p.param.empty() ? json() : json(p.param)},
          {"client_event_id", id.empty() ? json() : json(id)}}}},
       s, e);
}

void machine::tell_lack(const char* code, std::string message, step& s) {
  send("error",
       {{"error",
         {{"type", "server_error"},
          {"code", code},
          {"message", std::move(message)},
          {"param", nullptr},
          {"client_event_id", nullptr}}}},
       s);
}

machine::handler machine::handler_of(const std::string& type) {
  static const std::map<std::string, handler> handlers = {
      {"session.update", &machine::session_update},
      {"session.close", &machine::session_close},
      {"session.input_audio.append", &machine::audio_append},
      {"session.input_audio.mute", &machine::audio_mute},
      {"session.input_audio.unmute", &machine::audio_unmute},
      {"session.instructions.append", &machine::append_note},
      {"session.thinking.append", &machine::append_note},
      {"session.commentary.append", &machine::append_note},
      {"response.item.create", &machine::item_create},
      {"response.create", &machine::response_create},
  };
  const auto found = handlers.find(type);
  return found == handlers.end() ? nullptr : found->second;
}

/// A call: what its client wants was said when it was set up.
void machine::begin(std::int64_t now_ms, output& out) {
  if (!settings_.session.is_object()) return;
  step s{now_ms, out};
  if (const auto p = start(settings_.session, json(), s)) fail_with({}, *p, s);
}

void machine::join(std::int64_t now_ms, output& out) {
  step s{now_ms, out};
  if (session_) send("session.started", {{"session", *session_}}, s);
}

void machine::receive(std::string_view message, std::int64_t now_ms, output& out) {
  step s{now_ms, out};
  if (closed_) return;
  const auto e = parse_object(message);
  if (!e) return fail_with({}, {"invalid_json", e.error().message, ""}, s);
  const auto type = text_of(*e, "type");
  if (!session_) {
    if (type == "session.start") return session_start(*e, s);
    return fail_with(*e, {"session_not_started", "the first event is session.start", "type"}, s);
  }
  if (type == "session.start")
    return fail_with(*e, {"session_already_started", "the session has started", "type"}, s);
  if (const auto handle = handler_of(type)) return (this->*handle)(*e, s);
  fail_with(*e, {"unknown_event", std::string("this event is not served; ") + served, "type"}, s);
}

// --- session --------------------------------------------------------------------------------------

void machine::session_start(const json& e, step& s) {
  if (const auto p = start(member(e, "session"), e, s)) fail_with(e, *p, s);
}

std::optional<problem> machine::start(const json& asked, const json& client_event, step& s) {
  agreed read;
  if (auto p = read_session(asked, settings_.has_track, read)) return p;
  session_ = std::move(read.session);
  (*session_)["id"] = settings_.session_id;
  (*session_)["expires_at"] = settings_.expires_at_s;
  format_ = read.format;
  started_ms_ = usage_told_ms_ = s.now_ms;
  send("session.started", {{"session", *session_}}, s, client_event);
  if (const auto words = text_of(*session_, "instructions"); !words.empty())
    s.out.add(instruct{words});
  announce_tools(s);
  for (auto& [role, words] : read.history) s.out.add(hear_text{role, std::move(words)});
  return std::nullopt;
}

void machine::announce_tools(step& s) {
  const auto& delegation = member(*session_, "delegation");
  s.out.add(take_delegations{text_of(delegation, "type") == "client"});
  json functions = json::array();
  for (const auto& tool : member(member(delegation, "responses"), "tools"))
    if (text_of(tool, "type", "function") == "function" && !text_of(tool, "name").empty())
      functions.push_back(tool);
  if (!functions.empty()) s.out.add(offer_tools{std::move(functions)});
}

void machine::session_update(const json& e, step& s) {
  const auto& asked = member(member(e, "session"), "delegation");
  const auto now = text_of(member(*session_, "delegation"), "type");
  if (!asked.is_null() && text_of(asked, "type", now) != now)
    return fail_with(
        e, {"invalid_value", "the kind of delegation stays", "session.delegation.type"}, s);
  if (asked.is_object()) {
    auto merged = member(*session_, "delegation");
    merged.merge_patch(asked);
    if (size_of(merged) > most_session_bytes)
      return fail_with(e, {"invalid_value", "the session is larger than 512 KiB", "session"}, s);
    if (auto p = check_delegation(merged)) return fail_with(e, *p, s);
    (*session_)["delegation"] = std::move(merged);
    announce_tools(s);
  }
  send("session.updated", {{"session", *session_}}, s, e);
}

json machine::usage(std::int64_t now_ms) const {
  return {{"seconds", static_cast<double>((now_ms - started_ms_) / 1000)}};
}

void machine::session_close(const json& e, step& s) { close("close_requested", e, s); }

void machine::close(const char* reason, const json& client_event, step& s) {
  if (std::exchange(closed_, true)) return;
  if (session_) {
    tell_words(s);
    send("session.usage.updated", {{"usage", usage(s.now_ms)}}, s);
    send("session.closed", {{"reason", reason}, {"session", *session_}, {"usage", usage(s.now_ms)}},
         s, client_event);
  }
  s.out.add(hang_up{1000, reason});
}

void machine::end(std::string_view reason, std::int64_t now_ms, output& out) {
  step s{now_ms, out};
  close(reason == "expired" ? "expired" : "remote_hangup", json(), s);
}

void machine::break_off(std::string_view why, int code, std::int64_t now_ms, output& out) {
  if (closed_) return;
  step s{now_ms, out};
  tell_lack("model_unavailable", std::string(why), s);
  protocol::break_off(why, code, now_ms, out);
}

void machine::let_go(std::string_view reason, std::int64_t now_ms, output& out) {
  step s{now_ms, out};
  tell_lack("connection_ended", std::string(reason), s);
}

/// A new connection knows nothing: it is told the session, under the name that it has from now on. What was on its
/// way to the call before was not heard; the voice itself goes on.
void machine::resume(std::string_view, const next_line& by, std::int64_t now_ms, output& out) {
  if (!session_ || closed_) return;
  step s{now_ms, out};
  resume_key_ = by.resume_key;
  (*session_)["id"] = by.resume_key;
  odd_byte_.clear();
  reader_ = sound_reader(inner_rate_hz);
  writer_ = sound_writer(inner_rate_hz);
  send("session.started", {{"session", *session_}}, s);
  if (muted_) send("session.input_audio.muted", json::object(), s);
  if (!lack_.empty()) tell_lack("model_unavailable", lack_, s);
}

void machine::advance(std::int64_t now_ms, output& out) {
  if (!session_ || closed_ || now_ms - usage_told_ms_ < settings_.usage_every_ms) return;
  step s{now_ms, out};
  usage_told_ms_ = now_ms;
  send("session.usage.updated", {{"usage", usage(now_ms)}}, s);
}

// --- what the client sends ------------------------------------------------------------------------

void machine::hear(std::vector<float> samples, std::int64_t, output& out) {
  if (!session_ || closed_ || samples.empty()) return;
  if (muted_) std::fill(samples.begin(), samples.end(), 0.0f);
  out.add(hear_sound{std::move(samples)});
}

void machine::audio_append(const json& e, step& s) {
  if (settings_.has_track)
    return fail_with(e, {"invalid_value", "the sound of a call comes over its track", "type"}, s);
  const auto& audio = member(e, "audio");
  auto bytes =
      audio.is_string() ? decode_base64(audio.get_ref<const std::string&>()) : std::nullopt;
  if (!bytes) return fail_with(e, {"invalid_value", "audio is base64", "audio"}, s);
  bytes->insert(0, odd_byte_);
  odd_byte_.clear();
  if (bytes->size() % format_.bytes_per_sample() != 0) {
    odd_byte_ = bytes->back();
    bytes->pop_back();
  }
  auto samples = reader_.read(*bytes, format_);
  if (!samples) return fail_with(e, {"invalid_value", samples.error().message, "audio"}, s);
  if (muted_) std::fill(samples->begin(), samples->end(), 0.0f);
  if (!samples->empty()) s.out.add(hear_sound{std::move(*samples)});
}

void machine::audio_mute(const json& e, step& s) {
  muted_ = true;
  send("session.input_audio.muted", json::object(), s, e);
}

void machine::audio_unmute(const json& e, step& s) {
  muted_ = false;
  send("session.input_audio.unmuted", json::object(), s, e);
}

void machine::append_note(const json& e, step& s) {
  const auto type = text_of(e, "type");
  const auto content = text_of(e, "content");
  if (content.empty() || content.size() > most_note_bytes)
    return fail_with(e, {"invalid_value", "content is a text of at most 500 tokens", "content"}, s);
  if (type == "session.instructions.append") {
    s.out.add(hear_text{"system", content});
    return send("session.instructions.appended", {{"start_ms", out_ms_}, {"end_ms", out_ms_}}, s,
                e);
  }
  const bool spoken = type == "session.commentary.append";
  s.out.add(delegation_note{text_of(e, "delegation_id"), content, spoken});
  send(spoken ? "session.commentary.appended" : "session.thinking.appended",
       {{"start_ms", out_ms_}, {"end_ms", out_ms_}}, s, e);
}

void machine::item_create(const json& e, step& s) {
  const auto& item = member(e, "item");
  const auto type = text_of(item, "type", "message");
  if (type == "function_call_output") {
    const auto& out = member(item, "output");
    s.out.add(tool_result{text_of(item, "call_id"),
                          out.is_string() ? out.get<std::string>() : line_of(out)});
    return;
  }
  std::string words = text_of(item, "content");
  for (const auto& part : member(item, "content"))
    if (part.is_object()) words += text_of(part, "text");
  if (type != "message" || words.empty())
    return fail_with(
        e, {"invalid_value", "items are message and function_call_output", "item.type"}, s);
  s.out.add(hear_text{text_of(item, "role", "user"), std::move(words)});
}

// The background goes on with the results as soon as it has them.
void machine::response_create(const json&, step&) {}

// --- what the graph tells -------------------------------------------------------------------------

void machine::on_graph(const graph_event& e, std::int64_t now_ms, output& out) {
  if (!session_ || closed_) return;
  step s{now_ms, out};
  if (const auto* v = std::get_if<voice>(&e)) on_voice(*v, s);
  if (const auto* w = std::get_if<said>(&e); w != nullptr && !w->text.empty()) on_said(*w, s);
  if (const auto* h = std::get_if<heard>(&e); h != nullptr && !h->text.empty())
    send("session.input_transcript.delta",
         {{"delta", h->text}, {"start_ms", h->start_ms}, {"end_ms", h->end_ms}}, s);
  if (const auto* d = std::get_if<delegated>(&e)) on_delegated(*d, s);
  if (const auto* c = std::get_if<tool_call>(&e)) on_tool_call(*c, s);
  if (const auto* m = std::get_if<model_state>(&e)) on_model(*m, s);
  if (std::get_if<all_forgotten>(&e) != nullptr) resume_key_.clear();  // nobody goes on
}

void machine::on_model(const model_state& m, step& s) {
  lack_ = m.is_there ? std::string() : lack_in_words(m);
  if (!m.is_there) tell_lack("model_unavailable", lack_, s);
}

/// A word comes after the sound that it begins in: clients that take a voice apart by its energy put a word that
/// comes before into a message of its own.
void machine::on_said(const said& w, step& s) {
  constexpr std::size_t most_words = 64;  // a model that says words without a voice
  words_.push_back(w);
  if (settings_.has_track || w.start_ms < out_ms_ || words_.size() > most_words) tell_words(s);
}

void machine::tell_words(step& s) {
  for (const auto& w : std::exchange(words_, {}))
    send("session.output_transcript.delta",
         {{"delta", w.text}, {"start_ms", w.start_ms}, {"end_ms", w.end_ms}}, s);
}

void machine::on_voice(const voice& v, step& s) {
  const auto length_ms = static_cast<std::int64_t>(v.samples.size()) * 1000 / inner_rate_hz;
  if (length_ms == 0) return;
  if (settings_.has_track) {  // where nothing is said its sender makes the silence
    out_ms_ += length_ms;
    if (v.is_open) s.out.add(play_sound{v.samples});
    return;
  }
  // A noise floor in what should be silence would look like endless speech to clients.
  const auto bytes = v.is_open ? writer_.write(v.samples, format_)
                               : writer_.write(std::vector<float>(v.samples.size()), format_);
  if (!bytes) return;
  const auto from_ms = std::exchange(out_ms_, out_ms_ + length_ms);
  s.out.messages.push_back(fmt::format(
      R"({{"type":"session.output_audio.delta","start_ms":{},"end_ms":{},"delta":"{}"}})", from_ms,
      out_ms_, encode_base64(*bytes)));
  tell_words(s);
}

void machine::on_delegated(const delegated& d, step& s) {
  const auto target = text_of(member(*session_, "delegation"), "type");
  if (target.empty()) return;  // the graph's own background works on it, unseen
  delegation_id_ = d.id;
  json delegation = {{"id", d.id},
                     {"type", "delegation"},
                     {"target", target},
                     {"task", d.task},
                     {"transcript_span", {{"start_ms", d.from_ms}, {"end_ms", d.to_ms}}}};
  if (target == "responses")
    delegation["response_id"] = fmt::format("resp_{}", response_count_ + 1);
  send("session.delegation.created",
       {{"delegation", std::move(delegation)}, {"offset_ms", d.offset_ms}}, s);
}

void machine::response_event(const json& event, step& s) {
  send(
      "response.event",
      {{"delegation_id", delegation_id_.empty() ? json() : json(delegation_id_)}, {"event", event}},
      s);
}

/// Each call as a response of the Responses API of its own.
void machine::on_tool_call(const tool_call& c, step& s) {
  const auto id = fmt::format("resp_{}", ++response_count_);
  const auto response = [&](const char* status) {
    return json{{"id", id}, {"object", "response"}, {"status", status}, {"output", json::array()}};
  };
  const json item = {
      {"id", "fc_" + c.call_id},
      {"type", "function_call"},
      {"status", "completed"},
      {"call_id", c.call_id},
      {"name", c.name},
      {"arguments", line_of(c.arguments.is_object() ? c.arguments : json::object())}};
  int n = 0;
  response_event({{"type", "response.created"},
                  {"sequence_number", n++},
                  {"response", response("in_progress")}},
                 s);
  response_event({{"type", "response.output_item.done"},
                  {"sequence_number", n++},
                  {"output_index", 0},
                  {"item", item}},
                 s);
  response_event({{"type", "response.completed"},
                  {"sequence_number", n++},
                  {"response", response("completed")}},
                 s);
}

}  // namespace hocket::gateway::live
