#include "actors/gateway/own/machine.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace hocket::gateway::own {
namespace {

constexpr std::size_t most_text_bytes = 16'000;
constexpr std::size_t most_tools_bytes = 256 * 1024;
constexpr const char* served =
    "known are start, sound, text, picture, interrupt, mute, tools, tool.result, graph, ping, "
    "seen, settings, forget and end";
constexpr std::size_t most_key_bytes = 256, most_settings_bytes = 4096;

}  // namespace

void machine::number(const char* type, json& fields, const step& s) {
  fields["type"] = type;
  fields["seq"] = ++seq_;
  fields["at_ms"] = s.now_ms;
}

void machine::send(const char* type, json fields, keep how, step& s) {
  number(type, fields, s);
  auto text = line_of(fields);
  if (how == keep::yes) keep_event({seq_, text, {}});
  s.out.messages.push_back(std::move(text));
}

void machine::complain(const char* code, std::string message, const json& about, step& s) {
  const auto& id = member(about, "id");
  send("error",
       {{"code", code},
        {"message", std::move(message)},
        {"answers", id.is_string() || id.is_number_integer() ? id : json()}},
       keep::no, s);
}

machine::handler machine::handler_of(const std::string& type) {
  static const std::map<std::string, handler> handlers = {
      {"sound", &machine::sound},
      {"text", &machine::text},
      {"picture", &machine::picture},
      {"interrupt", &machine::interrupt_now},
      {"mute", &machine::mute},
      {"tools", &machine::tools},
      {"tool.result", &machine::tool_answer},
      {"graph", &machine::graph},
      {"ping", &machine::ping},
      {"seen", &machine::seen},
      {"forget", &machine::forget_all},
      {"settings", &machine::grown_up},
      {"end", &machine::hang_up_now},
  };
  const auto found = handlers.find(type);
  return found == handlers.end() ? nullptr : found->second;
}

void machine::receive(std::string_view message, std::int64_t now_ms, output& out) {
  if (over_) return;
  step s{now_ms, out};
  const auto e = parse_object(message);
  if (!e) return complain("bad_json", e.error().message, json(), s);
  const auto type = text_of(*e, "type");
  if (!started_) {
    if (type == "start") return start(*e, s);
    return complain("not_started", "the first event is start", *e, s);
  }
  if (type == "start") return complain("already_started", "the session has started", *e, s);
  if (const auto handle = handler_of(type)) return (this->*handle)(*e, s);
  complain("unknown_event", served, *e, s);
}

// --- beginning and end ----------------------------------------------------------------------------

bool machine::read_start(const json& e, step& s) {
  const auto& rate = member(member(e, "sound"), "rate_hz");
  if (!rate.is_null() && (!rate.is_number_integer() || rate < 8'000 || rate > 48'000)) {
    complain("bad_value", "sound.rate_hz is a whole number from 8000 to 48000", e, s);
    return false;
  }
  if (rate.is_number_integer()) format_.rate_hz = rate.get<int>();
  return true;
}

void machine::hello(bool resumed, std::uint64_t lost_to, step& s) {
  send("hello",
       {{"protocol", 1},
        {"session", settings_.session_id},
        {"resume", resume_key().empty() ? json() : json(resume_key())},
        {"resumed", resumed},
        {"lost_to", lost_to > 0 ? json(lost_to) : json()},
        {"micro_turn_ms", 200},
        {"sound", {{"rate_hz", format_.rate_hz}}},
        {"sees", gate_.sees()},
        {"limits",
         {{"session_ms", settings_.session_ms},
          {"idle_ms", settings_.idle_ms},
          {"resume_ms", settings_.resume_ms}}}},
       keep::no, s);
}

void machine::start(const json& e, step& s) {
  const auto key = text_of(member(e, "resume"), "key");
  if (!key.empty()) return s.out.add(go_on_with{key});
  if (!read_start(e, s)) return;
  started_ = true;
  hello(false, 0, s);
  if (const auto words = text_of(e, "instructions"); !words.empty()) s.out.add(instruct{words});
  if (!member(e, "tools").is_null()) tools(e, s);
}

/// The client may begin a new one at the same connection.
void machine::cannot_resume(std::int64_t now_ms, output& out) {
  step s{now_ms, out};
  complain("cannot_resume", "there is no such session to go on with; start a new one", json(), s);
}

void machine::break_off(std::string_view why, int code, std::int64_t now_ms, output& out) {
  if (over_) return;
  step s{now_ms, out};
  complain("model_unavailable", std::string(why), json(), s);
  protocol::break_off(why, code, now_ms, out);
}

void machine::bye(std::string_view reason, step& s) {
  if (std::exchange(over_, true)) return;
  if (started_) send("bye", {{"reason", reason}}, keep::no, s);
  kept_.clear();
  s.out.add(hang_up{1000, std::string(reason)});
}

void machine::end(std::string_view reason, std::int64_t now_ms, output& out) {
  step s{now_ms, out};
  bye(reason, s);
}

void machine::forget_all(const json&, step& s) {
  forgotten_ = true;
  s.out.add(forget{});
  bye("forgotten", s);
}

// The key is in this event alone: it goes to nobody but who compares it, and nothing of it comes back.
void machine::grown_up(const json& e, step& s) {
  auto key = text_of(e, "key");
  const auto& set = member(e, "set");
  if (key.empty() || key.size() > most_key_bytes || !(set.is_null() || set.is_object()) ||
      size_of(set) > most_settings_bytes)
    return complain("bad_value", "settings has key, and set is an object where it is there", e, s);
  s.out.add(show_settings{std::move(key), set.is_object() ? set : json::object()});
}

void machine::told(const settings_told& t, step& s) {
  if (!t.problem.empty()) return complain(t.problem.c_str(), t.why, json(), s);
  send("settings", {{"settings", t.settings}, {"may", t.may}}, keep::no, s);
}

void machine::hang_up_now(const json&, step& s) { bye("asked", s); }

// --- what the client sends ------------------------------------------------------------------------

void machine::sound(const json& e, step& s) {
  const auto& audio = member(e, "audio");
  auto bytes =
      audio.is_string() ? decode_base64(audio.get_ref<const std::string&>()) : std::nullopt;
  if (!bytes) return complain("bad_value", "audio is base64 of 16 bit samples", e, s);
  bytes->insert(0, odd_byte_);
  odd_byte_.clear();
  if (bytes->size() % 2 != 0) {
    odd_byte_ = bytes->back();
    bytes->pop_back();
  }
  auto samples = reader_.read(*bytes, format_);
  if (!samples) return complain("bad_value", samples.error().message, e, s);
  take_sound(std::move(*samples), s.out);
}

void machine::hear(std::vector<float> samples, std::int64_t, output& out) {
  if (started_ && !over_) take_sound(std::move(samples), out);
}

void machine::take_sound(std::vector<float> samples, output& out) const {
  if (muted_) std::fill(samples.begin(), samples.end(), 0.0f);
  if (!samples.empty()) out.add(hear_sound{std::move(samples)});
}

void machine::text(const json& e, step& s) {
  auto words = text_of(e, "text");
  if (words.empty() || words.size() > most_text_bytes)
    return complain("bad_value", "text is 1 to 16000 bytes", e, s);
  s.out.add(hear_text{"user", std::move(words)});
}

void machine::picture(const json& e, step& s) {
  const auto& image = member(e, "image");
  if (!image.is_string()) return complain("bad_value", "image is base64 of a JPEG or PNG", e, s);
  auto taken = gate_.take(image.get_ref<const std::string&>(), s.now_ms);
  if (taken) return s.out.add(std::move(*taken));
  const auto& no = taken.error();
  complain(no.code == "gateway.no_pictures"     ? "no_pictures"
           : no.code == "gateway.many_pictures" ? "too_often"
                                                : "bad_value",
           no.message, e, s);
}

void machine::interrupt_now(const json&, step& s) {
  hushed_since_ms_ = s.now_ms;
  s.out.add(interrupt{});
  if (has_track_) s.out.add(hush_sound{});
  for (auto& k : kept_) {  // who comes back does not hear it either
    kept_bytes_ -= k.bytes();
    k.samples.clear();
    kept_bytes_ += k.bytes();
  }
  send("interrupted", json::object(), keep::yes, s);
}

void machine::mute(const json& e, step& s) {
  const auto& on = member(e, "on");
  if (!on.is_boolean()) return complain("bad_value", "on is true or false", e, s);
  muted_ = on.get<bool>();
  send("muted", {{"on", muted_}}, keep::yes, s);
}

void machine::tools(const json& e, step& s) {
  const auto& list = member(e, "tools");
  if (!list.is_array() || size_of(list) > most_tools_bytes)
    return complain("bad_value", "tools is a list of at most 256 KiB", e, s);
  for (const auto& t : list)
    if (text_of(t, "name").empty()) return complain("bad_value", "each tool has a name", e, s);
  s.out.add(offer_tools{list});
}

void machine::tool_answer(const json& e, step& s) {
  const auto call = text_of(e, "call");
  const auto& words = member(e, "text");
  if (call.empty() || !words.is_string())
    return complain("bad_value", "tool.result has call and text", e, s);
  s.out.add(tool_result{call, words.get<std::string>()});
}

void machine::graph(const json& e, step& s) {
  const auto every = static_cast<std::int64_t>(number_of(e, "every_ms", 1000, 0, 60'000));
  s.out.add(watch_graph{every == 0 ? 0 : std::max<std::int64_t>(every, 250)});
}

void machine::ping(const json& e, step& s) {
  send("pong", {{"t", number_of(e, "t", 0, -1e15, 1e15)}}, keep::no, s);
}

// --- what the graph tells -------------------------------------------------------------------------

void machine::on_graph(const graph_event& e, std::int64_t now_ms, output& out) {
  if (!started_ || over_) return;
  step s{now_ms, out};
  std::visit([&](const auto& one) { told(one, s); }, e);
}

void machine::told(const said& w, step& s) {
  if (w.text.empty() || hushed_since_ms_) return;
  send("said", {{"text", w.text}, {"start_ms", w.start_ms}, {"end_ms", w.end_ms}}, keep::yes, s);
}

void machine::told(const heard& w, step& s) {
  send("heard",
       {{"text", w.text}, {"start_ms", w.start_ms}, {"end_ms", w.end_ms}, {"final", w.is_final}},
       keep::yes, s);
}

void machine::told(const delegated& d, step& s) {
  send("delegated",
       {{"id", d.id},
        {"task", d.task},
        {"offset_ms", d.offset_ms},
        {"from_ms", d.from_ms},
        {"to_ms", d.to_ms}},
       keep::yes, s);
}

void machine::told(const tool_call& c, step& s) {
  send("tool",
       {{"call", c.call_id},
        {"delegation", nullptr},
        {"name", c.name},
        {"arguments", line_of(c.arguments.is_object() ? c.arguments : json::object())},
        {"mine", true}},
       keep::yes, s);
}

void machine::told(const tool_call_cancelled& c, step& s) {
  send("tool.cancelled", {{"call", c.call_id}}, keep::yes, s);
}

void machine::told(const turn_state& t, step& s) {
  json gates = json::array();
  for (const bool g : t.gates) gates.push_back(g);
  send("turn",
       {{"n", ++turn_},
        {"start_ms", t.start_ms},
        {"person", t.person_level},
        {"model_dbfs", t.model_dbfs},
        {"gates", std::move(gates)},
        {"compute_ms", t.compute_ms},
        {"batch", t.batch}},
       keep::no, s);
}

void machine::told(const tool_seen& t, step& s) {
  const auto of = t.delegation_id.empty() ? json() : json(t.delegation_id);
  if (t.outcome.empty())
    return send("tool",
                {{"call", t.call_id},
                 {"delegation", of},
                 {"name", t.name},
                 {"arguments", t.text},
                 {"mine", false}},
                keep::yes, s);
  send("tool.done",
       {{"call", t.call_id},
        {"delegation", of},
        {"name", t.name},
        {"outcome", t.outcome},
        {"text", t.text}},
       keep::yes, s);
}

void machine::told(const found_out& f, step& s) {
  send("result",
       {{"delegation", f.delegation_id.empty() ? json() : json(f.delegation_id)}, {"text", f.text}},
       keep::yes, s);
}

void machine::told(const graph_state& g, step& s) {
  auto whole = parse_object(g.text);
  if (whole) send("graph", {{"graph", std::move(*whole)}}, keep::no, s);
}

void machine::told(const lost_sound& l, step& s) {
  send("lost", {{"messages", l.messages}}, keep::no, s);
}

void machine::told(const model_state& m, step& s) {
  send("model", {{"there", m.is_there}}, keep::yes, s);
}

void machine::told(const unseen_picture& u, step& s) { complain("bad_value", u.why, json(), s); }

// Nobody can go on with it, and nothing of it comes again.
void machine::told(const all_forgotten&, step& s) {
  forgotten_ = true;
  kept_.clear();
  kept_bytes_ = 0;
  send("forgotten", json::object(), keep::no, s);
}

void machine::told(const ending& e, step& s) {
  send("ending", {{"reason", e.reason}, {"in_ms", e.in_ms}}, keep::no, s);
}

}  // namespace hocket::gateway::own
