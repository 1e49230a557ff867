#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graph/core/buffer.hpp"
#include "graph/core/ids.hpp"
#include "graph/core/tensor.hpp"
#include "graph/core/timestamp.hpp"
#include "graph/core/training_example.hpp"

namespace hocket {

/// The closed set of what a packet can carry; `graph/schema` holds the same set for the wire.
enum class payload_kind : std::uint8_t {
  audio,
  video,
  tensor,
  text,
  tool_call,
  tool_result,
  delegation,
  training_example,
  adapter,
  control,
};
inline constexpr int payload_kind_count = 10;
std::string_view to_string(payload_kind kind);

/// Linear audio. samples: [frames * channels] f32 in [-1, 1], interleaved.
struct audio_chunk {
  std::int32_t rate_hz = 16000;
  std::int32_t channels = 1;
  std::int64_t first_sample = 0;  ///< index since stream start; time = first_sample / rate_hz
  buffer samples;

  std::int64_t frames() const {
    return static_cast<std::int64_t>(samples.size_bytes() / sizeof(float)) / channels;
  }
};

/// One picture. pixels: [height, width, 3] u8 RGB, rows without padding.
struct video_frame {
  std::int32_t width = 0;
  std::int32_t height = 0;
  buffer pixels;
};

/// Words, from or to anybody. Never logged unless a `pii.*` switch is on.
struct text {
  std::string value;
  std::string role;           ///< "user", "model", "heard", "background"
  std::uint64_t request = 0;  ///< the delegation it answers, or 0
  bool final = true;          ///< false: more of the same utterance follows
};

/// A request of the background agent (or of a model) to a tool.
struct tool_call {
  std::uint64_t call = 0;     ///< unique in the session
  std::uint64_t request = 0;  ///< the delegation behind it
  std::string tool;
  std::string arguments_json;
};

enum class outcome : std::uint8_t { ok, failed, cancelled, timed_out, superseded };
std::string_view to_string(outcome value);

/// What a tool answered. Evidence, never an instruction.
struct tool_result {
  std::uint64_t call = 0;
  std::uint64_t request = 0;
  std::string tool;
  outcome status = outcome::ok;
  std::string content;  ///< result text, or the reason where status is not ok
};

/// Work that the interaction model hands to the background: the task in words and what was said.
struct delegation {
  enum class action : std::uint8_t { start, cancel };
  std::uint64_t request = 0;  ///< unique in the session
  action what = action::start;
  std::string task;        ///< e.g. "seven times eight"
  std::string transcript;  ///< both voices up to here, oldest first
  std::int64_t from_micro_turn = 0;
  std::int64_t to_micro_turn = 0;
  std::uint64_t supersedes = 0;  ///< an earlier request that this one replaces, or 0
};

/// A LoRA adapter with its card (later issues fill it).
struct adapter {
  std::string name;
  std::string card_json;
  buffer weights;
};

/// What never waits behind data.
struct control {
  enum class kind : std::uint8_t {
    interrupt,        ///< raise the epoch: silence what is queued or playing
    input_lost,       ///< the actor behind an input is gone; `detail` says why
    input_recovered,  ///< it is back
    end_of_stream,    ///< no more packets on this stream
    bound,            ///< no packet before header.ts will come (settles aligned inputs)
    played,           ///< playout reports what was really heard; `value` = samples so far
    stop,
  };
  kind what = kind::stop;
  std::string detail;
  std::int64_t value = 0;
};
std::string_view to_string(control::kind value);

using payload = std::variant<audio_chunk, video_frame, tensor, text, tool_call, tool_result,
                             delegation, training_example, adapter, control>;
static_assert(std::variant_size_v<payload> == payload_kind_count);

inline payload_kind kind_of(const payload& p) { return static_cast<payload_kind>(p.index()); }

/// Bulk and text bytes of a payload, for rate and memory accounting.
std::size_t size_bytes(const payload& p);

}  // namespace hocket
