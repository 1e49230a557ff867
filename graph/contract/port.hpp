#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/payload.hpp"

namespace hocket {

/// What a full queue does with one more packet.
enum class full_policy : std::uint8_t {
  block,        ///< the sender waits: lossless
  drop_oldest,  ///< bounded; counts
  drop_newest,  ///< bounded; counts
  latest,       ///< keeps one packet per stream, the newest
};
std::string_view to_string(full_policy policy);

struct queue_spec {
  std::int32_t size = 16;
  full_policy full = full_policy::block;
  std::int32_t max_age_ms = 0;  ///< 0: no limit; older packets are dropped when taken out
};

/// How an actor is handed its inputs.
enum class input_policy : std::uint8_t {
  immediate,   ///< each packet as it comes
  latest,      ///< only the newest of each input
  aligned,     ///< one set per timestamp, when every input's bound has passed it
  micro_turn,  ///< everything of [k * 200, (k + 1) * 200) ms in one bundle, at the deadline
};
std::string_view to_string(input_policy policy);

/// What flows through a port. 0, "" and -1 mean "any".
struct media_type {
  payload_kind kind = payload_kind::control;
  std::int32_t rate_hz = 0;              ///< audio
  std::int32_t channels = 0;             ///< audio
  std::optional<dtype> element = {};     ///< tensor
  std::vector<std::int64_t> shape = {};  ///< tensor; -1 = any extent; empty = any shape
  double packets_per_s = 0;              ///< 0 = irregular; used for budgets and describe

  /// For messages: "audio 16000 Hz x1", "tensor u8 [-1, 80]".
  std::string to_string() const;
};

/// Why an output of type `from` cannot feed an input of type `to`; empty where it can.
std::string why_incompatible(const media_type& from, const media_type& to);

/// Why a payload may not travel through a port of this type; empty where it may. Also finds payloads
/// that contradict themselves, such as a tensor whose bytes do not fill its shape, and sound that is
/// not finite (numbers in tensors are not looked at: they may be many). Control passes everywhere.
std::string why_unfit(const media_type& port, const payload& content);

struct input_port {
  std::string name;
  media_type type;
  std::string doc;
  bool required = true;
  /// Default; the graph file may override. Size 0: what `default_queue` says of the media type,
  /// filled in when the type is registered.
  queue_spec queue = {.size = 0};
};

struct output_port {
  std::string name;
  media_type type;
  std::string doc;
  /// Tensor f32: places in the last axis that hold measurements of the run (wall time, load). They
  /// differ between runs, so a replay does not compare them.
  std::vector<std::int64_t> measured = {};
};

/// Default queue of a media type: audio, text, tool and training data are lossless, video and
/// tensors of live streams keep the newest, control is lossless and deep.
queue_spec default_queue(payload_kind kind);

}  // namespace hocket
