// Options of `hocket eval`.
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/eval/eval_background.hpp"
#include "tools/hocket/eval/options_eval_safety.hpp"
#include "tools/hocket/options.hpp"

namespace hocket::cli {

void add_eval(CLI::App& app, action& chosen) {
  static eval_options o;
  auto& sub = command(app, chosen, "eval", "Evaluate a model", [] { return run_eval(o); });
  sub.add_option("what", o.what, "closed-loop: the model hears only the person and itself")
      ->check(CLI::IsMember({"closed-loop"}))
      ->capture_default_str();
  sub.add_option("--model", o.model, "Model folder")->capture_default_str();
  sub.add_option("--conversations", o.conversations, "How many")->capture_default_str();
  sub.add_option("--seed", o.seed, "First seed; 0 = the held-out seeds")->capture_default_str();
  sub.add_option("--seconds", o.seconds, "Length of a conversation")
      ->capture_default_str()
      ->check(finite());
  sub.add_option("--family", o.families, "Only these families (repeat), or all; none = the core");
  sub.add_flag("--rich", o.rich, "flite voices too, rooms, noise, echo, loss");
  sub.add_option("--batch", o.batch, "Conversations at once")->capture_default_str();
  sub.add_option("--out", o.out, "JSON file to write too");
  add_json(sub, o.json);
  add_eval_duplex(sub, chosen);
  add_eval_background(sub, chosen);
  add_eval_safety(sub, chosen);
}

}  // namespace hocket::cli
