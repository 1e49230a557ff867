// What a graph may say of background.agent.
#include "actors/background/agent.hpp"

namespace hocket::background {

void agent::config::visit(config_visitor& v) {
  v.field({.name = "planner",
           .doc = "what decides which tools a task needs",
           .parts = part_kind::planner},
          planner);
  v.field({.name = "tools",
           .doc = "tools it may ask: `clock` of a plugin, `files.read` or `files.*` of a source; "
                  "planner match takes the first that fits",
           .is_tool_list = true},
          tools);
  v.field({.name = "tool_sources",
           .doc = "where other tools come from, under the names that `tools` uses",
           .parts = part_kind::tool_source},
          tool_sources);
  v.field(
      {.name = "client_functions",
       .doc = "functions that the person's app offers: asked alone, as the protocols of apps mean "
              "it, or beside `tools`",
       .choices = {"alone", "beside"}},
      client_functions);
  v.field({.name = "min_delay_ms",
           .doc = "a result comes this long after its request at the earliest",
           .unit = "ms",
           .min = 0,
           .max = 60000},
          min_delay_ms);
  v.field({.name = "time_limit_ms",
           .doc = "a request that takes longer fails",
           .unit = "ms",
           .min = 100,
           .max = 600000},
          time_limit_ms);
  v.field(
      {.name = "max_parallel", .doc = "requests worked on at once; more wait", .min = 1, .max = 64},
      max_parallel);
  v.field({.name = "max_steps",
           .doc = "steps of the planner for one request; more fail it",
           .min = 1,
           .max = 100},
          max_steps);
  v.field({.name = "max_tokens",
           .doc = "what a request may cost where its planner counts tokens; 0 = no limit",
           .min = 0,
           .max = 1e9},
          max_tokens);
  v.field({.name = "new_request",
           .doc = "what a new request does to those before it, unless it says itself which one it "
                  "replaces",
           .choices = {"parallel", "supersede"}},
          new_request);
  v.field({.name = "late",
           .doc = "what happens to a result that comes after its request was given up",
           .choices = {"drop", "deliver"}},
          late);
  v.field({.name = "failure_words", .doc = "what the model is told where there is no result"},
          failure_words);
  v.field(
      {.name = "progress_after_ms",
       .doc = "a request that takes longer is told to the model with `progress_words`; 0 = never",
       .unit = "ms",
       .min = 0,
       .max = 600000},
      progress_after_ms);
  v.field({.name = "progress_words", .doc = "what the model is told meanwhile"}, progress_words);
  v.field({.name = "max_words", .doc = "a longer result is cut", .min = 1, .max = 1000}, max_words);
  v.field({.name = "cut_words", .doc = "what a result that was cut ends with"}, cut_words);
  v.field({.name = "stream",
           .doc = "when the model is told an answer that is still made: once it is `whole`, in "
                  "`sentences`, in `words`; only planners that write text tell any of it before",
           .choices = {"whole", "sentences", "words"}},
          stream);
  v.field(
      {.name = "more_words", .doc = "tasks that ask for the rest of the last result that was cut"},
      more_words);
  v.field({.name = "speakable", .doc = "write figures and times of day in words"}, speakable);
  v.field({.name = "confirm",
           .doc = "the person is asked aloud before a tool is called, and has to agree"},
          confirm);
  v.field({.name = "confirm_tools",
           .doc = "only before these (`mail.send`, `files.*`); empty: with `confirm` before all"},
          confirm_tools);
  v.field({.name = "confirm_words",
           .doc = "the question; `{tool}` and `{arguments}` stand for what is to be called"},
          confirm_words);
  v.field({.name = "confirm_wait_ms",
           .doc = "who does not answer for so long has not agreed",
           .unit = "ms",
           .min = 500,
           .max = 600000},
          confirm_wait_ms);
  v.field({.name = "yes_words", .doc = "heard or delegated words that agree"}, yes_words);
  v.field({.name = "no_words", .doc = "those that do not"}, no_words);
  v.field(
      {.name = "context_bytes",
       .doc = "of the conversation that a task is given, where `heard` and `said` are linked; the "
              "oldest is summarised",
       .unit = "bytes",
       .min = 0,
       .max = 1e6},
      context_bytes);
  v.field({.name = "adapter",
           .doc = "folder of an adapter that the planner's model works through from the start "
                  "(adapter_config.json, adapter_model.safetensors); empty: none",
           .is_path = true},
          adapter);
  v.field({.name = "adapter_swap",
           .doc = "a new adapter at the input `adapters`: taken by this conversation between two "
                  "requests, or only by those that have not begun to ask",
           .choices = {"moved", "pinned"}},
          adapter_swap);
  gate.visit(v);
}

component_info agent::info() {
  const auto text_type = media_type{.kind = payload_kind::text};
  return {
      .type = "background.agent",
      .summary = "Works on delegated tasks with tools while the conversation goes on.",
      .inputs = {{"requests",
                  {.kind = payload_kind::delegation},
                  "tasks, and their cancellation",
                  true,
                  default_queue(payload_kind::delegation)},
                 {"client", text_type, "what the person's app says: its functions, instructions",
                  false, default_queue(payload_kind::text)},
                 {"answers",
                  {.kind = payload_kind::tool_result},
                  "what functions of the app returned",
                  false,
                  default_queue(payload_kind::tool_result)},
                 {"heard", text_type, "what the person says: the context, and answers to `confirm`",
                  false, default_queue(payload_kind::text)},
                 {"said", text_type, "what the model says, for the context of tasks", false,
                  default_queue(payload_kind::text)},
                 {"played",
                  {.kind = payload_kind::control},
                  "how much of it sounded (`played` of the playout)",
                  false,
                  default_queue(payload_kind::control)},
                 {"adapters",
                  {.kind = payload_kind::adapter},
                  "for the planner's model; without weights: none from then on",
                  false,
                  default_queue(payload_kind::adapter)},
                 {"lessons",
                  {.kind = payload_kind::training_example},
                  "requests as they should have been worked on",
                  false,
                  default_queue(payload_kind::training_example)}},
      .outputs = {{"results", text_type, "answers, word by word, role `background`"},
                  {"progress", text_type, "partial results of tools"},
                  {"tool_calls", {.kind = payload_kind::tool_call}, "what tools are asked"},
                  {"tool_results", {.kind = payload_kind::tool_result}, "what tools answer"},
                  {"adapter",
                   {.kind = payload_kind::adapter},
                   "which one is used from now on, without weights"},
                  {"examples",
                   {.kind = payload_kind::training_example},
                   "lessons under this planner's prompts, for a trainer"}},
      .ticks = true};
}

}  // namespace hocket::background
