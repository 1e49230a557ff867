#include "tools/duplex/listener.hpp"

#include <algorithm>
#include <cmath>

#include "engine/text/vocabulary.hpp"

namespace hocket::duplex {

std::int64_t heard_without_playout(std::int64_t first, std::int64_t now, std::int64_t end_of_last) {
  return std::max({first, now, end_of_last});
}

listener::listener(const subject& what, std::vector<session_tape>& tapes, bool real_time)
    : what_(what), tapes_(tapes), real_time_(real_time) {
  for (const auto& p : tapes) {
    heard h;
    h.did.length_s = p.plays->length_s();
    h.did.has_words = !what.texts.empty();
    h.did.has_tools = what.has_tools;
    h.did.has_heard = std::ranges::any_of(what.texts, [&](const port_of& p) {
      return what.graph.actors[p.actor].type->info.outputs[p.port].name == "heard";
    });
    h.did.real_time = real_time;
    heard_.push_back(std::move(h));
  }
}

double listener::there_s(const packet& p) const {
  const double due_s = p.header.ts.seconds();
  const clock* time = time_.load();
  return real_time_ && time ? std::max(due_s, time->now().seconds()) : due_s;
}

void listener::packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) {
  const auto number = static_cast<std::size_t>(p.header.session);
  if (!p.body || number < 1 || number > heard_.size()) return;
  heard& by = heard_[number - 1];
  timeline& did = by.did;
  const port_of from{actor, port};
  if (from == what_.audio) {
    if (const auto* a = p.get_if<audio_chunk>())
      take_sound(tapes_[number - 1], by, *a, p.header.ts);
    return;
  }
  const double at_s = there_s(p);
  if (std::ranges::count(what_.texts, from) > 0) {
    const auto* t = p.get_if<text>();
    if (t && t->role == "heard")
      for (const auto& word : engine::words_of(t->value)) did.heard.push_back({at_s, word});
    if (!t || !(t->role.empty() || t->role == "model")) return;
    for (const auto& word : engine::words_of(t->value)) {
      did.words.push_back({at_s, word});
      if (real_time_) did.word_waits_s.push_back(at_s - p.header.ts.seconds());
    }
  } else if (const auto* call = p.get_if<tool_call>()) {
    did.calls.push_back({at_s, call->tool,
                         nlohmann::json::parse(call->arguments_json, nullptr, false),
                         call->request});
  } else if (const auto* d = p.get_if<delegation>()) {
    take_delegation(by, *d, at_s);
  }
}

timeline listener::take(std::size_t index) {
  auto& [did, requests, _] = heard_[index];
  for (auto& c : did.calls)
    if (const auto r = requests.find(c.request); r != requests.end())
      c.in_force = r->second.in_force;
  std::ranges::stable_sort(did.words, {}, &said_word::at_s);
  std::ranges::stable_sort(did.heard, {}, &said_word::at_s);
  return std::move(did);
}

void listener::take_delegation(heard& by, const delegation& d, double at_s) {
  if (d.what == delegation::action::cancel) {
    by.requests[d.request].in_force = false;
    return;
  }
  by.requests[d.request].at_s = at_s;
  by.did.delegations_s.push_back(at_s);
  if (d.supersedes) by.requests[d.supersedes].in_force = false;
}

void listener::take_sound(session_tape& tape, heard& by, const audio_chunk& a, timestamp at) const {
  const std::lock_guard hold(tape.lock);
  tape.sound_rate_hz = a.rate_hz;
  auto first = std::llround(at.seconds() * a.rate_hz);
  const clock* time = time_.load();
  if (real_time_ && time && !what_.tells_what_sounded) {
    const auto now = std::llround(time->now().seconds() * a.rate_hz);
    first = heard_without_playout(first, now, by.sound_end);
    by.sound_end = first + a.frames();
  }
  const auto samples = a.samples.as<float>();
  for (std::int64_t i = 0; i < a.frames(); ++i) {
    const auto to = first + i;
    if (to < 0) continue;
    if (tape.sound.size() <= static_cast<std::size_t>(to))
      tape.sound.resize(static_cast<std::size_t>(to) + 1);
    tape.sound[static_cast<std::size_t>(to)] =
        samples[static_cast<std::size_t>(i) * static_cast<std::size_t>(a.channels)];
  }
}

}  // namespace hocket::duplex
