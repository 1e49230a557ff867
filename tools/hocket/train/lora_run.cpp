#include "tools/hocket/train/lora_run.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <sstream>

#include <nlohmann/json.hpp>

#include "actors/governance/card.hpp"
#include "actors/http/digest.hpp"
#include "actors/trainer/adapters/model_sum.hpp"
#include "actors/trainer/data/schedule.hpp"
#include "engine/language/packages/packages.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/train/card_record.hpp"

namespace hocket::cli {

result<void> write_lora_card(const lora_recipe& r, const trust::folder& out,
                             const lora::adapter_files& files, std::int64_t steps,
                             const all_data& data, const validation& v) {
  governance::card_facts f;
  f.name = r.name, f.base_model = r.service.base_url.empty() ? r.model : r.service.model;
  f.adapter_config = files.config, f.weights_sha256 = http::sha256_hex(files.weights);
  f.weights_bytes = static_cast<std::int64_t>(files.weights.size());
  f.source = r.source, f.licence = r.licence, f.consent = r.consent, f.constraints = r.constraints;
  const auto path = language::find_model(r.model);
  if (!path) return fail(path);
  // A folder of words alone has no weights to sum: which ones a service has, it alone knows.
  if (r.service.base_url.empty() || trainer::holds_weights(*path)) {
    auto base = trainer::model_sha256(*path);
    if (!base) return fail(base);
    f.base_sha256 = *base;
  }
  // As they were read: the files may have changed since.
  f.data.push_back({r.data, data.learnt.lines, data.learnt.sha256});
  if (!r.validation.empty())
    f.data.push_back({r.validation + " (validation)", data.held.lines, data.held.sha256});
  auto settings = r;
  const auto text = flow_text(to_value(settings));
  f.recipe = nlohmann::json::parse(text, nullptr, false);
  // YAML has escapes that JSON lacks.
  if (!f.recipe.is_object()) f.recipe = {{"text", text}};
  f.recipe["steps_done"] = steps;
  if (r.service.base_url.empty()) f.recipe.erase("service");
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

result<void> lora_card_place(const lora_recipe& r, const trust::folder& out) {
  HOCKET_TRY(governance::check_card_place(out, r.name));
  return check_ledger(r.ledger);
}

namespace {

trainer::schedule schedule_of(const lora_recipe& r) {
  return {.steps = r.steps,
          .batch = r.batch,
          .warmup = r.warmup,
          .rate = r.rate,
          .seed = static_cast<std::uint64_t>(r.seed)};
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

}  // namespace

result<void> run_lora_steps(const lora_recipe& r, const lora_steps& by, const all_data& all,
                            const trust::folder& out, bool json, validation& v) {
  const auto& data = all.learnt.examples;
  const auto& held = all.held.examples;
  auto rows = rows_until(out, by.done);
  const auto curve = out.create("curve.csv");
  if (!curve) return fail(curve);
  HOCKET_TRY(curve->write(rows));
  const auto plan = schedule_of(r);
  progress bar(json, static_cast<std::size_t>(r.steps), "lora");
  auto began = std::chrono::steady_clock::now();
  double tokens = 0;
  for (auto step = by.done; step < r.steps && signal_that_came() == 0; ++step) {
    const auto some = trainer::batch_of(data, plan, step);
    const auto moved = by.step(some, plan.rate_at(step));
    if (!moved) return fail(moved);
    for (const auto& d : some) tokens += static_cast<double>(d.tokens.size());
    bar.at(static_cast<std::size_t>(step + 1), fmt::format("loss {:.4f}", *moved));
    const bool last = step + 1 == r.steps;
    if ((step + 1) % r.eval_every == 0 || last) {
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
      const auto loss = held.empty() ? result<double>(std::nan("")) : by.mean_loss(held);
      if (!loss) return fail(loss);
      if (!held.empty()) v.after = *loss;
      const auto shown = held.empty() ? "" : fmt::format("{:.6f}", *loss);
      HOCKET_TRY(curve->write(
          fmt::format("{},{:.6f},{},{:.1f}\n", step + 1, *moved, shown, tokens / took.count())));
      if (json) {
        say("{}\n",
            nlohmann::json{{"step", step + 1},
                           {"loss", *moved},
                           {"validation", held.empty() ? nlohmann::json() : nlohmann::json(*loss)},
                           {"tokens_per_s", tokens / took.count()}}
                .dump());
        std::fflush(stdout);  // whoever reads a pipe sees each step as it is done
      }
      began = std::chrono::steady_clock::now(), tokens = 0;
    }
    if ((step + 1) % r.save_every == 0 && !last) HOCKET_TRY(by.save());
  }
  bar.finish();
  return by.save();
}

}  // namespace hocket::cli
