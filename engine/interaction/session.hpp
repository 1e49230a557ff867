// One conversation with an interaction model, 200 ms at a time. No torch in this header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/interaction/model.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

struct adapter;

struct session_options {
  std::uint64_t seed = 0;      ///< of the noise that speech is drawn from
  int flow_steps = 5;          ///< Euler steps per mel patch
  float flow_noise = 1;        ///< standard deviation of the starting noise
  float gate_threshold = 0.5;  ///< voice when its probability is at least this
  float nothing_bias = 0;      ///< added to the logit of "nothing" in output text
  float heard_bias = 0;        ///< the same for recognised words
};

struct micro_turn_output;

/// What the person does in [k * 200, (k + 1) * 200) ms.
struct micro_turn_input {
  std::vector<std::uint8_t> audio;  ///< [layout.audio, 80] dMel bins, one row per 50 ms
  std::vector<std::int32_t> text;   ///< [layout.text_in] tokens, 0 = nothing; may be empty
  /// [layout.video, frames, 40, 40, 3] RGB patches; empty = no picture.
  std::vector<std::uint8_t> video;
  /// Words that it has to write next, in this order: each text slot holds the next one or nothing, as it
  /// chooses; after the last one it is free again. It says them in its own time and sound.
  std::vector<std::int32_t> script;
  bool script_due = false;  ///< the first of them now, whatever it would choose
  /// The session writes and says this instead of choosing itself (replay, tests); may be null.
  const micro_turn_output* forced = nullptr;
};

/// What the model does, heard in [(k + 1) * 200, (k + 2) * 200) ms.
struct micro_turn_output {
  std::vector<std::int32_t> text;   ///< [layout.text_out] tokens, 0 = nothing
  std::vector<std::int32_t> heard;  ///< [layout.audio] word that ended in this frame, 0 = none
  std::vector<std::uint8_t> voice;  ///< [layout.speech] 1 = speaks in this 50 ms
  std::vector<float> speech;        ///< [layout.speech, 320] normalised log-mel, zeros when silent
};

/// *Inputs / Outputs*: one micro_turn_input to one micro_turn_output per 200 ms.
/// *Errors* (`session.*`): bad_input (sizes, tokens outside the vocabulary; nothing changed),
/// bad_state (resume), engine (the library below failed; the session is unusable).
/// *Threads*: one at a time; sessions of one model may step on different threads.
/// *Memory*: bounded; keys and values of each layer's window, in a ring.
/// Results depend on the session's own inputs, options and weights only, bit by bit on a CPU: not on
/// other sessions of a batch, on suspending, or on the number of threads.
class session {
 public:
  session(std::shared_ptr<const interaction_model> model, const session_options& options);
  ~session();
  session(session&&) noexcept;
  session& operator=(session&&) noexcept;

  result<micro_turn_output> append(const micro_turn_input& input);
  /// From the next micro-turn on it reads through this adapter of its model (`lora::open_adapter`); null:
  /// the model by itself. What it remembers stays as it was computed. Forks take it along; it is no part
  /// of `suspend`: whoever resumes hands it over again.
  void adapt(std::shared_ptr<const adapter> through);
  /// A copy that goes on independently, noise included.
  session fork() const;
  /// Everything that a later `resume` needs besides the model.
  std::vector<std::byte> suspend() const;
  static result<session> resume(std::shared_ptr<const interaction_model> model,
                                std::span<const std::byte> state);

  std::int64_t micro_turns() const;
  std::size_t memory_bytes() const;
  const interaction_model& model() const;

  struct state;
  state& inner() { return *state_; }

 private:
  explicit session(std::unique_ptr<state> state);
  std::unique_ptr<state> state_;
};

/// One micro-turn of several sessions of the same model in one pass over the weights. outputs[i] is
/// that of sessions[i]. On an error no session has moved on.
result<std::vector<micro_turn_output>> batch_step(std::span<session* const> sessions,
                                                  std::span<const micro_turn_input> inputs);

}  // namespace hocket::engine
