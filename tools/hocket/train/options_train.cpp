// Options of the commands that train and make data.
#include "tools/hocket/options.hpp"
#include "tools/hocket/train/commands.hpp"
#include "tools/hocket/train/show.hpp"

namespace hocket::cli {

void add_train(CLI::App& app, action& chosen) {
  static train_options o;
  auto& sub = command(app, chosen, "train", "Train a model", [] { return run_train(o); });
  sub.add_option("config", o.config, "Training file (YAML), such as configs/train/nano.yaml");
  sub.add_flag("--resume", o.resume, "Go on from the newest checkpoint");
  sub.add_option("--steps", o.steps, "Stop after that many steps; 0 = as the config says");
  sub.add_option("--decay-steps", o.decay_steps, "Length of the last learning-rate decay");
  sub.add_option("--out", o.out, "Folder for checkpoints and curves");
  sub.add_option("--from", o.from, "Folder of a trained model to begin with");
  sub.add_option("--bank", o.bank, "Folder of the speech bank (tools/scenarios/bank)");
  sub.add_option("--workers", o.workers, "Threads that make training data");
  add_json(sub, o.json);
  auto& lora = *sub.add_subcommand("lora", "Train an adapter of a language model");
  // The parent's callback comes after this one and would replace it.
  lora.callback([&sub, &chosen] {
    sub.callback([] {});
    chosen = [] { return run_train_lora(o); };
  });
  lora.add_option("recipe", o.config, "Recipe (YAML): model, data, steps, ...")->required();
  lora.add_flag("--resume", o.resume, "Go on from the checkpoint");
  lora.add_option("--steps", o.steps, "In all; 0 = as the recipe says");
  lora.add_option("--out", o.out, "Folder of the adapter");
  add_json(lora, o.json);
  static show_options s;
  auto& show = *sub.add_subcommand("show", "Figures and a picture of a run that trained");
  show.callback([&sub, &chosen] {
    sub.callback([] {});
    chosen = [] { return run_train_show(s); };
  });
  show.add_option("folder", s.folder, "The --out folder of a run, or of train lora")->required();
  show.add_option("--out", s.out,
                  "Picture to write (.svg, .png); learning.svg and .png in the folder");
  add_json(show, s.json);
}

void add_scenarios(CLI::App& app, action& chosen) {
  static scenarios_options o;
  auto& sub = command(app, chosen, "scenarios", "Make synthetic conversations with exact labels",
                      [] { return run_scenarios(o); });
  sub.add_option("--out", o.out, "Folder to write")->capture_default_str();
  sub.add_option("--count", o.count, "How many")->capture_default_str();
  sub.add_option("--seed", o.seed, "First seed")->capture_default_str();
  sub.add_option("--split", o.split, "Voices and seeds")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "heldout"}));
  sub.add_option("--family", o.families, "Only these families (repeat), or all; none = the core");
  sub.add_flag("--rich", o.rich, "flite voices too, rooms, noise, echo, loss");
  sub.add_option("--field", o.field, "Share with noise, telephones and talk for others")
      ->check(CLI::Range(0.0, 1.0))
      ->check(finite());
  sub.add_option("--bank", o.bank, "Folder of the speech bank (tools/scenarios/bank)");
  sub.add_flag("--demo", o.demo, "The conversation that tools/run shows");
  add_json(sub, o.json);
}

}  // namespace hocket::cli
