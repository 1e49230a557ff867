// What a graph may say of trainer.lora.
#include "actors/trainer/lora_trainer.hpp"

namespace hocket::trainer {

void lora_trainer::config::visit(config_visitor& v) {
  v.field({.name = "model",
           .doc = "whose adapter it is: a GGUF file, a folder with config.json, or a package that "
                  "`hocket model get` fetched",
           .required = true,
           .is_path = true},
          how.model);
  v.field(
      {.name = "service.base_url",
       .doc = "a service of the Tinker API that trains in place of this process, as its clients "
              "take it (`https://host/path`); of `model` the tokenizer and chat template are "
              "read here",
       .is_address = true},
      how.service.base_url);
  v.field({.name = "service.model", .doc = "the model's name there"}, how.service.model);
  v.field({.name = "service.key_env", .doc = "variable that holds the key; empty: none is sent"},
          how.service.key_env);
  v.field({.name = "service.ca_file",
           .doc = "PEM file to trust instead of the system's list",
           .is_path = true},
          how.service.ca_file);
  v.field({.name = "service.patience_s",
           .doc = "longest wait for the result of one operation, all tries together; then the "
                  "round has failed",
           .unit = "s",
           .min = 1,
           .max = 86400},
          how.service.patience_s);
  v.field({.name = "name", .doc = "of the versions: NAME-1, NAME-2, …"}, name);
  v.field({.name = "out",
           .doc = "folder of the versions, each with PEFT's files and its card",
           .is_output = true},
          out);
  v.field({.name = "rank", .doc = "of the adapter", .min = 1, .max = 1024}, how.rank);
  v.field({.name = "alpha", .doc = "scale of the adapter, times its rank", .min = 1e-6}, how.alpha);
  v.field({.name = "parts", .doc = "what is adapted: attention, feed_forward, unembed"}, how.parts);
  v.field(
      {.name = "modules",
       .doc = "an expression for the whole names of modules, in place of `parts`: with late layers "
              "alone a step is cheaper"},
      how.modules);
  v.field({.name = "seed", .doc = "of the adapter and the order of examples", .min = 0}, how.seed);
  v.field({.name = "epochs", .doc = "of a round, over all examples so far", .min = 1, .max = 10000},
          epochs);
  v.field({.name = "batch", .doc = "examples of a step", .min = 1, .max = 4096}, how.batch);
  v.field({.name = "optimizer",
           .doc = "Muon's steps are longer: about a hundred times the learning rate of AdamW",
           .choices = {"adamw", "muon"}},
          how.optimizer);
  v.field(
      {.name = "precision",
       .doc = "of products with the model's weights; sums are fp32. bfloat16 is several times as "
              "fast where the processor multiplies it",
       .choices = {"fp32", "bfloat16"}},
      how.precision);
  v.field({.name = "learning_rate", .doc = "the highest; falls to 0 at a round's end", .min = 0},
          how.rate);
  v.field({.name = "warmup_steps", .doc = "until the highest rate", .min = 0}, how.warmup);
  v.field({.name = "weight_decay", .doc = "decoupled", .min = 0}, how.decay);
  v.field({.name = "clip", .doc = "of the gradients' norm; 0 = none", .min = 0}, how.clip);
  v.field({.name = "max_tokens",
           .doc = "of an example; longer ones are refused",
           .unit = "tokens",
           .min = 2,
           .max = 1e6},
          how.max_tokens);
  v.field({.name = "most_examples", .doc = "kept; the oldest go", .min = 1, .max = 1e7},
          how.most_examples);
  v.field({.name = "min_examples", .doc = "new ones, before a round begins", .min = 1, .max = 1e6},
          min_examples);
  v.field({.name = "quiet_ms",
           .doc = "and none came for so long",
           .unit = "ms",
           .min = 0,
           .max = 3'600'000},
          quiet_ms);
  v.field({.name = "margin",
           .doc = "a version whose evaluation is worse than its parent's by more, in any score, is "
                  "taken back",
           .min = 0},
          margin);
  v.field({.name = "repeat_s",
           .doc = "the newest version is sent again so often, for conversations that began "
                  "meanwhile; 0: never",
           .unit = "s",
           .min = 0,
           .max = 86400},
          repeat_s);
  v.field({.name = "source", .doc = "where the data comes from, for the card"}, source);
  v.field({.name = "licence", .doc = "of the data, for the card"}, licence);
  v.field({.name = "consent", .doc = "class of consent of whoever the data is of, for the card"},
          consent);
  v.field({.name = "constraints", .doc = "on what the adapter may be used for, for the card"},
          constraints);
  v.field(
      {.name = "ledger",
       .doc = "where cards, evaluations, gates and incidents are recorded, such as governance.db; "
              "empty: nowhere",
       .is_output = true},
      ledger);
  v.field(
      {.name = "gates",
       .doc = "with a ledger: what must hold before a version is swapped in (`actors/governance`)",
       .is_path = true},
      gates);
}

component_info lora_trainer::info() {
  const auto example = media_type{.kind = payload_kind::training_example};
  const auto queue = default_queue(payload_kind::training_example);
  return {.type = "trainer.lora",
          .summary =
              "Trains an adapter of a language model on examples as they come, and emits its "
              "versions with their cards.",
          .inputs = {{"examples", example, "what is trained on", true, queue},
                     {"validation", example, "what is measured and not trained on", false, queue},
                     {"evaluations",
                      {.kind = payload_kind::text},
                      "JSON: `adapter` and its `scores`, by whoever evaluates it in the graph",
                      false,
                      default_queue(payload_kind::text)}},
          .outputs = {{"adapters",
                       {.kind = payload_kind::adapter},
                       "versions; without weights: the model by itself"},
                      {"progress",
                       {.kind = payload_kind::tensor, .element = dtype::f32, .shape = {4}},
                       "step, steps, loss of a target, tokens/s",
                       {3}}},
          .scope = instance_scope::shared,
          .blocking = true,
          .ticks = true};
}

}  // namespace hocket::trainer
