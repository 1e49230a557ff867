#include "tools/hocket/run/recorder.hpp"

#include "graph/contract/sink.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/redaction.hpp"
#include "graph/trust/secret.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hocket::cli {

using namespace report;

namespace {

bool puts_out(const plan_actor& a, payload_kind kind) {
  const auto& outputs = a.type->info.outputs;
  return std::any_of(outputs.begin(), outputs.end(),
                     [&](const output_port& p) { return p.type.kind == kind; });
}

/// Which actors come after `start` along the links, itself left out.
std::vector<bool> after(const plan& graph, std::size_t start) {
  std::vector<bool> out(graph.actors.size());
  std::vector<std::size_t> todo = {start};
  while (!todo.empty()) {
    const auto at = todo.back();
    todo.pop_back();
    for (const auto& l : graph.links)
      if (l.from == at && !l.back_edge && !l.removed && !out[l.to]) {
        out[l.to] = true;
        todo.push_back(l.to);
      }
  }
  return out;
}

}  // namespace

cast cast_of(const plan& graph) {
  const auto n = graph.actors.size();
  cast out{std::vector<voice_of>(n, voice_of::nobody), std::vector<bool>(n)};
  std::vector<bool> spoken(n);  // behind something that thinks, itself included
  bool anybody_thinks = false;
  for (std::size_t i = 0; i < n; ++i) {
    const auto& a = graph.actors[i];
    if (a.removed || a.type->info.source || !puts_out(a, payload_kind::audio)) continue;
    if (a.policy != input_policy::micro_turn && !puts_out(a, payload_kind::text) &&
        !puts_out(a, payload_kind::delegation))
      continue;
    out.thinks[i] = spoken[i] = anybody_thinks = true;
    const auto later = after(graph, i);
    for (std::size_t k = 0; k < n; ++k) spoken[k] = spoken[k] || later[k];
  }
  for (std::size_t i = 0; i < n; ++i) {
    const auto& a = graph.actors[i];
    if (a.removed || !puts_out(a, payload_kind::audio)) continue;
    if (a.type->info.source) {
      out.voices[i] = voice_of::person;
      continue;
    }
    if (anybody_thinks && !spoken[i]) continue;
    const auto later = after(graph, i);
    bool last = true;
    for (std::size_t k = 0; k < n; ++k)
      last = last && !(later[k] && puts_out(graph.actors[k], payload_kind::audio));
    if (last) out.voices[i] = voice_of::model;
  }
  // Who has no voice and gives its words to a voice that tells its own: they count when they sound.
  for (const auto& l : graph.links)
    if (!l.removed && !puts_out(graph.actors[l.from], payload_kind::audio) &&
        graph.actors[l.from].type->info.outputs[l.from_port].type.kind == payload_kind::text &&
        puts_out(graph.actors[l.to], payload_kind::audio) &&
        puts_out(graph.actors[l.to], payload_kind::text))
      out.scripts.insert({l.from, l.from_port});
  return out;
}

void note_names(const plan& graph) {
  trust::note_vocabulary(graph.name + " " + graph.file);
  for (const auto& h : graph.hosts) trust::note_vocabulary(h.name);
  for (const auto& a : graph.actors) {
    trust::note_vocabulary(a.name + " " + a.host);
    if (a.type == nullptr) continue;
    const auto& info = a.type->info;
    trust::note_vocabulary(info.type);
    for (const auto& p : info.inputs) trust::note_vocabulary(p.name);
    for (const auto& p : info.outputs) trust::note_vocabulary(p.name);
  }
}

recorder::recorder(const plan& graph, std::vector<fact_sink*> sinks)
    : graph_(&graph),
      sinks_(std::move(sinks)),
      cast_(cast_of(graph)),
      turn_ms_(static_cast<double>(graph.grid.length.count()) / 1e6) {
  has_person_ = std::count(cast_.voices.begin(), cast_.voices.end(), voice_of::person) > 0;
  fact start;
  start.what = fact::kind::start;
  start.text = graph.name;
  start.detail = graph.file;
  start.micro_turn_ms = turn_ms_;
  send(start);
}

// Screens, the event log and pictures show what actors, peers and tools said.
void recorder::send(const fact& f) {
  auto clean = f;
  // A plain screen is a log of the service manager: where words are kept out it has none either.
  const bool prose = f.what == fact::kind::event || f.what == fact::kind::end;
  if (holds_words(f.what) && trust::words_are_kept_out() && !f.text.empty())
    clean.text = fmt::format("[{} characters]", f.text.size());
  else if (prose)
    clean.text = trust::redacted(std::move(clean.text));
  // A tool's name may be what a model made up; roles, states and outcomes are words of the program.
  if (f.what == fact::kind::tool_call || f.what == fact::kind::tool_result)
    clean.role = trust::redacted(std::move(clean.role));
  for (auto* s : {&clean.text, &clean.detail, &clean.role, &clean.actor})
    *s = clean_text(trust::without_secrets(std::move(*s)));
  for (auto* sink : sinks_) sink->take(clean);
}

void recorder::rewired(const host::graph_revision& r) {
  std::lock_guard hold(lock_);
  graph_ = &r.graph;
  if (trust::words_are_kept_out()) note_names(r.graph);
  cast_ = cast_of(r.graph);
}

void recorder::packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) {
  std::lock_guard hold(lock_);
  if (!p.body || p.header.session == session_id::none) return;
  const auto session = static_cast<std::uint64_t>(p.header.session);
  auto& s = sessions_[session];
  last_ms_ = std::max(last_ms_, p.header.ts.ms());
  if (p.kind() == payload_kind::delegation &&
      graph_->actors[actor].type->info.outputs[port].name == forgets_port &&
      !std::exchange(s.is_forgotten, true)) {
    s.recent.clear();
    fact f;
    f.what = fact::kind::forgotten;
    f.session = session;
    f.t_ms = p.header.ts.ms();
    send(f);
  }
  const auto who = cast_.voices[actor];
  if (const auto* a = p.get_if<audio_chunk>(); a != nullptr && who != voice_of::nobody)
    take_audio(s, *a, p.header.ts, who);
  if (cast_.thinks[actor]) take_compute(s, actor, p);
  if (!s.is_forgotten) take_words(s, actor, port, p);
  if (!has_person_) s.heard_until_ms = std::max(s.heard_until_ms, p.header.ts.ms());
  // Output k is heard in micro-turn k + 1, and a playout tells of it when it was played: two
  // micro-turns later all of it is here.
  close_turns(session, s, s.heard_until_ms - 3 * turn_ms_);
}

void recorder::take_audio(session_state& s, const audio_chunk& a, timestamp ts, voice_of who) {
  const auto samples = a.samples.as<float>();
  const auto frames = a.frames();
  const double cell_ms = turn_ms_ / level_cells::count;
  const double step_ms = 1000.0 / a.rate_hz;
  std::int64_t i = 0;
  while (i < frames) {
    const auto cell =
        static_cast<std::int64_t>(std::floor((ts.ms() + i * step_ms) / cell_ms + 1e-6));
    const double end_ms = static_cast<double>(cell + 1) * cell_ms;
    const auto end = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(std::ceil((end_ms - ts.ms()) / step_ms - 1e-6)), i + 1, frames);
    const auto turn = cell >= 0 ? cell / level_cells::count : 0;
    auto& open = s.open[turn];
    auto& sum =
        (who == voice_of::person
             ? open.person
             : open.model)[static_cast<std::size_t>(cell >= 0 ? cell % level_cells::count : 0)];
    for (; i < end; ++i) {
      const float v = samples[static_cast<std::size_t>(i * a.channels)];
      sum.squares += static_cast<double>(v) * v;
      sum.peak = std::max(sum.peak, std::fabs(v));
      ++sum.samples;
    }
  }
  if (who == voice_of::person)
    s.heard_until_ms = std::max(s.heard_until_ms, ts.ms() + static_cast<double>(frames) * step_ms);
}

void recorder::take_compute(session_state& s, actor_index actor, const packet& p) {
  const auto& way = p.header.way;
  if (way.count == 0) return;
  const auto& hop = way.hops[way.count - 1u];
  if (hop.actor != actor || hop.emitted_ns <= hop.started_ns) return;
  const double ms = static_cast<double>(hop.emitted_ns - hop.started_ns) / 1e6;
  auto& slot = s.open[graph_->grid.index_of(p.header.ts)].compute_ms;
  slot = std::max(slot.value_or(0), ms);
}

void recorder::take_words(session_state& s, actor_index actor, std::size_t port, const packet& p) {
  fact f;
  f.session = static_cast<std::uint64_t>(p.header.session);
  f.t_ms = p.header.ts.ms();
  f.actor = graph_->actors[actor].name;
  if (const auto* t = p.get_if<text>()) {
    if (cast_.scripts.contains({actor, port}) && speaker_of(t->role) == speaker::model) return;
    f.what = fact::kind::text;
    f.role = t->role;
    f.text = t->value;
    f.request = t->request;
  } else if (const auto* d = p.get_if<delegation>()) {
    f.what = fact::kind::delegation;
    if (d->supersedes != 0 && s.recent_superseded != d->supersedes) {
      f.detail = "superseded";
      f.request = s.recent_superseded = d->supersedes;
      send(f);
    }
    f.text = d->task;
    f.detail = d->what == delegation::action::cancel ? "cancel" : "start";
    f.request = d->request;
  } else if (const auto* c = p.get_if<tool_call>()) {
    f.what = fact::kind::tool_call;
    f.role = c->tool;
    f.text = c->arguments_json;
    f.request = c->request;
  } else if (const auto* r = p.get_if<tool_result>()) {
    f.what = fact::kind::tool_result;
    f.role = r->tool;
    f.text = r->content;
    f.detail = to_string(r->status);
    f.request = r->request;
  } else {
    return;
  }
  // A relay passes the same content on: count it once, where it began.
  auto same = fmt::format("{} {} {} {} {} {}", static_cast<int>(f.what), f.t_ms, f.role, f.request,
                          f.detail, f.text);
  if (std::find(s.recent.begin(), s.recent.end(), same) != s.recent.end()) return;
  s.recent.push_back(std::move(same));
  if (s.recent.size() > 32) s.recent.pop_front();
  send(f);
  s.open[graph_->grid.index_of(p.header.ts)];  // its row comes, whether or not there is sound
}

void recorder::close_turns(std::uint64_t session, session_state& s, double until_ms) {
  while (!s.open.empty()) {
    const auto first = s.open.begin();
    const double from_ms = static_cast<double>(first->first) * turn_ms_;
    if (from_ms > until_ms + 1e-6) return;
    fact f;
    f.what = fact::kind::turn;
    f.session = session;
    f.t_ms = from_ms;
    f.turn = first->first;
    f.micro_turn_ms = turn_ms_;
    f.compute_ms = first->second.compute_ms;
    auto pack = [](const cells& from, level_cells& into) {
      for (std::size_t i = 0; i < from.size(); ++i) {
        into.peak[i] = from[i].peak;
        into.rms[i] = from[i].samples == 0
                          ? 0.f
                          : static_cast<float>(std::sqrt(from[i].squares / from[i].samples));
      }
    };
    pack(first->second.person, f.person);
    pack(first->second.model, f.model);
    s.open.erase(first);
    send(f);
  }
}

void recorder::event(timestamp at, std::string_view actor, std::string_view what,
                     std::string_view detail) {
  std::lock_guard hold(lock_);
  last_ms_ = std::max(last_ms_, at.ms());
  fact f;
  f.what = fact::kind::event;
  f.t_ms = at.ms();
  f.actor = actor;
  f.role = what;
  f.text = detail;
  send(f);
}

void recorder::session_closed(session_id id) {
  std::lock_guard hold(lock_);
  const auto at = sessions_.find(static_cast<std::uint64_t>(id));
  if (at == sessions_.end()) return;
  close_turns(at->first, at->second, 1e18);
  sessions_.erase(at);
}

void recorder::finish(std::string_view why, std::string_view detail) {
  std::lock_guard hold(lock_);
  for (auto& [session, s] : sessions_) close_turns(session, s, 1e18);
  fact f;
  f.what = fact::kind::end;
  f.t_ms = last_ms_;
  f.role = why;
  f.text = detail;
  send(f);
}

}  // namespace hocket::cli
