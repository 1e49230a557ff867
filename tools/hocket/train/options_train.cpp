// Options of the commands that train and make data.
#include "tools/hocket/options.hpp"
#include "tools/hocket/train/commands.hpp"
#include "tools/hocket/train/show.hpp"
#include "tools/hocket/train/train_judge.hpp"

namespace hocket::cli {

namespace {

void add_train_judge(CLI::App& train, action& chosen) {
  static judge_options o;
  auto& sub =
      *train.add_subcommand("judge", "Train the head of policy.judge from families of wordings");
  sub.callback([&train, &chosen] {
    train.callback([] {});
    chosen = [] { return o.language_model.empty() ? run_train_judge(o) : run_train_sentences(o); };
  });
  sub.add_option("families", o.families, "Families of wordings (YAML)")->capture_default_str();
  sub.add_option("--policy", o.policy, "Policy file whose topics they are")
      ->capture_default_str()
      ->type_name("FILE");
  sub.add_option("--also", o.also,
                 "Files of cases to learn as well, such as what eval red-team kept")
      ->type_name("FILE");
  sub.add_option("--held-out", o.held_out, "Cases that it is measured with, and never trained on")
      ->capture_default_str()
      ->type_name("FILE");
  sub.add_option("--out", o.out, "File of the head; its card (.md) comes beside it")
      ->type_name("FILE");
  sub.add_option("--seed", o.seed, "Of everything that is drawn")->capture_default_str();
  sub.add_option("--each", o.each,
                 "Wordings of a pattern, at most; 0: 40, or 12 with --language-model")
      ->check(CLI::Range(0, 10000));
  sub.add_option("--language-model", o.language_model,
                 "Train a head over this model's hidden states: a file, a folder or a package")
      ->type_name("MODEL");
  sub.add_option("--kinds", o.kinds, "With it: more families of wordings (YAML)")
      ->type_name("FILE");
  sub.add_option("--words", o.words, "With it: the head over words that it is asked together with")
      ->type_name("FILE");
  sub.add_option("--words-count", o.words_count,
                 "With it: what that head's margin adds to the log odds of harm; 0: nothing")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0));
  sub.add_option(
         "--over-refused", o.over_refused,
         "With it: share of harmless wordings of patterns apart that it may refuse, at most")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  sub.add_option("--layer", o.layer, "With it: whose states; 0: the last layer's")
      ->check(CLI::Range(0, 4096));
  sub.add_option("--threads", o.threads, "With it: of the model")->check(CLI::Range(1, 64));
  add_json(sub, o.json);
}

}  // namespace

void add_train(CLI::App& app, action& chosen) {
  static train_options o;
  auto& sub = command(app, chosen, "train", "Train a model", [] { return run_train(o); });
  sub.add_option("config", o.config, "Training file (YAML), such as configs/train/nano.yaml");
  sub.add_flag("--resume", o.resume, "Go on from the newest checkpoint");
  sub.add_option("--steps", o.steps, "Stop after that many steps; 0 = as the config says");
  sub.add_option("--decay-steps", o.decay_steps, "Length of the last learning-rate decay");
  sub.add_option("--out", o.out, "Folder for checkpoints and curves");
  sub.add_option("--from", o.from, "Folder of a model to begin with, trained or published");
  sub.add_option("--bank", o.bank, "Folder of the speech bank (tools/scenarios/bank)");
  sub.add_option("--voice", o.voice, "Folder of the voice it learns (bank/own_voice.py)");
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
  add_train_judge(sub, chosen);
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
  sub.add_option("--voice", o.voice, "Folder of the model's own voice (bank/own_voice.py)");
  sub.add_flag("--texts", o.texts, "Print what bank/own_voice.py has to say, and nothing else");
  sub.add_flag("--phrases", o.phrases,
               "Write what the model says, by its teacher and through the vocoder, to be judged");
  sub.add_option("--vocoder", o.vocoder,
                 "For --phrases: vocoder.safetensors; none = the plain one");
  sub.add_flag("--demo", o.demo, "The conversation that tools/run shows");
  add_json(sub, o.json);
}

}  // namespace hocket::cli
