// What a graph says of the interaction model: settings and ports.
#include "actors/interaction/interaction.hpp"

namespace hocket::interaction {
namespace {

constexpr std::int32_t rate_hz = 16000;

}  // namespace

void interaction_model::config::visit(config_visitor& v) {
  v.field({.name = "model",
           .doc = "folder of the model (config.json, vocabulary.json, "
                  "model.safetensors)",
           .required = true,
           .is_path = true},
          model);
  v.field({.name = "adapter",
           .doc = "folder of an adapter that it reads through from the start "
                  "(adapter_config.json, adapter_model.safetensors); empty: none",
           .is_path = true},
          adapter);
  v.field({.name = "adapter_swap",
           .doc = "a new adapter at the input `adapters`: taken by every conversation at the next "
                  "micro-turn, or only by those that begin after it",
           .choices = {"moved", "pinned"}},
          adapter_swap);
  gate.visit(v);
  v.field({.name = "device", .doc = "cpu, cuda, cuda:N, or auto: a GPU if there is one"}, device);
  v.field({.name = "flow_steps", .doc = "Euler steps per 50 ms of speech", .min = 1, .max = 64},
          flow_steps);
  v.field({.name = "flow_noise",
           .doc = "standard deviation of the noise that speech is drawn from",
           .min = 0,
           .max = 2},
          flow_noise);
  v.field({.name = "gate_threshold",
           .doc = "speaks where its voice gate's probability reaches this",
           .min = 0,
           .max = 1},
          gate_threshold);
  v.field({.name = "nothing_bias",
           .doc = "added to the logit of saying nothing",
           .min = -20,
           .max = 20},
          nothing_bias);
  v.field({.name = "heard_bias",
           .doc = "added to the logit of having heard nothing",
           .min = -20,
           .max = 20},
          heard_bias);
  v.field({.name = "seed", .doc = "of the noise; each session adds its number", .min = 0}, seed);
  v.field({.name = "threads",
           .doc = "that a micro-turn is computed by, for many conversations at once; what it says "
                  "is the same with any",
           .min = 1,
           .max = 64},
          threads);
  v.field({.name = "new_request",
           .doc = "what a new delegation does to one that is unanswered",
           .choices = {"parallel", "supersede"}},
          new_request);
  v.field({.name = "correction_word",
           .doc = "a task that begins with it replaces the last one; empty: none does"},
          correction_word);
  v.field({.name = "max_queued_words",
           .doc = "incoming words that may wait for their micro-turn",
           .min = 1,
           .max = 10000},
          max_queued_words);
  v.field(
      {.name = "refusal",
       .doc = "what it says of a request that failed, instead of reading the background's words "
              "for that; empty, or with words that the model does not know: it reads those"},
      refusal);
}

component_info interaction_model::info() {
  const media_type words{.kind = payload_kind::text};
  const auto text_queue = default_queue(payload_kind::text);
  return {
      .type = "interaction.model",
      .summary = "Hears and speaks every 200 ms: the interaction model, for all sessions at once.",
      .inputs =
          {{"audio",
            {.kind = payload_kind::tensor,
             .element = dtype::u8,
             .shape = {-1, static_cast<std::int64_t>(dmel_channels)}},
            "dMel frames, 50 ms a row",
            true,
            {.size = 64, .full = full_policy::drop_oldest}},
           {"text", words, "words from the background, for its text slots", false, text_queue},
           {"keyboard", words, "words that a person typed", false, text_queue},
           {"video",
            {.kind = payload_kind::tensor, .element = dtype::u8, .shape = {-1, 2, 40, 40, 3}},
            "patches; a model without eyes counts them",
            false,
            default_queue(payload_kind::video)},
           {"adapters",
            {.kind = payload_kind::adapter},
            "for the model, at the border of a micro-turn; without weights: none from then on",
            false,
            default_queue(payload_kind::adapter)}},
      .outputs =
          {{"audio",
            {.kind = payload_kind::audio, .rate_hz = rate_hz, .channels = 1, .packets_per_s = 5},
            "what it says, 200 ms a packet, ts = when it is to be heard"},
           {"text", words, "the words it says, role `model`"},
           {"heard", words, "the words it heard, role `heard`"},
           {"delegations", {.kind = payload_kind::delegation}, "tasks for the background"},
           {"state",
            {.kind = payload_kind::tensor, .element = dtype::f32, .shape = {8}, .packets_per_s = 5},
            "levels, gates and compute time, one vector per micro-turn",
            {6}},
           {"adapter",
            {.kind = payload_kind::adapter},
            "the one in use from now on: name and card, without its weights"}},
      .policy = input_policy::micro_turn,
      .scope = instance_scope::shared,
      .blocking = true,
      .latency_ms = 200};
}

}  // namespace hocket::interaction
