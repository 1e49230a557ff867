// What a graph may say of policy.guard.
#include "actors/policy/guard.hpp"

namespace hocket::policy {

void guard::config::visit(config_visitor& v) {
  v.field({.name = "rules", .doc = "policy file (YAML)", .required = true, .is_path = true}, rules);
  v.field({.name = "language", .doc = "of what is said; empty: the policy's own"}, language);
  v.field({.name = "people",
           .doc = "who talks: `minors` also get the topics and notices that are for them",
           .choices = {"adults", "minors"}},
          people);
  v.field({.name = "on_failure",
           .doc = "where it cannot decide (an input is lost, the judge fails or is late, it was "
                  "restarted): "
                  "`closed` withholds, `open` lets pass and counts",
           .choices = {"closed", "open"}},
          on_failure);
  v.field({.name = "judge_ms",
           .doc = "how long the judge behind `questions` and `verdicts` may take; 0: there is none",
           .unit = "ms",
           .min = 0,
           .max = 60000},
          judge_ms);
  v.field(
      {.name = "time_of_day",
       .doc = "when a conversation begins, for notices of certain hours: `local`, this machine's; "
              "`HH:MM`; empty: such notices are never said"},
      time_of_day);
  v.field({.name = "approval", .doc = "the judge's word for what no topic concerns"}, approval);
}

component_info guard::info() {
  const media_type words{.kind = payload_kind::text}, voice{.kind = payload_kind::audio},
      task{.kind = payload_kind::delegation};
  const auto in = [](const char* name, payload_kind kind, const char* what) {
    return input_port{name, {.kind = kind}, what, false, default_queue(kind)};
  };
  return {
      .type = "policy.guard",
      .summary =
          "Holds a policy's rules against what both sides say and what tools return, before it "
          "goes on.",
      .inputs =
          {in("audio", payload_kind::audio, "the model's voice; passes"),
           in("said", payload_kind::text, "the model's words"),
           in("heard", payload_kind::text, "the person's words, as they were heard"),
           in("typed", payload_kind::text, "the person's words, typed; pass"),
           in("requests", payload_kind::delegation, "what the model asks of the background; pass"),
           in("results", payload_kind::text, "what the background answers; pass"),
           in("evidence", payload_kind::tool_result, "what tools returned"),
           in("verdicts", payload_kind::text, "the judge's answers to `questions`"),
           in("holds", payload_kind::text,
              "`frozen` or `free`, of policy.incidents: while frozen, and before its first "
              "word, nothing passes"),
           in("settings", payload_kind::text,
              "a grown-up's, of `people: minors`, by gateway.door that asked for his key: JSON")},
      .outputs =
          {{"audio", voice, "the voice, or silence in its place"},
           {"typed", words, "what may be read"},
           {"requests", task, "what may be asked, and cancellations"},
           {"results", words, "what may be told; refusals, answers and notices of the policy"},
           {"questions", task,
            "for a judge: who said what; it answers with a topic's name, or with `approval`"},
           {"decisions", words, "JSON: topic, rule, where, did; never the words"},
           {"incidents", task, "those of topics with `incident`, and ends; the JSON is its task"},
           {"forgets", task,
            "once, when the person wants it: for who keeps something of the conversation"},
           {"settings", words, "what holds of them, and what the policy lets him set: JSON"},
           {"pace", words,
            "a number: how fast it is to speak, of its pace until then; 1: as it began; for "
            "audio.pace"},
           {"manner", words, "how it is to word answers, for `client` of background.agent"}},
      .ticks = true};
}

}  // namespace hocket::policy
