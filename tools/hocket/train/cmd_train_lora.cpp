// hocket train lora: an adapter of a language model from a recipe and examples of text.
#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/trainer/data/datum.hpp"
#include "actors/trainer/data/schedule.hpp"
#include "engine/language/network/open.hpp"
#include "engine/language/packages/packages.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/transformer/background.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/train/commands.hpp"
#include "tools/hocket/train/lora_checkpoint.hpp"
#include "tools/hocket/train/lora_run.hpp"
#include "tools/report/learning.hpp"

namespace hocket::cli {
namespace {

using model_handle = std::shared_ptr<const language::language_model>;

/// The weights, widened so that gradients pass.
result<model_handle> open_model(const lora_recipe& r, const std::string& path) {
  auto model =
      language::open_language_model(path, r.max_tokens, language::block_types_of(r.precision));
  if (!model) return fail(model);
  return model_handle(std::move(*model));
}

result<void> save(const trust::folder& out, const lora::trainer& t, const lora_origin& origin) {
  return write_checkpoint(out, {t.files(), t.optimizer_state(), to_json(origin)});
}

result<std::unique_ptr<lora::trainer>> resumed(const trust::folder& out, const model_handle& model,
                                               const lora_origin& origin) {
  const auto c = read_checkpoint(out);
  if (!c) return fail(c);
  HOCKET_TRY(check_origin(c->origin, origin, out.path() + "/checkpoint"));
  return lora::trainer::open(model, c->files, &c->moments);
}

lora::lora_config config_of(const lora_recipe& r) {
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

result<std::unique_ptr<lora::trainer>> fresh(const lora_recipe& r, const model_handle& model) {
  return lora::trainer::create(model, config_of(r), static_cast<std::uint64_t>(r.seed));
}

/// A checkpoint goes on only as what it was begun as.
result<std::unique_ptr<lora::trainer>> resumed_as(const lora_recipe& r, const trust::folder& out,
                                                  const model_handle& model,
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

/// Mean loss of a target.
result<double> mean_loss(const lora::trainer& t, std::span<const lora::training_datum> some) {
  const auto p = t.forward(lora::loss_config{}, some);
  if (!p) return fail(p);
  return p->loss / trainer::targets_of(some);
}

/// An adapter that was not trained changes nothing: its loss is the model's.
result<void> validate_model(const lora_recipe& r, const model_handle& model, const all_data& data,
                            validation& v) {
  if (data.held.examples.empty()) return {};
  const auto t = fresh(r, model);
  if (!t) return fail(t);
  const auto loss = mean_loss(**t, data.held.examples);
  if (!loss) return fail(loss);
  v.before = *loss;
  return {};
}

/// The steps of this process.
result<void> train_here(const lora_recipe& r, lora::trainer& t, const all_data& all,
                        const trust::folder& out, bool json, validation& v) {
  engine::work_pool helpers(std::min(2, static_cast<int>(std::thread::hardware_concurrency())));
  const engine::background_work divides(&engine::turn_gate::of_process(), &helpers);
  const engine::work_pool::watch awake(&helpers);
  const auto origin = all.origin(r);
  lora_steps by;
  by.done = t.steps();
  by.step = [&](std::span<const lora::training_datum> batch, double rate) -> result<double> {
    const auto passed = t.forward_backward(lora::loss_config{}, batch);
    if (!passed) return fail(passed);
    HOCKET_TRY(trainer::move_by(t, r.optimizer, rate, r.decay, r.clip));
    return passed->loss;
  };
  by.mean_loss = [&](std::span<const lora::training_datum> held) { return mean_loss(t, held); };
  by.save = [&] { return save(out, t, origin); };
  return run_lora_steps(r, by, all, out, json, v);
}

}  // namespace

int run_train_lora(const train_options& o) {
  diagnostics findings;
  auto r = read_lora_recipe(o.config, findings);
  if (!r) {
    findings.sort();
    say(stderr, "{}", findings.to_string());
    return exit_bad_input;
  }
  if (o.steps > 0) r->steps = o.steps;
  if (!o.out.empty()) r->out = o.out;
  const auto path = language::find_model(r->model);
  if (!path) return tell(path.error(), exit_bad_input);
  const auto words = language::open_chat_words(*path);
  if (!words) return tell(words.error(), exit_bad_input);
  auto learnt = trainer::read_data(r->data, *words, r->max_tokens);
  if (!learnt) return tell(learnt.error(), exit_bad_input);
  auto held = r->validation.empty() ? result<trainer::read_examples>(trainer::read_examples())
                                    : trainer::read_data(r->validation, *words, r->max_tokens);
  if (!held) return tell(held.error(), exit_bad_input);
  const all_data data{std::move(*learnt), std::move(*held)};
  const auto out = trust::folder::open(r->out);
  if (!out) return tell(out.error(), exit_failed);
  if (const auto free = lora_card_place(*r, *out); !free) return tell(free.error(), exit_bad_input);
  if (!r->service.base_url.empty()) return run_lora_at_service(*r, o, data, *out);
  const auto model = open_model(*r, *path);
  if (!model) return tell(model.error(), exit_bad_input);
  auto t = o.resume ? resumed_as(*r, *out, *model, data.origin(*r)) : fresh(*r, *model);
  if (!t) return tell(t.error(), exit_bad_input);
  end_in_order_on_signals();
  validation v;
  if (const auto done = validate_model(*r, *model, data, v); !done)
    return tell(done.error(), exit_failed);
  if (auto done = train_here(*r, **t, data, *out, o.json, v); !done)
    return tell(done.error(), exit_failed);
  if (const auto done = write_lora_card(*r, *out, (*t)->files(), (*t)->steps(), data, v); !done)
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
