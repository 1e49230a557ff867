// What a graph may say of interaction.remote, and its ports.
#include "actors/interaction/remote/remote.hpp"

namespace hocket::remote {

void remote_model::config::visit(config_visitor& v) {
  v.field(
      {.name = "protocol",
       .doc =
           "what the server speaks: OpenAI Realtime, OpenAI Live, Gemini Live, vLLM-Omni's duplex "
           "dialect, or another graph's gateway",
       .choices = {"realtime", "live", "gemini", "vllm_duplex", "hocket"},
       .required = true},
      protocol);
  v.field(
      {.name = "url",
       .doc = "its address, `wss://host/v1`; the protocol's own path is added where it is missing",
       .required = true},
      url);
  v.field({.name = "key_env", .doc = "variable that holds the key; empty: none is sent"}, key_env);
  v.field({.name = "model", .doc = "the model's name there"}, model);
  v.field({.name = "instructions", .doc = "what the model is told of its work"}, instructions);
  v.field({.name = "voice", .doc = "its voice, as the server names it; empty: the server's choice"},
          voice);
  v.field(
      {.name = "ca_file", .doc = "PEM file to trust instead of the system's list", .is_path = true},
      ca_file);
  v.field({.name = "function", .doc = "name of the function by which it hands work over"},
          function);
  v.field({.name = "function_summary", .doc = "what the model is told of that function"},
          function_summary);
  v.field({.name = "jitter_ms",
           .doc = "after a hole, its voice waits at most this long for more: at first 10 ms, with "
                  "each hole longer",
           .unit = "ms",
           .min = 0,
           .max = 2000},
          jitter_ms);
  v.field({.name = "max_lag_ms",
           .doc = "of a voice that runs all the time, what is older than this is dropped",
           .unit = "ms",
           .min = 200,
           .max = 60000},
          max_lag_ms);
  v.field({.name = "max_ahead_s",
           .doc = "of a voice that comes in answers, so much may wait to be heard",
           .unit = "s",
           .min = 1,
           .max = 3600},
          max_ahead_s);
  v.field({.name = "connect_ms",
           .doc = "a connection stands after that, or not; then the server has as long to listen",
           .unit = "ms",
           .min = 100,
           .max = 120000},
          connect_ms);
  v.field({.name = "max_back_off_s",
           .doc = "longest wait before another connection is tried; the first is half a second",
           .unit = "s",
           .min = 1,
           .max = 3600},
          max_back_off_s);
}

component_info remote_model::info() {
  const media_type words{.kind = payload_kind::text};
  const media_type sound{.kind = payload_kind::audio, .rate_hz = rate_hz, .channels = 1};
  const auto queue = default_queue(payload_kind::text);
  return {
      .type = "interaction.remote",
      .summary = "A duplex model behind a WebSocket, with the outputs of interaction.model.",
      .inputs = {{"audio", sound, "what the person says", true, default_queue(payload_kind::audio)},
                 {"text", words, "words from the background", false, queue},
                 {"keyboard", words, "words that a person typed", false, queue}},
      .outputs =
          {{"audio", sound, "what it says, 25 ms a packet, ts = when it is to be heard"},
           {"text", words, "the words it says, role `model`"},
           {"heard", words, "the words it heard, role `heard`"},
           {"delegations", {.kind = payload_kind::delegation}, "tasks for the background"},
           {"state",
            {.kind = payload_kind::tensor, .element = dtype::f32, .shape = {8}, .packets_per_s = 5},
            "levels, gates and waiting voice, one vector per micro-turn"}},
      .scope = instance_scope::session,
      .source = true,
      .ticks = true,
      .period_ms = 25};
}

}  // namespace hocket::remote
