#include "tools/hocket/train/train_adapter.hpp"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/governance/card.hpp"
#include "actors/http/digest.hpp"
#include "actors/trainer/adapters/model_sum.hpp"
#include "engine/lora/interaction/conversation_trainer.hpp"
#include "tools/hocket/train/card_record.hpp"
#include "tools/hocket/train/curve.hpp"
#include "tools/hocket/train/lora_checkpoint.hpp"

namespace hocket::cli {
namespace {

using clock = std::chrono::steady_clock;
using lora::conversation_trainer;
using shared_model = std::shared_ptr<const engine::interaction_model>;

constexpr std::uint64_t held_out_conversations = 8, held_out_noise = 77;

lora::lora_config config_of(const train_plan& plan) {
  lora::lora_config c;
  c.rank = static_cast<int>(plan.adapter->rank), c.alpha = plan.adapter->alpha;
  c.base_model = plan.engine.from;
  if (plan.adapter->modules == "all-linear")
    c.all_linear = true;
  else
    c.expression = plan.adapter->modules;
  return c;
}

bool uses_bank(const train_plan& plan) { return plan.field > 0 && !plan.bank.empty(); }

/// What the card says of all steps: a resumed run goes on with the same.
nlohmann::json origin_of(const train_plan& plan) {
  nlohmann::json out{
      {"seed", plan.engine.seed},
      {"batch", plan.engine.batch},
      {"rate", plan.adapter->rate},
      {"data_seed", plan.data_seed},
      {"seconds", plan.seconds},
      {"families", plan.families},
      {"variety", plan.variety == scenarios::variety::rich ? "rich" : "plain"},
      {"slips", plan.slips},
      {"field", plan.field},
      {"field_ramp_steps", plan.field_ramp / static_cast<std::uint64_t>(plan.engine.batch)},
      {"bank", uses_bank(plan) ? plan.bank : ""}};
  if (!plan.voice.empty()) out["voice"] = plan.voice;  // records from before have none
  return out;
}

result<shared_model> open_model(const train_config& c) {
  if (c.from.empty())
    return fail("train.from", "an adapter is of a trained model: give its folder as `from`");
  auto model = engine::interaction_model::load(c.from, "cpu");
  if (!model) return fail("train.from", model.error().message);
  if ((*model)->words().to_json() != c.words.to_json())
    return fail("train.from", c.from +
                                  ": its vocabulary is not that of the conversations, and an "
                                  "adapter brings no words");
  return *model;
}

/// `seconds`: that the steps of a run that goes on took so far.
result<std::unique_ptr<conversation_trainer>> make_trainer(const train_plan& plan,
                                                           const shared_model& model,
                                                           const trust::folder& out,
                                                           double& seconds) {
  const auto wanted = config_of(plan);
  if (!plan.engine.resume) return conversation_trainer::create(model, wanted, plan.engine);
  const auto c = read_checkpoint(out);
  if (!c) return fail("train.resume", c.error().message);
  seconds = c->seconds;
  const auto is = nlohmann::json::parse(c->files.config, nullptr, false);
  const auto asked = nlohmann::json::parse(lora::write_peft_config(wanted));
  const auto other = [&](const std::string& key) {
    return fail("train.other_recipe",
                fmt::format("{}/checkpoint was begun with another `{}`: train anew without "
                            "--resume, or in another folder",
                            plan.engine.output, key));
  };
  for (const char* key : {"r", "lora_alpha", "target_modules", "base_model_name_or_path"})
    if (is.value(key, nlohmann::json()) != asked.value(key, nlohmann::json())) return other(key);
  const auto was = c->origin.is_object() ? c->origin : nlohmann::json::object();
  const auto now = origin_of(plan);
  for (const auto& [key, value] : now.items())
    if (was.value(key, nlohmann::json()) != value) return other(key);
  return conversation_trainer::open(model, c->files, plan.engine, &c->moments);
}

std::vector<training_example> made(const engine::example_source& source, std::uint64_t first,
                                   std::uint64_t count) {
  std::vector<training_example> all;
  for (std::uint64_t i = 0; i < count; ++i) all.push_back(source.make(first + i));
  return all;
}

/// The losses that `measure` gives, as the training weighs them (that of the words that sound is none of
/// them), of conversations that it does not see.
result<double> loss_of(const conversation_trainer& t, const train_config& c,
                       const std::vector<training_example>& held_out) {
  const auto m = t.measure(held_out, held_out_noise);
  if (!m) return fail(m);
  return c.text_weight * m->loss_text + c.heard_weight * m->loss_heard +
         c.gate_weight * m->loss_gate + c.flow_weight * m->loss_flow;
}

result<void> write_card(const train_plan& plan, const trust::folder& out,
                        const conversation_trainer& t, double before, double after) {
  const auto& c = plan.engine;
  const auto files = t.files();
  governance::card_facts f;
  f.name = plan.adapter->name, f.base_model = c.from;
  auto base = trainer::model_sha256(c.from);
  if (!base) return fail(base);
  f.base_sha256 = *base;
  f.adapter_config = files.config, f.weights_sha256 = http::sha256_hex(files.weights);
  f.weights_bytes = static_cast<std::int64_t>(files.weights.size());
  f.source = fmt::format("synthetic conversations, seed {}", plan.data_seed);
  // A bank may hold people's recordings: what they agreed to is not known here.
  if (uses_bank(plan))
    f.source += fmt::format(", with voices of the speech bank {}", plan.bank);
  else
    f.consent = "no persons";
  f.data.push_back({f.source, t.steps() * c.batch, ""});
  f.recipe = origin_of(plan);
  f.recipe.update({{"rank", plan.adapter->rank},
                   {"alpha", plan.adapter->alpha},
                   {"modules", plan.adapter->modules},
                   {"steps", t.steps()}});
  f.evaluations = nlohmann::json::array(
      {{{"what", "loss of held-out conversations"}, {"before", before}, {"after", after}}});
  const auto card = governance::make_card(f);
  HOCKET_TRY(out.write("card.json", card.dump(2) + "\n"));
  HOCKET_TRY(out.write("README.md", governance::markdown_of(card)));
  return record_card(plan.adapter->ledger, card, before - after);
}

/// Steps until the end, with a row of the curve for every `log_every`. `before`: seconds of an earlier part.
result<void> run(const train_plan& plan, const engine::example_source& source,
                 conversation_trainer& t, const trust::folder& out, double before,
                 const std::function<bool(const train_progress&)>& report) {
  const auto& c = plan.engine;
  const auto begun = clock::now();
  const auto seconds = [&] {
    return before + std::chrono::duration<double>(clock::now() - begun).count();
  };
  double logged_s = before, saved_s = before;
  std::int64_t logged = t.steps();
  const auto save = [&] {
    return write_checkpoint(out, {t.files(), t.optimizer_state(), origin_of(plan), seconds()});
  };
  HOCKET_TRY(cut_curve(c.output, t.steps()));
  HOCKET_TRY(save());
  while (t.steps() < c.steps) {
    const auto batch = static_cast<std::uint64_t>(c.batch);
    const auto scale = rate_scale(c, t.steps());
    const auto means = t.step(made(source, static_cast<std::uint64_t>(t.steps()) * batch, batch),
                              {.learning_rate = plan.adapter->rate * scale, .grad_clip_norm = 1});
    if (!means) return fail(means);
    bool stop = false;
    if (t.steps() % c.log_every == 0 || t.steps() == c.steps) {
      train_progress p;
      static_cast<engine::training_means&>(p) = *means;
      p.step = t.steps(), p.steps = c.steps, p.rate_scale = scale, p.seconds = seconds();
      p.seconds_per_step = (p.seconds - logged_s) / static_cast<double>(t.steps() - logged);
      HOCKET_TRY(append_curve(c.output, p));
      stop = !report(p);
      logged = t.steps(), logged_s = p.seconds;
    }
    if (stop || t.steps() == c.steps || seconds() - saved_s > c.checkpoint_minutes * 60) {
      HOCKET_TRY(save());
      saved_s = seconds();
    }
    if (stop) break;
  }
  return {};
}

}  // namespace

result<void> train_adapter(const train_plan& plan, const engine::example_source& source,
                           const engine::example_source& held_out,
                           const std::function<bool(const train_progress&)>& report) {
  const auto model = open_model(plan.engine);
  if (!model) return fail(model);
  const auto out = trust::folder::open(plan.engine.output);
  if (!out) return fail(out);
  HOCKET_TRY(governance::check_card_place(*out, plan.adapter->name));
  HOCKET_TRY(check_ledger(plan.adapter->ledger));
  double seconds = 0;
  auto t = make_trainer(plan, *model, *out, seconds);
  if (!t) return fail(t);
  const auto judged = made(held_out, 0, held_out_conversations);
  // An adapter that was not trained changes nothing: its loss is the model's.
  const auto fresh = conversation_trainer::create(*model, config_of(plan), plan.engine);
  if (!fresh) return fail(fresh);
  const auto before = loss_of(**fresh, plan.engine, judged);
  if (!before) return fail(before);
  HOCKET_TRY(run(plan, source, **t, *out, seconds, report));
  const auto after = loss_of(**t, plan.engine, judged);
  if (!after) return fail(after);
  return write_card(plan, *out, **t, *before, *after);
}

}  // namespace hocket::cli
