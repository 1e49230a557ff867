// hocket train: an interaction model from scratch on synthetic conversations.
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "graph/trust/files.hpp"
#include "tools/hocket/train/commands.hpp"
#include "tools/report/curves.hpp"
#include "tools/hocket/checksums.hpp"
#include "tools/hocket/eval/heldout.hpp"
#include "tools/hocket/train/eval_on_the_way.hpp"
#include "tools/hocket/train/train_adapter.hpp"
#include "tools/hocket/train/train_file.hpp"
#include "tools/hocket/train/train_loop.hpp"
#include "tools/hocket/say.hpp"
#include "tools/scenarios/source.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::cli {

using namespace report;
namespace {

std::atomic<bool> interrupted{false};

/// The model as it is now in the form that the engine loads, in `<out>/model`.
result<std::string> export_now(const train_plan& plan, const engine::interaction_trainer& trainer) {
  const std::string folder = plan.engine.output + "/model";
  HOCKET_TRY(write_model(trainer, plan.engine.model, folder));
  HOCKET_TRY(plan.engine.words.save(folder + "/vocabulary.json"));
  HOCKET_TRY(write_checksums(folder));
  return folder;
}

/// A closed-loop evaluation; adds a row to eval.csv.
result<void> evaluate(eval_on_the_way& watched, const std::string& folder, std::int64_t step,
                      bool quiet) {
  const auto row = watched.run(folder, step);
  if (!row) return fail(row);
  if (quiet) return {};
  fmt::print("closed loop at step {}: recall {:.3f}, precision {:.3f}", row->step, row->recall,
             row->precision);
  if (row->field_recall >= 0)
    fmt::print("; in the field {:.3f}, {:.3f}; {:.1f} words/min into other talk", row->field_recall,
               row->field_precision, row->other_talk_words_per_min);
  fmt::print("\n");
  std::fflush(stdout);
  return {};
}

/// The same of the model as it is now.
result<void> evaluate(const train_plan& plan, eval_on_the_way& watched,
                      const engine::interaction_trainer& trainer, bool quiet) {
  auto folder = export_now(plan, trainer);
  if (!folder) return fail(folder);
  return evaluate(watched, *folder, trainer.steps(), quiet);
}

/// The voices of a split, `without` that of the model; none, and a note, where the training file names a folder that is not there.
result<std::shared_ptr<const scenarios::speech_bank>> bank_of(const std::string& folder,
                                                              bool asked_for,
                                                              scenarios::split which,
                                                              const std::string& without) {
  std::shared_ptr<const scenarios::speech_bank> bank;
  std::error_code ignored;
  if (!folder.empty() && (asked_for || std::filesystem::exists(folder, ignored))) {
    auto opened = scenarios::speech_bank::open(folder, which, without);
    if (!opened) return fail(opened);
    bank = std::move(*opened);
  }
  const auto persons = bank ? bank->neural().size() : 0;
  const auto people = bank ? bank->people().size() : 0;
  fmt::print(stderr, "speech bank `{}`{}: {} neural voices, {}people's words\n", folder,
             which == scenarios::split::train ? "" : ", held out", persons,
             people > 0 ? "" : "no ");
  return bank;
}

void print_progress(const train_progress& p, bool bar, bool json) {
  if (json) {
    fmt::print("{}\n", nlohmann::json{{"step", p.step},
                                      {"steps", p.steps},
                                      {"seconds", p.seconds},
                                      {"loss_text", p.loss_text},
                                      {"loss_heard", p.loss_heard},
                                      {"loss_gate", p.loss_gate},
                                      {"loss_flow", p.loss_flow},
                                      {"word_recall", p.word_recall},
                                      {"word_false", p.word_false},
                                      {"heard_recall", p.heard_recall},
                                      {"spoken_recall", p.spoken_recall},
                                      {"expert_peak", p.expert_peak},
                                      {"rate_scale", p.rate_scale},
                                      {"seconds_per_step", p.seconds_per_step}}
                           .dump());
    std::fflush(stdout);
    return;
  }
  const double part = static_cast<double>(p.step) / static_cast<double>(p.steps);
  const double left = static_cast<double>(p.steps - p.step) * p.seconds_per_step;
  std::string head = fmt::format("step {}/{}", p.step, p.steps);
  if (bar) {
    std::string blocks;
    for (int i = 0; i < 24; ++i) blocks += i < part * 24 ? "█" : "░";
    head = "\r\033[K" + blocks + " " + head;
  }
  fmt::print(
      "{} text {:.4f} heard {:.4f} gate {:.4f} flow {:.4f} | words {:.3f} heard {:.3f} spoken "
      "{:.3f} | "
      "rate {:.2f} | {:.2f} s/step, {:.0f} min left{}",
      head, p.loss_text, p.loss_heard, p.loss_gate, p.loss_flow, p.word_recall, p.heard_recall,
      p.spoken_recall, p.rate_scale, p.seconds_per_step, left / 60, bar ? "" : "\n");
  std::fflush(stdout);
}

/// Of an adapter: the same reports, no closed loop on the way.
int run_adapter(const train_plan& plan, scenarios::source_options data,
                const engine::example_source& source, bool json) {
  data.seed = heldout_seed, data.which = scenarios::split::heldout, data.bank = nullptr;
  data.field_ramp = 0;  // held out is what it comes to in the end
  const auto held_out = scenarios::make_source(data);
  if (!held_out) return tell(held_out.error(), exit_failed);
  const bool bar = !json && isatty(STDOUT_FILENO);
  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  engine::use_one_torch_thread();
  const auto& out = plan.engine.output;
  const auto done = train_adapter(plan, source, **held_out, [&](const train_progress& p) {
    print_progress(p, bar, json);
    return !interrupted.load();
  });
  if (bar) fmt::print("\n");
  if (!done)
    return tell(done.error(),
                done.error().code.starts_with("train.") || done.error().code == "lora.bad_config"
                    ? exit_bad_input
                    : exit_failed);
  if (auto drawn = draw_training_curves(out, out + "/curve.svg"); !drawn) tell(drawn.error(), 0);
  if (!json) fmt::print("{}: adapter_config.json, adapter_model.safetensors, card.json\n", out);
  return exit_fine;
}

}  // namespace

int run_train(const train_options& o) {
  if (o.config.empty())
    return tell({"cli.bad-arguments", "config is required: such as configs/train/nano.yaml"},
                exit_bad_input);
  diagnostics findings;
  train_plan plan = read_train_file(o.config, findings);
  if (findings.has_errors()) {
    findings.sort();
    say(stderr, "{}", findings.to_string());
    return exit_bad_input;
  }
  auto& c = plan.engine;
  c.resume = o.resume;
  if (!o.out.empty()) c.output = o.out;
  if (o.workers > 0) c.workers = o.workers;
  if (o.steps > 0) c.steps = o.steps;
  if (o.decay_steps >= 0 && o.resume)
    c.decay_now = o.decay_steps;
  else if (o.decay_steps >= 0)
    c.decay_steps = o.decay_steps;
  if (!o.from.empty()) c.from = o.from;
  const bool published = engine::is_published(c.from);
  if (published) {
    auto layers = engine::on_published_layers(c.from, c.model);
    if (!layers) return tell(layers.error(), exit_bad_input);
    c.model = std::move(*layers);
  }
  c.words = scenarios::nano_vocabulary();
  c.model.vocabulary = static_cast<int>(c.words.size());
  scenarios::source_options data;
  data.seed = plan.data_seed, data.seconds = plan.seconds, data.families = plan.families;
  data.sound = plan.variety, data.slips = plan.slips, data.field = plan.field;
  data.field_ramp = plan.field_ramp;
  if (!o.voice.empty()) plan.voice = o.voice;
  if (!plan.voice.empty()) {
    auto voice = scenarios::model_voice::open(plan.voice);
    if (!voice) return tell(voice.error(), exit_bad_input);
    data.voice = std::move(*voice);
  }
  const std::string own = data.voice ? data.voice->name() : "";
  if (!o.bank.empty()) plan.bank = o.bank;
  std::shared_ptr<const scenarios::speech_bank> unheard;  // of the evaluations
  if (data.field > 0) {
    auto bank = bank_of(plan.bank, !o.bank.empty(), scenarios::split::train, own);
    if (!bank) return tell(bank.error(), exit_bad_input);
    auto heldout = bank_of(plan.bank, !o.bank.empty(), scenarios::split::heldout, own);
    if (!heldout) return tell(heldout.error(), exit_bad_input);
    data.bank = std::move(*bank), unheard = std::move(*heldout);
  }
  if (!data.bank) plan.bank.clear();  // the card names none that was not there
  auto source = scenarios::make_source(data);
  if (!source) return tell(source.error(), exit_failed);

  if (plan.adapter) return run_adapter(plan, data, **source, o.json);
  const bool bar = !o.json && isatty(STDOUT_FILENO);
  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  using clock = std::chrono::steady_clock;
  eval_on_the_way watched(plan, std::move(unheard));
  if (plan.eval_minutes > 0 && !c.resume && !c.from.empty() &&
      !published)  // what later rows are held against
    if (auto ok = evaluate(watched, c.from, 0, o.json); !ok) return tell(ok.error(), exit_failed);
  if (interrupted) return exit_fine;  // nothing is learnt yet
  auto last_eval = clock::now();
  const auto done =
      train(c, **source, [&](const train_progress& p, const engine::interaction_trainer& trainer) {
        print_progress(p, bar, o.json);
        const double minutes = std::chrono::duration<double>(clock::now() - last_eval).count() / 60;
        if (plan.eval_minutes > 0 && minutes > plan.eval_minutes && !interrupted) {
          if (bar) fmt::print("\n");
          if (auto ok = evaluate(plan, watched, trainer, o.json); !ok) tell(ok.error(), 0);
          (void)draw_training_curves(c.output, c.output + "/curve.svg");
          last_eval = clock::now();
        }
        return !interrupted.load();
      });
  if (bar) fmt::print("\n");
  if (!done) return tell(done.error(), exit_failed);
  if (interrupted) {  // whoever stops it does not wait for minutes of evaluation
    if (auto ok = export_now(plan, *done); !ok) return tell(ok.error(), exit_failed);
  } else if (auto ok = evaluate(plan, watched, *done, o.json); !ok) {
    return tell(ok.error(), exit_failed);
  }
  if (auto drawn = draw_training_curves(c.output, c.output + "/curve.svg"); !drawn)
    tell(drawn.error(), 0);
  if (!o.json) fmt::print("{}/model: config.json, vocabulary.json, model.safetensors\n", c.output);
  return exit_fine;
}

}  // namespace hocket::cli
