#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/contract/payload.hpp"
#include "graph/core/ids.hpp"
#include "graph/core/result.hpp"

namespace hocket::interaction {

inline constexpr std::size_t frames_per_turn = 4;  ///< 50 ms each
inline constexpr std::size_t dmel_channels = 80;
inline constexpr std::size_t samples_per_turn = 3200;

/// What one person does in one micro-turn.
struct turn_input {
  session_id session = session_id::none;
  std::vector<std::uint8_t> frames;  ///< [4, 80] dMel bins; silence where nothing came
  std::vector<std::string> words;    ///< tokens, at most text_slots() of them
  std::vector<std::uint8_t> video;   ///< RGB patches, video_bytes() of them; empty: no picture
  /// Tokens that it writes next, in this order, when it likes, and nothing else before they are written.
  std::vector<std::string> script;
  bool script_due = false;  ///< the first of them now
};

/// What the model does with it; heard in the next micro-turn.
struct turn_output {
  std::vector<float> samples;  ///< [3200] 16 kHz
  /// Tokens, control tokens (`<delegate>`, `<end>`) and letter pieces (`##d`) included.
  std::vector<std::string> text;
  struct heard_word {
    std::string word;
    int frame = 0;  ///< of 50 ms, in which its sound ended
  };
  std::vector<heard_word> heard;
  float gates[frames_per_turn] = {};  ///< 1 where it speaks
};

struct engine_options {
  std::string model;  ///< folder
  std::string device = "auto";
  std::int64_t flow_steps = 5;
  double flow_noise = 1;
  double gate_threshold = 0.5;
  double nothing_bias = 0;
  double heard_bias = 0;
  std::uint64_t seed = 0;  ///< each session adds its number
  int threads = 1;         ///< that a micro-turn is computed by; same bits with any
};

/// An adapter as the engine reads through it.
class opened_adapter {
 public:
  virtual ~opened_adapter() = default;
};
using opened_adapter_handle = std::shared_ptr<const opened_adapter>;

/// The model behind the actor: several sessions, stepped together.
///
/// Errors: codes of the engine below; a failed step leaves the sessions as they were.
/// Threads: one at a time; `open_adapter` on any beside it.
class micro_turn_engine {
 public:
  virtual ~micro_turn_engine() = default;
  /// What was loaded, and on which device: "nano: 7.4 M parameters on cpu".
  virtual std::string describe() const = 0;
  /// Tokens it takes per micro-turn.
  virtual std::size_t text_slots() const = 0;
  /// A text as it reads it: words it knows, letter pieces of others, `<unk>` for what it cannot read.
  virtual std::vector<std::string> tokens_of(const std::string& text) const = 0;
  /// Size of the patches [n, 2, 40, 40, 3] that it sees per micro-turn; 0: it is blind.
  virtual std::size_t video_bytes() const = 0;
  virtual result<void> open_session(session_id session) = 0;
  virtual void close_session(session_id session) = 0;
  /// For sessions of this engine. Errors: lora.*, naming what does not fit; interaction.no_adapters.
  virtual result<opened_adapter_handle> open_adapter(const adapter& a) const = 0;
  /// The session reads through it from its next micro-turn on; null: the model by itself.
  virtual void adapt(session_id session, const opened_adapter_handle& through) = 0;
  /// One micro-turn of each session; outputs in the order of the inputs.
  virtual result<std::vector<turn_output>> step(std::span<const turn_input> inputs) = 0;
};

/// Makes the engine when the actor opens.
using engine_factory =
    std::function<result<std::unique_ptr<micro_turn_engine>>(const engine_options&)>;

/// The one that a build has: libtorch's with HOCKET_ENGINE; without, it reports
/// interaction.no_engine.
result<std::unique_ptr<micro_turn_engine>> make_engine(const engine_options& options);

}  // namespace hocket::interaction
