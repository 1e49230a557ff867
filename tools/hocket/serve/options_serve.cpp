// Options of the commands that serve.
#include "tools/hocket/options.hpp"
#include "tools/hocket/serve/commands.hpp"

namespace hocket::cli {

void add_serve(CLI::App& app, action& chosen) {
  auto* serve = app.add_subcommand("serve", "Serve a model over HTTP");
  serve->require_subcommand(1);
  static serve_tinker_options o;
  auto& sub = command(*serve, chosen, "tinker",
                      "Fine-tuning for Tinker clients, completions for OpenAI clients",
                      [] { return run_serve_tinker(o); });
  sub.add_option("model", o.model, "Folder with config.json and model.safetensors, or a GGUF file")
      ->required();
  sub.add_option("--name", o.names, "Name of the model for clients; repeat for aliases")
      ->allow_extra_args(false);
  sub.add_option("--listen", o.listen, "Address")->capture_default_str();
  sub.add_option("--out", o.out, "Folder of checkpoints")->capture_default_str();
  sub.add_option("--keys", o.keys, "File with a line `KEY OWNER` for each API key")
      ->type_name("FILE");
  sub.add_option("--context", o.context, "Tokens a sequence may have; 0 = as the model says");
  sub.add_option("--alpha", o.alpha, "Scale of new adapters, times their rank")
      ->capture_default_str();
  add_json(sub, o.json);
}

}  // namespace hocket::cli
