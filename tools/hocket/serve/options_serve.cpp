// Options of the commands that serve.
#include "tools/hocket/options.hpp"
#include "tools/hocket/serve/commands.hpp"

namespace hocket::cli {

void add_serve_tinker(CLI::App& serve, action& chosen) {
  static serve_tinker_options o;
  auto& sub = *serve.add_subcommand(
      "tinker", "Fine-tuning for Tinker clients, completions for OpenAI clients");
  // The parent's callback comes after this one and would replace it.
  sub.callback([&serve, &chosen] {
    serve.callback([] {});
    chosen = [] { return run_serve_tinker(o); };
  });
  sub.add_option("model", o.model,
                 "Folder with config.json and model.safetensors, a GGUF file, or a package that\n"
                 "`hocket model get` fetched")
      ->required();
  sub.add_option("--name", o.names, "Name of the model for clients; repeat for aliases")
      ->allow_extra_args(false);
  sub.add_option("--listen", o.listen, "Address")->capture_default_str();
  sub.add_option("--out", o.out, "Folder of checkpoints")->capture_default_str();
  sub.add_option("--keys", o.keys,
                 "File of API keys with owners, scopes and quotas, as `hocket keys api` writes it")
      ->type_name("FILE");
  sub.add_option("--context", o.context, "Tokens a sequence may have; 0 = as the model says");
  sub.add_option("--alpha", o.alpha, "Scale of new adapters, times their rank")
      ->capture_default_str()
      ->check(finite());
  sub.add_option(
         "--precision", o.precision,
         "Of products with the model's weights; sums are fp32. bfloat16 is several times as\n"
         "fast where the processor multiplies it")
      ->capture_default_str()
      ->check(CLI::IsMember({"fp32", "bfloat16"}));
  sub.add_option("--at-once", o.at_once,
                 "Passes of training at the same time; each is over sequences of many models")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  sub.add_option("--ledger", o.ledger,
                 "Record cards of checkpoints, and freeze what incidents name");
  sub.add_option("--policy", o.policy, "What must hold before a checkpoint is served or exported");
  add_json(sub, o.json);
}

}  // namespace hocket::cli
