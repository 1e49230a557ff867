#include "actors/gateway/door/gateway.hpp"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "actors/gateway/door/client.hpp"
#include "actors/gateway/door/site.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/core/samples.hpp"

// In the actor's context. What runs on the server's thread: admission.cpp.
namespace hocket::gateway {
namespace {

constexpr double silence_rms = 1e-3;  // -60 dB of full scale

std::string name_of(std::uint64_t number) { return number == 0 ? "" : std::to_string(number); }

/// What a packet of the graph is for a protocol; empty where it is nothing.
std::optional<graph_event> event_of(std::size_t port, const packet& p, std::int64_t at_ms) {
  if (port == forgets_in) {
    // A grown-up who forbids recordings ends nothing: the conversation goes on.
    const auto* d = p.get_if<delegation>();
    const auto word = parse_object(d != nullptr ? d->task : "");
    if (word && text_of(*word, "forget") == "recordings") return std::nullopt;
    return all_forgotten{};
  }
  if (const auto* a = p.get_if<audio_chunk>(); a != nullptr && port == audio_in) {
    const auto samples = a->samples.as<float>();
    return voice{at_ms, {samples.begin(), samples.end()}, is_voice(samples)};
  }
  if (const auto* t = p.get_if<text>()) {
    if (port == text_in) return said{t->value + " ", at_ms, at_ms + 200};
    if (port == heard_in) return heard{t->value + " ", at_ms, at_ms + 50, t->final};
    if (port == found_in && is_result(t->role)) return found_out{name_of(t->request), t->value};
  }
  if (const auto* t = p.get_if<tensor>(); t != nullptr && port == state_in) {
    const auto v = t->data.as<float>();
    if (t->type != dtype::f32 || v.size() < 8) return std::nullopt;
    return turn_state{at_ms, v[0],
                      v[1],  {v[2] > 0.5f, v[3] > 0.5f, v[4] > 0.5f, v[5] > 0.5f},
                      v[6],  static_cast<std::int64_t>(v[7])};
  }
  if (const auto* d = p.get_if<delegation>(); d != nullptr && d->what == delegation::action::start)
    return delegated{name_of(d->request), d->task, at_ms, d->from_micro_turn * 200,
                     d->to_micro_turn * 200};
  if (const auto* c = p.get_if<hocket::tool_call>())
    return tool_seen{name_of(c->call), name_of(c->request), c->tool, c->arguments_json, ""};
  if (const auto* r = p.get_if<hocket::tool_result>())
    return tool_seen{name_of(r->call), name_of(r->request), r->tool, r->content,
                     std::string(to_string(r->status))};
  return std::nullopt;
}

}  // namespace

bool is_voice(std::span<const float> samples) {
  double power = 0;
  for (const float s : samples) power += static_cast<double>(s) * s;
  return !samples.empty() && std::sqrt(power / static_cast<double>(samples.size())) > silence_rms;
}

component_info gateway::info() {
  const media_type words{.kind = payload_kind::text};
  const media_type sound{.kind = payload_kind::audio, .rate_hz = inner_rate_hz, .channels = 1};
  const auto queue = default_queue(payload_kind::text);
  return {
      .type = "gateway.door",
      .summary = "People and apps talk with the graph: a page, Realtime, Live, Gemini Live.",
      .inputs = {{"audio", sound, "what the model says", true, default_queue(payload_kind::audio)},
                 {"text", words, "the words it says", false, queue},
                 {"heard", words, "the words it heard", false, queue},
                 {"state",
                  {.kind = payload_kind::tensor, .element = dtype::f32, .shape = {8}},
                  "levels, gates and compute time of a micro-turn, as interaction.model tells them",
                  false,
                  {.size = 64, .full = full_policy::drop_oldest}},
                 {"delegations", {.kind = payload_kind::delegation}, "what it hands over", false},
                 {"tool_calls", {.kind = payload_kind::tool_call}, "of the background", false},
                 {"tool_results", {.kind = payload_kind::tool_result}, "what came back", false},
                 {"results", words, "what the background found out", false, queue},
                 {"forgets",
                  {.kind = payload_kind::delegation},
                  "of a guard: a client's page and who would go on with the conversation are told",
                  false},
                 {"settings", words, "of a guard: what holds of a grown-up's, and what he may set",
                  false, queue}},
      .outputs = {{"audio", sound, "what a client says, on the stream's clock"},
                  {"text", words, "what a client types, role `user`"},
                  {"client", words, "what its app says to the background, by role"},
                  {"answers", {.kind = payload_kind::tool_result}, "of the client's functions"},
                  {"pictures", {.kind = payload_kind::video}, "what a client shows"},
                  {"forgets",
                   {.kind = payload_kind::delegation},
                   "a client deletes its session: for who keeps something of it"},
                  {"settings", words, "of a grown-up who showed his key, for a guard: JSON"}},
      .scope = instance_scope::shared,
      .source = true,
      .ticks = true};
}

result<void> gateway::open(const context& where) {
  context_ = where;
  if (!context_.sessions)
    return fail("gateway.no_sessions",
                "this run opens no conversations, and each app that connects is one");
  HOCKET_TRY(read_keys());
  read_settings();
  context_.sessions->on_end([this](session_id id, emitter&) { ended(id); });
  status_.start(context_.output_dir + "/hocket.sock", [this](std::string snapshot) {
    context_.self->run([this, text = std::move(snapshot)](emitter& out) {
      for (const auto& [key, c] : std::map(clients_))
        if (std::exchange(c->wants_state, false)) tell(*c, graph_state{text}, out);
    });
  });
  return start_server();
}

std::int64_t gateway::ms_of(const client& c) const {
  return (context_.time->now() - c.began) / std::chrono::milliseconds(1);
}

std::shared_ptr<client> gateway::self_of(const client& c) const {
  const auto found = clients_.find(&c);
  return found == clients_.end() ? nullptr : found->second;
}

// --- a client's life ------------------------------------------------------------------------------

void gateway::begin(const std::shared_ptr<client>& c, emitter& out) {
  c->began = c->last_heard = context_.time->now();
  clients_[c.get()] = c;
  output first;
  c->machine->begin(0, first);
  const bool speaks_first = !first.messages.empty();
  give(*c, std::move(first), out);
  if (speaks_first) open_session(c, out);
}

void gateway::open_session(const std::shared_ptr<client>& c, emitter& out) {
  if (c->is_opening || c->is_over || c->session != session_id::none) return;
  if (refuse_begin(*c, out)) return;
  c->is_opening = true;
  context_.count("sessions", 1);
  context_.sessions->open(
      [this, c](const result<session_id>& id, emitter& to) { opened(c, id, to); });
}

void gateway::opened(const std::shared_ptr<client>& c, const result<session_id>& id, emitter& out) {
  c->is_opening = false;
  if (!id) {
    context_.log("no conversation can be opened: " + id.error().message);
    output o;
    c->machine->break_off("no conversation can be opened now", 1013, ms_of(*c), o);
    give(*c, std::move(o), out);
    return leave(c);
  }
  if (c->is_over) return context_.sessions->close(*id);
  c->session = *id;
  by_session_[*id] = c;
  if (refuse_begin(*c, out)) return;
  // What a grown-up set before holds from the first word on.
  if (const auto set = settings_.find(c->key_name); set != settings_.end())
    send_settings(*c, set->second, out);
  for (auto& a : std::exchange(c->waiting, {})) act(*c, a, out);
}

void gateway::received(connection& from, const std::string& message, emitter& out) {
  if (from.early_messages) {
    if (from.early_messages->size() < backlog::most_messages)
      return from.early_messages->push_back(message);
    from.is_gone = true;
    return from.socket->close(1013, "the call has not begun");
  }
  const auto c = from.who.lock();
  if (!c || c->is_over) return;
  if (c->line.get() == &from) {  // an app's back end beside it may talk while nobody is there
    c->last_heard = context_.time->now();
    c->told_of_idleness = false;
  }
  output o;
  c->machine->receive(message, ms_of(*c), o);
  for (const auto& a : o.actions)
    if (const auto* over = std::get_if<go_on_with>(&a))
      return take_over(c, over->key, message, out);
  const bool begins = c->session == session_id::none && !c->is_opening;
  if (begins && refuse_begin(*c, out)) return;
  give(*c, std::move(o), out);
  if (!c->is_over && begins) open_session(c, out);
  pump(*c, out);
}

/// A connection is over. Where somebody may come back, the conversation waits for him.
void gateway::gone(const std::shared_ptr<connection>& line, int code) {
  count_call(*line);
  line->is_gone = true;
  for (const auto& one : std::exchange(line->early, {}))
    one->socket->close(1001, "the call is over before it has begun");
  if (gone_aside(line)) return;
  const auto c = std::exchange(line->who, {}).lock();
  if (!c || c->is_over) return;
  c->line.reset();
  const bool has_ended = code == 1000 && c->machine->has_goodbye();
  if (!has_ended && config_.resume_s > 0 && !c->machine->resume_key().empty()) {
    c->alone_since = context_.time->now();
    c->has_closed = code == 1000;
    context_.count("lingering", 1);
    if (c->has_closed) leave_oldest_closed();
    return;
  }
  leave(c);
}

void gateway::leave(const std::shared_ptr<client>& c) {
  if (std::exchange(c->is_over, true)) return;
  clients_.erase(c.get());
  end_aside(*c);
  c->place.reset();
  if (c->session == session_id::none) return;
  by_session_.erase(c->session);
  lost_models_.erase(c->session);
  context_.sessions->close(c->session);
}

/// The conversation is over for another reason than the client's.
void gateway::ended(session_id id) {
  if (id != session_id::none) lost_models_.erase(id);
  const auto found = by_session_.find(id);
  if (found == by_session_.end()) return;
  const auto c = found->second;
  by_session_.erase(found);
  c->session = session_id::none;
  output o;
  c->machine->end("the conversation is over", ms_of(*c), o);
  for (auto& m : o.messages) say(*c, std::move(m));
  if (c->line) c->line->socket->close(1001, "the conversation is over");
  leave(c);
}

// --- both directions ------------------------------------------------------------------------------

void gateway::say(client& c, std::string message) {
  if (!c.aside.empty()) say_aside(c, message);
  if (!c.line) return;  // its machine keeps what is worth it
  const bool is_sound =
      message.find("audio.delta\"") != message.npos || message.find("inlineData") != message.npos ||
      message.find("\"voice\"") != message.npos || message.find("\"graph\"") != message.npos;
  const auto bytes = message.size();
  if (c.line->socket->send(std::move(message))) return;
  if (c.line->call && bytes > c.line->call->largest_message()) {
    context_.count("too_long_events", 1);
    return end_line(c, ms_of(c), 1009, "an event is longer than this call takes");
  }
  context_.count("dropped_messages", 1);
  ++c.lost_messages;
  if (is_sound) return;
  context_.count("slow_clients", 1);
  c.line->socket->close(1013, "the client does not read");
}

void gateway::tell(client& c, const graph_event& e, emitter& out) {
  output o;
  c.machine->on_graph(e, ms_of(c), o);
  give(c, std::move(o), out);
}

void gateway::give(client& c, output from, emitter& out) {
  for (auto& m : from.messages) say(c, std::move(m));
  for (auto& a : from.actions) act(c, a, out);
}

void gateway::act(client& c, action& a, emitter& out) {
  if (auto* s = std::get_if<hear_sound>(&a)) {
    const auto now = sample_index(context_.time->now(), inner_rate_hz);
    if (const auto lost = c.sound.put(s->samples, now); lost > 0)
      context_.count("dropped_samples", static_cast<std::int64_t>(lost));
  } else if (const auto* p = std::get_if<play_sound>(&a)) {
    if (!c.line || !c.line->call) return;
    if (const auto lost = c.line->call->play(p->samples); lost > 0)
      context_.count("dropped_samples", static_cast<std::int64_t>(lost));
  } else if (std::get_if<hush_sound>(&a) != nullptr) {
    if (c.line && c.line->call) c.line->call->hush();
  } else if (pass_on(c, a, out)) {
    // Words and functions: on their way, or waiting for the session.
  } else if (std::get_if<interrupt>(&a) != nullptr) {
    if (c.session != session_id::none) context_.sessions->interrupt(c.session);
  } else if (std::get_if<prompt>(&a) != nullptr) {
    context_.count("prompts", 1);  // the model speaks when it wants: nothing forces it
  } else if (auto* r = std::get_if<tool_result>(&a)) {
    answer_call(c, *r, out);
  } else if (auto* shown = std::get_if<see_picture>(&a)) {
    look_at(c, std::move(*shown));
  } else if (std::get_if<go_on_with>(&a) != nullptr) {
    // Its first message asks for it, and `received` does it.
  } else if (const auto* w = std::get_if<watch_graph>(&a)) {
    c.watch_every_ms = config_.show_graph ? w->every_ms : 0;
    c.wants_state = false;
    c.watched_ms = -60'000;
  } else if (std::get_if<forget>(&a) != nullptr) {
    have_forgotten(c, out);
  } else if (auto* asked = std::get_if<show_settings>(&a)) {
    open_settings(c, *asked, out);
  } else if (const auto* h = std::get_if<hang_up>(&a)) {
    if (c.line) c.line->socket->close(h->code, h->reason);
    if (const auto self = self_of(c)) leave(self);
  } else {
    context_.count("not_served", 1);
  }
}

void gateway::pump(client& c, emitter& out) {
  if (c.session == session_id::none) return;
  auto due = c.sound.take(sample_index(context_.time->now(), inner_rate_hz));
  if (!due) return;
  // Nobody takes it: a queue that fills up behind a dead host would hold all conversations up.
  if (c.unanswered_since) return context_.count("unheard_sound", 1);
  out.for_session(c.session);
  out.emit(audio_out, timestamp::of_samples(due->first_sample, inner_rate_hz),
           audio_chunk{inner_rate_hz, 1, due->first_sample, buffer::take(std::move(due->samples))});
}

result<void> gateway::process(std::size_t port, const packet& p, emitter& out) {
  const auto found = by_session_.find(p.header.session);
  if (found == by_session_.end()) return {};
  const auto c = found->second;
  const auto at_ms = (p.header.ts - c->began) / std::chrono::milliseconds(1);
  if (port == settings_in) return settings_from_guard(*c, p, out), result<void>();
  if (port == calls_in && refuse_call(*c, p, out)) return {};
  if (port == calls_in || port == results_in)
    if (const auto e = of_client_function(*c, p)) {
      tell_of_call(*c, *e, out);
      if (port == calls_in) return {};
    }
  if (const auto e = event_of(port, p, at_ms)) tell(*c, *e, out);
  return {};
}

/// What clients said leaves at the pace of the clock, not of their messages.
result<source_state> gateway::produce(timestamp, emitter& out) {
  for (const auto& [key, c] : std::map(clients_)) {
    pump(*c, out);
    show(*c, out);
    tell_of_track(*c, out);
  }
  return source_state::more;
}

result<void> gateway::tick(std::int64_t micro_turn, emitter& out) {
  for (const auto& [key, c] : std::map(clients_)) {
    if (c->is_over) continue;
    if (const auto line = c->line; line && line->unheard_end != 0) gone(line, line->unheard_end);
    if (c->is_over) continue;
    if (c->line) count_call(*c->line);
    if (c->alone_since &&
        context_.time->now() - *c->alone_since > std::chrono::seconds(config_.resume_s)) {
      leave(c);
      continue;
    }
    output o;
    c->machine->advance(ms_of(*c), o);
    give(*c, std::move(o), out);
    watch_limits(*c, out);
    pump(*c, out);
    settle(*c, context_.grid.end_of(micro_turn), out);
  }
  watch_run(out);
  return {};
}

result<void> gateway::close(emitter& out) {
  for (const auto& [key, c] : std::map(clients_)) {
    output o;
    c->machine->end("the server stops", ms_of(*c), o);
    give(*c, std::move(o), out);
  }
  status_.stop();
  pictures_.stop();
  if (desk_) desk_->stop();
  if (exchange_) exchange_->stop(2'000);
  if (server_) server_->stop(2'000);
  exchange_.reset();
  server_.reset();
  return {};
}

}  // namespace hocket::gateway
