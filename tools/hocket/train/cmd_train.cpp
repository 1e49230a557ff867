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

/// A closed-loop evaluation of the model as it is now; adds a row to eval.csv.
result<void> evaluate(const train_plan& plan, const engine::interaction_trainer& trainer,
                      bool quiet) {
  auto folder = export_now(plan, trainer);
  if (!folder) return fail(folder);
  auto model = engine::interaction_model::load(*folder, "cpu");
  if (!model) return fail(model);
  scenarios::source_options source;
  source.seed = heldout_seed, source.seconds = plan.seconds, source.families = plan.families;
  source.sound = plan.variety;
  const auto scripts = heldout_scripts(source, (*model)->words(), plan.eval_conversations);
  if (!scripts) return fail(scripts);
  auto done = engine::run_closed_loop(*model, *scripts, {}, 32, tolerance_micro_turns, {});
  if (!done) return fail(done);
  const auto m = summarise_closed_loop(*done).items();
  const std::string path = plan.engine.output + "/eval.csv";
  const bool fresh = !std::filesystem::exists(path);
  std::string line;
  if (fresh) line = "step,recall,recall_low,recall_high,precision,precision_low,precision_high,n\n";
  line += fmt::format("{},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f},{}\n",
                      (*model)->description().trained_steps, m[0].value, *m[0].low, *m[0].high,
                      m[1].value, *m[1].low, *m[1].high, plan.eval_conversations);
  const auto file = trust::create_file(path, trust::create_as::appended);
  if (!file) return fail(file);
  HOCKET_TRY(file->write(line));
  if (!quiet)
    fmt::print("closed loop at step {}: recall {:.3f}, precision {:.3f}\n",
               (*model)->description().trained_steps, m[0].value, m[1].value);
  return {};
}

/// The training's voices; none, and a note, where the training file names a folder that is not there.
result<std::shared_ptr<const scenarios::speech_bank>> bank_of(const std::string& folder,
                                                              bool asked_for) {
  std::shared_ptr<const scenarios::speech_bank> bank;
  std::error_code ignored;
  if (!folder.empty() && (asked_for || std::filesystem::exists(folder, ignored))) {
    auto opened = scenarios::speech_bank::open(folder, scenarios::split::train);
    if (!opened) return fail(opened);
    bank = std::move(*opened);
  }
  const auto persons = bank ? bank->neural().size() : 0;
  const auto people = bank ? bank->people().size() : 0;
  fmt::print(stderr, "speech bank `{}`: {} neural voices, {}people's words\n", folder, persons,
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
  c.words = scenarios::nano_vocabulary();
  c.model.vocabulary = static_cast<int>(c.words.size());
  scenarios::source_options data;
  data.seed = plan.data_seed, data.seconds = plan.seconds, data.families = plan.families;
  data.sound = plan.variety, data.slips = plan.slips, data.field = plan.field;
  if (!o.bank.empty()) plan.bank = o.bank;
  if (data.field > 0) {
    auto bank = bank_of(plan.bank, !o.bank.empty());
    if (!bank) return tell(bank.error(), exit_bad_input);
    data.bank = std::move(*bank);
  }
  if (!data.bank) plan.bank.clear();  // the card names none that was not there
  auto source = scenarios::make_source(data);
  if (!source) return tell(source.error(), exit_failed);

  if (plan.adapter) return run_adapter(plan, data, **source, o.json);
  const bool bar = !o.json && isatty(STDOUT_FILENO);
  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  using clock = std::chrono::steady_clock;
  auto last_eval = clock::now();
  const auto done =
      train(c, **source, [&](const train_progress& p, const engine::interaction_trainer& trainer) {
        print_progress(p, bar, o.json);
        const double minutes = std::chrono::duration<double>(clock::now() - last_eval).count() / 60;
        if (plan.eval_minutes > 0 && minutes > plan.eval_minutes) {
          if (bar) fmt::print("\n");
          if (auto ok = evaluate(plan, trainer, o.json); !ok) tell(ok.error(), 0);
          (void)draw_training_curves(c.output, c.output + "/curve.svg");
          last_eval = clock::now();
        }
        return !interrupted.load();
      });
  if (bar) fmt::print("\n");
  if (!done) return tell(done.error(), exit_failed);
  if (auto ok = evaluate(plan, *done, o.json); !ok) return tell(ok.error(), exit_failed);
  if (auto drawn = draw_training_curves(c.output, c.output + "/curve.svg"); !drawn)
    tell(drawn.error(), 0);
  if (!o.json) fmt::print("{}/model: config.json, vocabulary.json, model.safetensors\n", c.output);
  return exit_fine;
}

}  // namespace hocket::cli
