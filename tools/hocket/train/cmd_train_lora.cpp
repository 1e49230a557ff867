// hocket train lora: an adapter of a language model from a recipe and examples of text.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "actors/governance/card.hpp"
#include "actors/http/digest.hpp"
#include "actors/trainer/adapters/model_sum.hpp"
#include "actors/trainer/data/datum.hpp"
#include "actors/trainer/data/schedule.hpp"
#include "engine/language/files/mapped_file.hpp"
#include "engine/language/network/open.hpp"
#include "engine/language/packages/packages.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/transformer/background.hpp"
#include "graph/contract/config.hpp"
#include "graph/spec/yaml.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/train/card_record.hpp"
#include "tools/hocket/train/commands.hpp"
#include "tools/hocket/train/lora_checkpoint.hpp"
#include "tools/hocket/train/lora_origin.hpp"
#include "tools/report/learning.hpp"

namespace hocket::cli {
namespace {

struct recipe final : config_base {
  std::string model, data, validation, out = "out/train/lora", modules;
  std::string name = "adapter", source, licence, consent, ledger;
  std::vector<std::string> constraints;
  std::int64_t rank = 8, seed = 1, steps = 100, warmup = 0, batch = 8, max_tokens = 512;
  std::int64_t save_every = 50, eval_every = 10;
  double alpha = 32, rate = 2e-4, decay = 0, clip = 1;
  std::string optimizer = "adamw", precision = "fp32";
  std::vector<std::string> parts{"attention", "feed_forward", "unembed"};
  void visit(config_visitor& v) override {
    v.field({.name = "model", .doc = "folder with config.json, or a GGUF file", .required = true},
            model);
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
};

std::optional<recipe> read_recipe(const std::string& path, diagnostics& findings) {
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
  recipe r;
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

using examples = std::vector<lora::training_datum>;

/// What is trained on, and what is only looked at.
struct all_data {
  trainer::read_examples learnt, held;
  lora_origin origin(const recipe& r) const {
    return {learnt.sha256, held.sha256, r.licence, r.consent, r.precision};
  }
};

/// The weights, widened so that gradients pass, and the words around them.
struct opened_model {
  std::shared_ptr<const language::language_model> model;
  language::chat_words words;
};

result<opened_model> open_model(const recipe& r) {
  const auto path = language::find_model(r.model);
  if (!path) return fail(path);
  auto model =
      language::open_language_model(*path, r.max_tokens, language::block_types_of(r.precision));
  if (!model) return fail(model);
  auto words = language::open_chat_words(*path);
  if (!words) return fail(words);
  return opened_model{std::move(*model), std::move(*words)};
}

trainer::schedule schedule_of(const recipe& r) {
  return {.steps = r.steps,
          .batch = r.batch,
          .warmup = r.warmup,
          .rate = r.rate,
          .seed = static_cast<std::uint64_t>(r.seed)};
}

/// Mean loss of a target of what is not trained on: of the model by itself, and now.
struct validation {
  std::optional<double> before, after;
};

result<void> save(const trust::folder& out, const lora::trainer& t, const lora_origin& origin) {
  return write_checkpoint(out, {t.files(), t.optimizer_state(), to_json(origin)});
}

result<std::unique_ptr<lora::trainer>> resumed(const trust::folder& out, const opened_model& model,
                                               const lora_origin& origin) {
  const auto c = read_checkpoint(out);
  if (!c) return fail(c);
  HOCKET_TRY(check_origin(c->origin, origin, out.path() + "/checkpoint"));
  return lora::trainer::open(model.model, c->files, &c->moments);
}

lora::lora_config config_of(const recipe& r) {
  const auto has = [&](const char* part) {
    return std::find(r.parts.begin(), r.parts.end(), part) != r.parts.end();
  };
  lora::lora_config c;
  c.rank = static_cast<int>(r.rank), c.alpha = r.alpha, c.base_model = r.model;
  if (r.modules.empty())
    c.modules = lora::modules_of({.attention = has("attention"),
                                  .feed_forward = has("feed_forward"),
                                  .unembed = has("unembed")});
  else
    c.expression = r.modules;
  return c;
}

result<std::unique_ptr<lora::trainer>> fresh(const recipe& r, const opened_model& model) {
  return lora::trainer::create(model.model, config_of(r), static_cast<std::uint64_t>(r.seed));
}

/// A checkpoint goes on only as what it was begun as.
result<std::unique_ptr<lora::trainer>> resumed_as(const recipe& r, const trust::folder& out,
                                                  const opened_model& model,
                                                  const lora_origin& origin) {
  auto t = resumed(out, model, origin);
  if (!t) return t;
  // As a new one would be: which modules there are is the model's.
  const auto anew = fresh(r, model);
  if (!anew) return fail(anew);
  const auto wanted = nlohmann::json::parse(lora::write_peft_config((*anew)->config()));
  const auto is = nlohmann::json::parse(lora::write_peft_config((*t)->config()));
  for (const char* key : {"r", "lora_alpha", "target_modules", "base_model_name_or_path"})
    if (wanted.value(key, nlohmann::json()) != is.value(key, nlohmann::json()))
      return fail(
          "train.other_recipe",
          fmt::format(
              "{}/checkpoint was begun with another `{}` ({}, and the recipe says {}): train "
              "anew without --resume, or in another folder",
              r.out, key, is.value(key, nlohmann::json()).dump(),
              wanted.value(key, nlohmann::json()).dump()));
  return t;
}

/// The card beside the adapter, and in the ledger where the recipe names one.
result<void> write_card(const recipe& r, const trust::folder& out, const lora::trainer& t,
                        const all_data& data, const validation& v) {
  const auto files = t.files();
  governance::card_facts f;
  f.name = r.name, f.base_model = r.model;
  f.adapter_config = files.config, f.weights_sha256 = http::sha256_hex(files.weights);
  f.weights_bytes = static_cast<std::int64_t>(files.weights.size());
  f.source = r.source, f.licence = r.licence, f.consent = r.consent, f.constraints = r.constraints;
  const auto path = language::find_model(r.model);
  auto base = path ? trainer::model_sha256(*path) : result<std::string>(fail(path));
  if (!base) return fail(base);
  f.base_sha256 = *base;
  // As they were read: the files may have changed since.
  f.data.push_back({r.data, data.learnt.lines, data.learnt.sha256});
  if (!r.validation.empty())
    f.data.push_back({r.validation + " (validation)", data.held.lines, data.held.sha256});
  auto settings = r;
  const auto text = flow_text(to_value(settings));
  f.recipe = nlohmann::json::parse(text, nullptr, false);
  // YAML has escapes that JSON lacks.
  if (!f.recipe.is_object()) f.recipe = {{"text", text}};
  f.recipe["steps_done"] = t.steps();
  f.evaluations = nlohmann::json::array();
  if (v.before && v.after)
    f.evaluations.push_back(
        {{"what", "validation loss"}, {"before", *v.before}, {"after", *v.after}});
  const auto card = governance::make_card(f);
  HOCKET_TRY(out.write("card.json", card.dump(2) + "\n"));
  HOCKET_TRY(out.write("README.md", governance::markdown_of(card)));
  const auto fell = f.evaluations.empty() ? std::nullopt : std::optional(*v.before - *v.after);
  return record_card(r.ledger, card, fell);
}

/// What would be in the way of write_card() after hours of training is told before them.
result<void> card_place(const recipe& r, const trust::folder& out) {
  HOCKET_TRY(governance::check_card_place(out, r.name));
  return check_ledger(r.ledger);
}

/// Mean loss of a target.
result<double> mean_loss(const lora::trainer& t, const examples& some) {
  const auto p = t.forward(lora::loss_config{}, some);
  if (!p) return fail(p);
  return p->loss / trainer::targets_of(some);
}

/// An adapter that was not trained changes nothing: its loss is the model's.
result<void> validate_model(const recipe& r, const opened_model& model, const all_data& data,
                            validation& v) {
  if (data.held.examples.empty()) return {};
  const auto t = fresh(r, model);
  if (!t) return fail(t);
  const auto loss = mean_loss(**t, data.held.examples);
  if (!loss) return fail(loss);
  v.before = *loss;
  return {};
}

/// The curve as far as the checkpoint that a resumed run goes on from.
std::string rows_until(const trust::folder& out, std::int64_t step) {
  std::string rows = "step,loss,validation,tokens_per_s\n";
  const auto before = step > 0 ? out.read("curve.csv", 64u << 20) : result<std::string>("");
  std::istringstream lines(before.value_or(""));
  std::string line;
  while (std::getline(lines, line))
    if (const auto n = std::strtoll(line.c_str(), nullptr, 10); n > 0 && n <= step)
      rows += line + "\n";
  return rows;
}

/// Steps until the end or a signal.
result<void> loop(const recipe& r, lora::trainer& t, const all_data& all, const trust::folder& out,
                  bool json, validation& v) {
  const auto& data = all.learnt.examples;
  const auto& held = all.held.examples;
  const auto origin = all.origin(r);
  auto rows = rows_until(out, t.steps());
  const auto curve = out.create("curve.csv");
  if (!curve) return fail(curve);
  HOCKET_TRY(curve->write(rows));
  const auto plan = schedule_of(r);
  engine::work_pool helpers(std::min(2, static_cast<int>(std::thread::hardware_concurrency())));
  const engine::background_work divides(&engine::turn_gate::of_process(), &helpers);
  const engine::work_pool::watch awake(&helpers);
  progress bar(json, static_cast<std::size_t>(r.steps), "lora");
  auto began = std::chrono::steady_clock::now();
  double tokens = 0;
  for (auto step = t.steps(); step < r.steps && signal_that_came() == 0; ++step) {
    const auto some = trainer::batch_of(data, plan, step);
    const auto passed = t.forward_backward(lora::loss_config{}, some);
    if (!passed) return fail(passed);
    const auto stepped = trainer::move_by(t, r.optimizer, plan.rate_at(step), r.decay, r.clip);
    if (!stepped) return fail(stepped);
    for (const auto& d : some) tokens += static_cast<double>(d.tokens.size());
    bar.at(static_cast<std::size_t>(step + 1), fmt::format("loss {:.4f}", passed->loss));
    const bool last = step + 1 == r.steps;
    if ((step + 1) % r.eval_every == 0 || last) {
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
      const auto loss = held.empty() ? result<double>(std::nan("")) : mean_loss(t, held);
      if (!loss) return fail(loss);
      if (!held.empty()) v.after = *loss;
      const auto shown = held.empty() ? "" : fmt::format("{:.6f}", *loss);
      HOCKET_TRY(curve->write(fmt::format("{},{:.6f},{},{:.1f}\n", step + 1, passed->loss, shown,
                                          tokens / took.count())));
      if (json) {
        say("{}\n",
            nlohmann::json{{"step", step + 1},
                           {"loss", passed->loss},
                           {"validation", held.empty() ? nlohmann::json() : nlohmann::json(*loss)},
                           {"tokens_per_s", tokens / took.count()}}
                .dump());
        std::fflush(stdout);  // whoever reads a pipe sees each step as it is done
      }
      began = std::chrono::steady_clock::now(), tokens = 0;
    }
    if ((step + 1) % r.save_every == 0 && !last) HOCKET_TRY(save(out, t, origin));
  }
  bar.finish();
  return save(out, t, origin);
}

}  // namespace

int run_train_lora(const train_options& o) {
  diagnostics findings;
  auto r = read_recipe(o.config, findings);
  if (!r) {
    findings.sort();
    say(stderr, "{}", findings.to_string());
    return exit_bad_input;
  }
  if (o.steps > 0) r->steps = o.steps;
  if (!o.out.empty()) r->out = o.out;
  const auto model = open_model(*r);
  if (!model) return tell(model.error(), exit_bad_input);
  auto learnt = trainer::read_data(r->data, model->words, r->max_tokens);
  if (!learnt) return tell(learnt.error(), exit_bad_input);
  auto held = r->validation.empty()
                  ? result<trainer::read_examples>(trainer::read_examples())
                  : trainer::read_data(r->validation, model->words, r->max_tokens);
  if (!held) return tell(held.error(), exit_bad_input);
  const all_data data{std::move(*learnt), std::move(*held)};
  const auto out = trust::folder::open(r->out);
  if (!out) return tell(out.error(), exit_failed);
  if (const auto free = card_place(*r, *out); !free) return tell(free.error(), exit_bad_input);
  auto t = o.resume ? resumed_as(*r, *out, *model, data.origin(*r)) : fresh(*r, *model);
  if (!t) return tell(t.error(), exit_bad_input);
  end_in_order_on_signals();
  validation v;
  if (const auto done = validate_model(*r, *model, data, v); !done)
    return tell(done.error(), exit_failed);
  if (auto done = loop(*r, **t, data, *out, o.json, v); !done)
    return tell(done.error(), exit_failed);
  if (const auto done = write_card(*r, *out, **t, data, v); !done)
    return tell(done.error(), exit_failed);
  for (const char* picture : {"/curve.svg", "/curve.png"})
    if (const auto done = report::draw_learning(r->out, r->out + picture);
        !done && done.error().code != "train.curve")  // ended before its first row
      return tell(done.error(), exit_failed);
  if (!o.json)
    say("{}: adapter_config.json, adapter_model.safetensors after step {}{}\n", r->out,
        (*t)->steps(), (*t)->steps() < r->steps ? "; go on with --resume" : "");
  return exit_fine;
}

}  // namespace hocket::cli
