#include "tests/golden/fake_types.hpp"

#include "graph/core/assert.hpp"

namespace hocket::test {
namespace {

constexpr auto audio = payload_kind::audio;

template <class Config>
struct idle : component {
  using config = Config;
  explicit idle(Config) {}
};

struct no_config {
  void visit(config_visitor&) {}
};

struct mic_config {
  std::string device = "auto";
  std::int64_t rate_hz = 16000;
  double gain_db = 0;
  bool loud = false;
  std::vector<double> weights = {1, 0.5};
  void visit(config_visitor& v) {
    v.field({.name = "device", .doc = "which microphone"}, device);
    v.field({.name = "rate_hz", .doc = "sample rate", .unit = "Hz", .min = 8000, .max = 48000},
            rate_hz);
    v.field({.name = "gain_db", .doc = "gain", .unit = "dB", .min = -60, .max = 60}, gain_db);
    v.field({.name = "loud", .doc = "whether to shout"}, loud);
    v.field({.name = "weights", .doc = "of the channels"}, weights);
  }
};

struct mic final : idle<mic_config> {
  using idle::idle;
  static component_info info() {
    return {.type = "fake.mic",
            .summary = "Hears.",
            .inputs = {},
            .outputs = {{"audio", {.kind = audio, .rate_hz = 16000, .channels = 1}, "sound"}},
            .source = true,
            .latency_ms = 20};
  }
};

struct camera final : idle<no_config> {
  using idle::idle;
  static component_info info() {
    return {.type = "fake.camera",
            .summary = "Sees.",
            .inputs = {},
            .outputs = {{"frames", {.kind = payload_kind::video}, "pictures"}},
            .source = true,
            .period_ms = 40};
  }
};

struct ears final : idle<no_config> {
  using idle::idle;
  static component_info info() {
    return {.type = "fake.ears",
            .summary = "Turns sound into frames.",
            .inputs = {{"audio", {.kind = audio, .rate_hz = 16000, .channels = 1}, "sound"}},
            .outputs = {{"frames",
                         {.kind = payload_kind::tensor, .element = dtype::u8, .shape = {-1, 80}},
                         "one per 50 ms"}},
            .latency_ms = 50};
  }
};

struct model_config {
  std::string model;
  std::string mode = "fast";
  void visit(config_visitor& v) {
    v.field({.name = "model", .doc = "folder of the weights", .required = true, .is_path = true},
            model);
    v.field({.name = "mode", .doc = "how it thinks", .choices = {"fast", "careful"}}, mode);
  }
};

struct model final : idle<model_config> {
  using idle::idle;
  static component_info info() {
    return {.type = "fake.model",
            .summary = "Listens and talks.",
            .inputs = {{"audio",
                        {.kind = payload_kind::tensor, .element = dtype::u8, .shape = {-1, 80}},
                        "what it hears"},
                       {"text", {.kind = payload_kind::text}, "what it is told", false}},
            .outputs = {{"audio", {.kind = audio, .rate_hz = 24000, .channels = 1}, "its voice"},
                        {"requests", {.kind = payload_kind::delegation}, "work for others"}},
            .policy = input_policy::micro_turn,
            .policies = {input_policy::aligned},
            .scope = instance_scope::shared,
            .ticks = true,
            .latency_ms = 200};
  }
};

struct mind_config {
  part_choice planner = {.use = "rule"};
  std::vector<std::string> tools;
  named_parts tool_sources;
  void visit(config_visitor& v) {
    v.field({.name = "planner", .doc = "how it decides", .parts = part_kind::planner}, planner);
    v.field({.name = "tools", .doc = "what it may ask", .is_tool_list = true}, tools);
    v.field(
        {.name = "tool_sources", .doc = "where more tools are", .parts = part_kind::tool_source},
        tool_sources);
  }
};

struct mind final : idle<mind_config> {
  using idle::idle;
  static component_info info() {
    return {.type = "fake.mind",
            .summary = "Works in the background.",
            .inputs = {{"requests", {.kind = payload_kind::delegation}, "work"}},
            .outputs = {{"results", {.kind = payload_kind::text}, "answers"}},
            .blocking = true};
  }
};

struct speaker final : idle<no_config> {
  using idle::idle;
  static component_info info() {
    return {.type = "fake.speaker",
            .summary = "Plays.",
            .inputs = {{"audio", {.kind = audio, .rate_hz = 24000}, "sound"}},
            .outputs = {},
            .latency_ms = 40};
  }
};

struct screen_config {
  std::string file;
  void visit(config_visitor& v) {
    v.field({.name = "file", .doc = "where to keep what was shown", .is_output = true}, file);
  }
};

struct screen final : idle<screen_config> {
  using idle::idle;
  static component_info info() {
    return {.type = "fake.screen",
            .summary = "Shows.",
            .inputs = {{"text", {.kind = payload_kind::text}, "words", false},
                       {"frames", {.kind = payload_kind::video}, "pictures", false}},
            .outputs = {}};
  }
};

/// Watches the run; names something of each kind.
struct odd_config {
  std::string actor = "*", port = "*";
  std::vector<std::string> path;
  void visit(config_visitor& v) {
    v.field({.name = "port", .doc = "of the graph"}, port);
    v.field({.name = "actor", .doc = "of the graph"}, actor);
    v.field({.name = "path", .doc = "of a budget"}, path);
  }
};
struct away_config {
  std::string host = "*";
  void visit(config_visitor& v) { v.field({.name = "host", .doc = "another one"}, host); }
};

template <class Config, const char* Type>
struct sentry final : idle<Config> {
  using idle<Config>::idle;
  static component_info info() {
    return {.type = Type,
            .summary = "Watches.",
            .inputs = {},
            .outputs = {{"alerts", {.kind = payload_kind::text}, "what it saw"}},
            .scope = instance_scope::shared,
            .ticks = true};
  }
};
constexpr char odd[] = "alert.odd";
constexpr char away[] = "alert.away";

template <const char* Name>
struct fake_tool final : tool {
  static tool_info info() { return {Name, "Does nothing.", R"({"type":"object"})", {}}; }
  result<std::string> call(const std::string&, const tool_context&) override { return ""; }
};

struct rule final : planner {
  using config = no_config;
  explicit rule(config) {}
  result<plan_step> next(const plan_view&) override { return plan_step::give_up("never works"); }
};

struct model_planner final : planner {
  using config = model_config;
  explicit model_planner(config) {}
  result<plan_step> next(const plan_view&) override { return plan_step::give_up("never works"); }
};

/// Its tools are known before a run; those of `shed` are not.
struct drawer final : tool_source {
  struct config {
    std::int64_t size = 3;
    void visit(config_visitor& v) {
      v.field({.name = "size", .doc = "tools that fit", .min = 1, .max = 9}, size);
    }
  };
  explicit drawer(config) {}
  result<std::vector<tool_info>> list() override { return std::vector<tool_info>{}; }
  result<std::string> call(const std::string&, const std::string&, const tool_context&) override {
    return "";
  }
};

constexpr char abacus[] = "abacus";
constexpr char sundial[] = "sundial";

}  // namespace

registry fake_types() {
  registry types;
  for (auto&& type : {type_of<mic>(), type_of<camera>(), type_of<ears>(), type_of<model>(),
                      type_of<mind>(), type_of<speaker>(), type_of<screen>(),
                      type_of<sentry<odd_config, odd>>(), type_of<sentry<away_config, away>>()})
    HOCKET_ASSERT(types.add(type));
  HOCKET_ASSERT(types.add(tool_of<fake_tool<abacus>>()));
  HOCKET_ASSERT(types.add(tool_of<fake_tool<sundial>>()));
  HOCKET_ASSERT(types.add(planner_of<rule>("rule", "Decides by one rule.")));
  HOCKET_ASSERT(types.add(planner_of<model_planner>("thinker", "Decides by a model.")));
  HOCKET_ASSERT(types.add(source_of<drawer>("drawer", "A few tools.", {"ruler", "pen"})));
  HOCKET_ASSERT(types.add(source_of<drawer>("shed", "Tools that nobody counted.")));
  return types;
}

}  // namespace hocket::test
