// What a graph may say of `planner: language`.
#include "actors/background/language/language_planner.hpp"

namespace hocket::background {

void language_planner::config::visit(config_visitor& v) {
  v.field(
      {.name = "model",
       .doc = "a model in this process: a GGUF file, a folder with config.json, or a package that "
              "`hocket model get` fetched",
       .is_path = true},
      model);
  v.field({.name = "openai.base_url",
           .doc = "an OpenAI-compatible endpoint, as clients take it (`https://host/v1`)",
           .is_address = true},
          base_url);
  v.field({.name = "openai.model", .doc = "the model's name there"}, endpoint_model);
  v.field({.name = "openai.key_env", .doc = "variable that holds the key; empty: none is sent"},
          key_env);
  v.field({.name = "openai.ca_file",
           .doc = "PEM file to trust instead of the system's list",
           .is_path = true},
          ca_file);
  v.field({.name = "served.base_url",
           .doc = "an inference server that is spoken to in tokens (`http://host:30000`): what it "
                  "has read is not sent again",
           .is_address = true},
          served_url);
  v.field(
      {.name = "served.engine",
       .doc =
           "sglang: its streaming sessions, to which tokens are appended; vllm: its prefix cache",
       .choices = {"sglang", "vllm"}},
      served_engine);
  v.field({.name = "served.words",
           .doc = "the model's tokenizer and chat template: a folder with tokenizer.json and "
                  "tokenizer_config.json, or a GGUF file",
           .is_path = true},
          served_words);
  v.field({.name = "served.model", .doc = "the model's name at vLLM; empty: its only one"},
          served_model);
  v.field({.name = "served.key_env", .doc = "variable that holds the key; empty: none is sent"},
          served_key_env);
  v.field({.name = "served.ca_file",
           .doc = "PEM file to trust instead of the system's list",
           .is_path = true},
          served_ca_file);
  v.field({.name = "instructions", .doc = "what else the model is told of its work"}, instructions);
  v.field(
      {.name = "examples",
       .doc = "requests and how they are to be worked on, each on lines of its own: the request, "
              "calls (`tool {…}`), what each gave (`> …`), the answer"},
      examples);
  v.field(
      {.name = "choose_tools",
       .doc = "with several tools the model first names those that a request needs; no other is "
              "called, whatever a result says. false: all of `tools`"},
      choose_tools);
  v.field({.name = "held",
           .doc = "calls of a model in this process are valid by construction: names of tools, "
                  "arguments that their schemas allow. false: it may write anything"},
          held);
  v.field(
      {.name = "as_in_examples",
       .doc = "after a request, and after each call, only what follows it in one of `examples` may "
              "come: a call of the same tool, or the answer"},
      as_in_examples);
  v.field(
      {.name = "known_addresses",
       .doc = "an argument that is an address is one that stands in the request, the "
              "conversation, the instructions or a result: the model makes none up, and nothing "
              "leaves the machine in one"},
      known_addresses);
  v.field({.name = "threads", .doc = "of a model in this process", .min = 1, .max = 64}, threads);
  v.field({.name = "prefix_mb",
           .doc = "memory for beginnings of prompts (instructions, tools, examples) that are not "
                  "read again; 0: each prompt is read whole",
           .unit = "MB",
           .min = 0,
           .max = 1e6},
          prefix_mb);
  v.field({.name = "temperature", .doc = "0: the most probable token always", .min = 0, .max = 2},
          temperature);
  v.field({.name = "seed", .doc = "of the draw", .min = 0}, seed);
  v.field({.name = "answer_tokens",
           .doc = "of one step: a call or an answer",
           .unit = "tokens",
           .min = 1,
           .max = 100000},
          answer_tokens);
  v.field({.name = "transcript_bytes",
           .doc = "of the conversation in the prompt; the oldest is left out",
           .unit = "bytes",
           .min = 0,
           .max = 1e6},
          transcript_bytes);
  v.field({.name = "result_bytes",
           .doc = "of each tool's result in the prompt",
           .unit = "bytes",
           .min = 16,
           .max = 1e6},
          result_bytes);
  v.field({.name = "retries",
           .doc = "of an endpoint that gave nothing: no connection, 408, 429, 5xx",
           .min = 0,
           .max = 20},
          retries);
  v.field({.name = "silence_ms",
           .doc = "an endpoint that is silent for so long has failed",
           .unit = "ms",
           .min = 1000,
           .max = 600000},
          silence_ms);
  v.field({.name = "step_ms",
           .doc = "for one step of the model",
           .unit = "ms",
           .min = 100,
           .max = 600000},
          step_ms);
}

}  // namespace hocket::background
