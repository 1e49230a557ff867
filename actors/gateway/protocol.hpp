#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actors/gateway/json.hpp"

/// The border between protocols and graph. A protocol is a pure state machine: a client's message, an
/// event of the graph or the passing of time goes in; messages to the client and actions for the
/// graph come out. It has no socket, no thread and no clock of its own.
namespace hocket::gateway {

/// Both directions of sound inside: mono, [-1, 1], at this rate.
inline constexpr int inner_rate_hz = 16'000;

// --- what a protocol wants of the graph -----------------------------------------------------------

/// The person is heard. To be played in at real time, gaps filled with silence.
struct hear_sound {
  std::vector<float> samples;
};
/// The model is heard, where sound goes beside the messages (a track): to be said at real time.
struct play_sound {
  std::vector<float> samples;
};
/// What was to be said and was not yet is not said.
struct hush_sound {};
/// Typed by a person (`role`: user), or said by the application (system), or before (assistant, history).
struct hear_text {
  std::string role;
  std::string text;
};
/// A picture, still encoded: what `picture/head.hpp` takes.
struct see_picture {
  std::string bytes;
};
/// What the model is told about itself; replaces what was told before.
struct instruct {
  std::string text;
};
/// Stop speaking at once: the epoch rises.
struct interrupt {};
/// How much of what was said last the person heard: what comes behind it was not said.
struct was_heard {
  std::int64_t heard_ms = 0;
};
/// Speak now, although nobody spoke: an application asks for a response.
struct prompt {
  std::string instructions;  ///< for this response only
};
/// The client's functions, as tools of the background; replaces those before.
struct offer_tools {
  json tools;  ///< [{name, description, parameters}]; null: nothing may be called
};
/// The result of a tool call that the graph made.
struct tool_result {
  std::string call_id;
  std::string text;
};
/// Word on a delegation, from whoever works on it: `spoken` is to be said, the rest is to be known.
struct delegation_note {
  std::string delegation_id;  ///< may be empty: of none
  std::string text;
  bool spoken = false;
};
/// Who works on what the model hands over: the client, or (the default) the graph's own background.
struct take_delegations {
  bool by_client = false;
};
/// This connection wants to go on with a conversation that another one left: the first client message is
/// handed to its machine as `protocol::resume`, which takes this one's place.
struct go_on_with {
  std::string key;  ///< its `protocol::resume_key`
};
/// How often the client wants `graph_state`; 0: not at all.
struct watch_graph {
  std::int64_t every_ms = 0;
};
/// Nobody may go on with this conversation, and what the graph kept of it goes.
struct forget {};
/// A grown-up shows his key, to see or change the settings of conversations of minors.
struct show_settings {
  std::string key;
  json changes;  ///< an object; empty: he only looks
};
/// The conversation is over.
struct hang_up {
  int code = 1000;  ///< of the WebSocket
  std::string reason;
};

using action =
    std::variant<hear_sound, play_sound, hush_sound, hear_text, see_picture, instruct, interrupt,
                 was_heard, prompt, offer_tools, tool_result, delegation_note, take_delegations,
                 go_on_with, watch_graph, forget, show_settings, hang_up>;

// --- what the graph tells a protocol --------------------------------------------------------------

/// The model's sound of one micro-turn, silence included.
struct voice {
  std::int64_t start_ms = 0;   ///< on the session's clock
  std::vector<float> samples;  ///< zeros where it is silent
  bool is_open = false;        ///< the voice gate: it speaks
};
/// How much of what was to be played is not waiting any more: said, or dropped. Since the connection.
struct sound_left {
  std::int64_t ms = 0;
};
/// Words that the model says, as they are said.
struct said {
  std::string text;
  std::int64_t start_ms = 0, end_ms = 0;
};
/// Words that the person was heard to say.
struct heard {
  std::string text;
  std::int64_t start_ms = 0, end_ms = 0;
  bool is_final = false;  ///< nothing more comes of this utterance
};
/// The model hands work over.
struct delegated {
  std::string id;
  std::string task;
  std::int64_t offset_ms = 0;           ///< when, on the session's clock
  std::int64_t from_ms = 0, to_ms = 0;  ///< the part of the conversation that it is about
};
/// The background calls a function of the client's.
struct tool_call {
  std::string call_id;
  std::string name;
  json arguments;  ///< an object
};
/// A call whose result nobody waits for any more.
struct tool_call_cancelled {
  std::string call_id;
};

/// What the model did in one micro-turn; for those who watch it.
struct turn_state {
  std::int64_t start_ms = 0;
  double person_level = 0;  ///< 0 to 1
  double model_dbfs = 0;
  bool gates[4] = {};  ///< of each quarter: it speaks
  double compute_ms = 0;
  std::int64_t batch = 0;  ///< conversations that were computed together
};
/// The background called a tool of the graph's own, or got its answer (`outcome` not empty).
struct tool_seen {
  std::string call_id;
  std::string delegation_id;
  std::string name;
  std::string text;     ///< arguments, or what came back
  std::string outcome;  ///< ok, failed, cancelled, timed_out, superseded
};
/// What the background found out, for the model to say.
struct found_out {
  std::string delegation_id;
  std::string text;
};
/// The whole run as it is now: a snapshot of the host, as JSON.
struct graph_state {
  std::string text;
};
/// Messages with sound that this client did not read in time, and will not get.
struct lost_sound {
  std::int64_t messages = 0;
};
/// The conversation will end then, unless (`idle`) the client says something.
struct ending {
  std::string reason;
  std::int64_t in_ms = 0;
};

/// What answers is gone (a host died, an actor restarts), or is there again.
struct model_state {
  bool is_there = true;
  std::int64_t ends_in_ms = 0;  ///< gone: for so long the conversation waits for it, then it ends
};
/// In words, for clients that are told in words.
std::string lack_in_words(const model_state& m);
/// What the graph had kept of the conversation goes (the person said so), and it will end.
struct all_forgotten {};
/// What holds of a grown-up's settings, and what the policy lets him set; or why not.
struct settings_told {
  json settings, may;   ///< objects; empty where `problem` is not
  std::string problem;  ///< wrong_key, too_often, no_settings, bad_setting: and then, in words, why
  std::string why;
};
/// A picture that was taken turned out to be none.
struct unseen_picture {
  std::string why;
};

using graph_event =
    std::variant<voice, sound_left, said, heard, delegated, tool_call, tool_call_cancelled,
                 turn_state, tool_seen, found_out, graph_state, lost_sound, ending, model_state,
                 unseen_picture, all_forgotten, settings_told>;

// --- the machine ----------------------------------------------------------------------------------

/// What came out of one step.
struct output {
  std::vector<std::string> messages;  ///< to the client, in order, one JSON text each
  std::vector<action> actions;        ///< to the graph, in order

  void add(action a) { actions.push_back(std::move(a)); }
};

/// A connection that goes on with a conversation.
struct next_line {
  bool has_track = false;  ///< its sound goes beside the messages
  std::string resume_key;  ///< what the one after it shows; the key that this one showed is spent
};

/// One connection's protocol. `now_ms`: time since the session began; never runs backwards.
class protocol {
 public:
  virtual ~protocol() = default;
  /// The connection stands.
  virtual void begin(std::int64_t now_ms, output& out) = 0;
  /// Another connection of the same client stands beside the first: what it is told at its begin.
  virtual void join(std::int64_t /*now_ms*/, output& /*out*/) {}
  /// One message of the client, whatever it is.
  virtual void receive(std::string_view message, std::int64_t now_ms, output& out) = 0;
  /// The client is heard over a track, not in a message.
  virtual void hear(std::vector<float> samples, std::int64_t /*now_ms*/, output& out) {
    out.add(hear_sound{std::move(samples)});
  }
  virtual void on_graph(const graph_event& e, std::int64_t now_ms, output& out) = 0;
  /// At least every 100 ms.
  virtual void advance(std::int64_t now_ms, output& out) = 0;
  /// The server wants to end; says goodbye in the protocol's way.
  virtual void end(std::string_view reason, std::int64_t now_ms, output& out) = 0;
  /// What the server lacks ends the conversation (`code` 1011), or lets it not begin (1013: come again).
  /// Said in the protocol's words where it has any, else by the code and its reason.
  virtual void break_off(std::string_view why, int code, std::int64_t now_ms, output& out) {
    const auto before = out.actions.size();
    end(why, now_ms, out);
    for (auto i = before; i < out.actions.size(); ++i)
      if (auto* h = std::get_if<hang_up>(&out.actions[i])) *h = {code, std::string(why)};
  }
  /// This connection ends, the conversation does not: what it is told where its end has no code (a call).
  virtual void let_go(std::string_view /*reason*/, std::int64_t /*now_ms*/, output& /*out*/) {}

  /// With what another connection may go on with this conversation; empty: none can.
  virtual std::string resume_key() const { return {}; }
  /// Whether a close with 1000 ends the conversation; else who closes may come back.
  virtual bool has_goodbye() const { return true; }
  /// The key before it, which still holds: its client may not have heard of the new one yet.
  virtual std::string earlier_key() const { return {}; }
  /// Another connection does, with this as its first message (empty: a call that named the one before).
  /// What was to be said meanwhile follows.
  virtual void resume(std::string_view /*message*/, const next_line& /*by*/,
                      std::int64_t /*now_ms*/, output& /*out*/) {}
  /// What it asked for with `go_on_with` is not there, or not for this client.
  virtual void cannot_resume(std::int64_t /*now_ms*/, output& out) {
    out.add(hang_up{1008, "there is no such conversation to go on with"});
  }
};

}  // namespace hocket::gateway
