#include "tools/hocket/train/lora_recipe.hpp"

#include "engine/language/files/mapped_file.hpp"
#include "graph/spec/yaml.hpp"

namespace hocket::cli {

void lora_recipe::visit(config_visitor& v) {
  v.field({.name = "model", .doc = "folder with config.json, or a GGUF file", .required = true},
          model);
  v.field({.name = "service.base_url",
           .doc = "a service of the Tinker API that trains in place of this machine"},
          service.base_url);
  v.field({.name = "service.model", .doc = "the model's name there"}, service.model);
  v.field({.name = "service.key_env", .doc = "variable that holds the key"}, service.key_env);
  v.field({.name = "service.ca_file", .doc = "PEM file to trust instead of the system's list"},
          service.ca_file);
  v.field({.name = "service.patience_s",
           .doc = "longest wait for the result of one operation",
           .unit = "s",
           .min = 1,
           .max = 86400},
          service.patience_s);
  v.field({.name = "data", .doc = "examples, a JSON object a line", .required = true}, data);
  v.field({.name = "validation", .doc = "examples that are not trained on; empty: none"},
          validation);
  v.field({.name = "out", .doc = "folder of the adapter, its checkpoint and curve"}, out);
  v.field({.name = "rank", .doc = "of the adapter", .min = 1, .max = 1024}, rank);
  v.field({.name = "alpha", .doc = "scale of the adapter, times its rank", .min = 1e-6}, alpha);
  v.field({.name = "parts", .doc = "what is adapted: attention, feed_forward, unembed"}, parts);
  v.field({.name = "modules", .doc = "an expression for whole names, in place of `parts`"},
          modules);
  v.field({.name = "name", .doc = "of the adapter, for its card"}, name);
  v.field({.name = "source", .doc = "where the data comes from, for the card"}, source);
  v.field({.name = "licence", .doc = "of the data, for the card"}, licence);
  v.field({.name = "consent", .doc = "class of consent, for the card"}, consent);
  v.field({.name = "constraints", .doc = "on the adapter's use, for the card"}, constraints);
  v.field({.name = "ledger", .doc = "where the card is recorded; empty: nowhere"}, ledger);
  v.field({.name = "seed", .doc = "of the adapter and the order", .min = 0}, seed);
  v.field({.name = "steps", .doc = "in all", .min = 1}, steps);
  v.field({.name = "batch", .doc = "examples of a step", .min = 1, .max = 4096}, batch);
  v.field({.name = "optimizer", .doc = "its steps", .choices = {"adamw", "muon"}}, optimizer);
  v.field({.name = "precision",
           .doc = "of products with the model's weights; sums are fp32",
           .choices = {"fp32", "bfloat16"}},
          precision);
  v.field({.name = "learning_rate", .doc = "the highest; falls to 0 at the end", .min = 0}, rate);
  v.field({.name = "warmup_steps", .doc = "until the highest rate", .min = 0}, warmup);
  v.field({.name = "weight_decay", .doc = "decoupled", .min = 0}, decay);
  v.field({.name = "clip", .doc = "of the gradients' norm; 0 = none", .min = 0}, clip);
  v.field({.name = "max_tokens", .doc = "of an example", .min = 2, .max = 1e6}, max_tokens);
  v.field({.name = "save_every", .doc = "steps between checkpoints", .min = 1}, save_every);
  v.field({.name = "eval_every", .doc = "steps between rows of the curve", .min = 1}, eval_every);
}

std::optional<lora_recipe> read_lora_recipe(const std::string& path, diagnostics& findings) {
  const auto text = language::read_text(path, 1 << 20);
  if (!text) {
    findings.add({.where = {path, 0, 0},
                  .code = "train.file",
                  .message = text.error().message,
                  .hint = "a recipe names model and data",
                  .notes = {}});
    return std::nullopt;
  }
  const auto tree = spec::parse_yaml(path, *text, findings);
  lora_recipe r;
  if (tree) read_config(*tree, r, "recipe", {}, findings);
  for (const auto& p : r.parts)
    if (p != "attention" && p != "feed_forward" && p != "unembed")
      findings.add({.where = {path, 0, 0},
                    .code = "config.choice",
                    .message = "parts: unknown part `" + p + "`",
                    .hint = "attention, feed_forward, unembed",
                    .notes = {}});
  if (findings.has_errors()) return std::nullopt;
  return r;
}

}  // namespace hocket::cli
