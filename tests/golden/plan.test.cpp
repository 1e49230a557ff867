#include "graph/spec/plan.hpp"

#include <doctest/doctest.h>
#include <map>

#include "graph/spec/to_yaml.hpp"
#include "tests/golden/fake_types.hpp"

// What is in a plan: the parts of a graph file that end up where the host reads them.
namespace hocket {
namespace {

const std::string chain = R"(
hocket: 1
name: chain
clock: {micro_turn_ms: 100}
plugins: [one.so, two.so]
actors:
  mic: {component: fake.mic, device: usb}
  ears: {component: fake.ears, inputs: {audio: {from: mic.audio, queue: {max_age_ms: 50}}}}
  model:
    component: fake.model
    model: weights
    policy: aligned
    inputs: {audio: {from: ears.frames, queue: {full: latest}}, text: [mind.results]}
    restart: {policy: always, max: 5, within_s: 1.5, backoff_ms: 7, backoff_max_ms: 9, then: continue}
    watchdog_ms: 0
  mind: {component: fake.mind, inputs: {requests: {from: model.requests, back_edge: true}}}
budgets:
  - {path: [mic, ears, model], limit_ms: 300.5, on_miss: stop}
)";

const std::map<std::string, std::string> files = {
    {"g/part.yaml",
     "hocket: 1\nparams: {device: auto}\nplugins: [three.so]\noutputs: {sound: deep.sound}\n"
     "actors: {deep: {include: {file: sub/mic.yaml, with: {device: \"${param:device}\"}}}}\n"},
    {"g/sub/mic.yaml",
     "hocket: 1\nparams: {device: {type: string}}\noutputs: {sound: mic.audio}\n"
     "actors: {mic: {component: fake.mic, device: \"${param:device}\"}}\n"}};

result<std::string> read_fake(const std::string& path) {
  const auto it = files.find(path);
  if (it == files.end()) return fail("file.missing", "no such file");
  return it->second;
}

const registry& types() {
  static const registry r = test::fake_types();
  return r;
}

std::optional<plan> load(const std::string& text, std::vector<std::string> sets = {}) {
  load_options options;
  options.sets = std::move(sets);
  options.read_file = read_fake;
  diagnostics findings;
  auto p = load_plan("g/main.yaml", text, types(), options, findings);
  INFO(findings.to_string());
  CHECK(p.has_value());
  return p;
}

/// One field of an actor's config as text.
std::string config_of(const plan& p, std::size_t actor, const std::string& field) {
  for (const auto& f : document(*p.actors[actor].config))
    if (f.info.name == field) return f.default_text;
  return "";
}

}  // namespace

TEST_CASE("plan: everything that the file says") {
  const auto p = load(chain);
  REQUIRE(p);
  CHECK(p->name == "chain");
  CHECK(p->grid.length == std::chrono::milliseconds(100));
  CHECK(p->plugins == std::vector<std::string>{"one.so", "two.so"});
  REQUIRE(p->actors.size() == 4);
  CHECK(p->actors[0].name == "mic");
  CHECK(p->actors[0].where.line == 7);
  CHECK(config_of(*p, 0, "device") == "\"usb\"");
  CHECK(config_of(*p, 0, "rate_hz") == "16000");
  const auto& model = p->actors[2];
  CHECK(model.policy == input_policy::aligned);
  CHECK(model.restart.when == restart_policy::mode::always);
  CHECK(model.restart.max == 5);
  CHECK(model.restart.within_s == 1.5);
  CHECK(model.restart.backoff_ms == 7);
  CHECK(model.restart.backoff_max_ms == 9);
  CHECK(!model.restart.stop_graph);
  CHECK(model.watchdog_ms == 0);
  CHECK(p->actors[1].watchdog_ms == 5000);
  REQUIRE(p->budgets.size() == 1);
  CHECK(p->budgets[0].path == std::vector<actor_index>{0, 1, 2});
  CHECK(p->budgets[0].limit_ms == 300.5);
  CHECK(p->budgets[0].on_miss == plan_budget::action::stop);
}

TEST_CASE("plan: links with their queues; defaults come from the media type") {
  const auto p = load(chain);
  REQUIRE(p);
  REQUIRE(p->links.size() == 4);
  const auto& audio = p->links[0];
  CHECK(audio.from == 0);
  CHECK(audio.to == 1);
  CHECK(audio.queue.size == default_queue(payload_kind::audio).size);
  CHECK(audio.queue.full == default_queue(payload_kind::audio).full);
  CHECK(audio.queue.max_age_ms == 50);
  CHECK(p->links[1].queue.full == full_policy::latest);
  CHECK(p->links[1].queue.size == 1);
  CHECK(p->links[2].to_port == 1);
  CHECK(p->links[3].back_edge);
  CHECK(p->links[3].from_port == 1);
}

TEST_CASE("plan: start order is downstream first, back edges ignored") {
  const auto p = load(chain);
  REQUIRE(p);
  CHECK(p->start_order == std::vector<actor_index>{2, 1, 0, 3});
}

TEST_CASE("plan: includes nest, parameters travel, settings reach inside") {
  const std::string text =
      "hocket: 1\nname: parts\nactors:\n"
      "  part: {include: {file: part.yaml, with: {device: usb}}}\n"
      "  ears: {component: fake.ears, inputs: {audio: part.sound}}\n";
  const auto p = load(text);
  REQUIRE(p);
  REQUIRE(p->actors.size() == 2);
  CHECK(p->actors[0].name == "part.deep.mic");
  CHECK(p->actors[0].where.file == "g/sub/mic.yaml");
  CHECK(config_of(*p, 0, "device") == "\"usb\"");
  CHECK(p->links.size() == 1);
  CHECK(p->plugins == std::vector<std::string>{"three.so"});
  // Beside the graph, wherever one stands.
  CHECK(plugins_of("g/main.yaml", text, {.params = {}, .sets = {}, .read_file = read_fake}) ==
        std::vector<std::string>{"g/three.so"});
  const auto set =
      load(text, {"actors.part.deep.mic.rate_hz=8000", "actors.part.include.with.device=hdmi"});
  REQUIRE(set);
  CHECK(config_of(*set, 0, "rate_hz") == "8000");
  CHECK(config_of(*set, 0, "device") == "\"hdmi\"");
}

TEST_CASE("plan: references keep types, and text from outside adapts") {
  load_options options;
  options.params = {{"name", "007"}, {"rate", "8000"}};
  options.env = [](const std::string& n) -> std::optional<std::string> {
    return n == "GAIN" ? std::optional<std::string>("1.5") : std::nullopt;
  };
  diagnostics findings;
  const auto p = load_plan("f.yaml",
                           "hocket: 1\nname: \"${param:name}\"\n"
                           "params: {name: x, rate: 16000, gain_db: \"${env:GAIN}\", w: [1, 2]}\n"
                           "actors:\n  mic:\n    component: fake.mic\n"
                           "    device: \"a ${param:rate} $${x} ${env:NONE:-b}\"\n"
                           "    rate_hz: ${param:rate}\n    gain_db: ${param:gain_db}\n"
                           "    weights: ${param:w}\n",
                           types(), options, findings);
  REQUIRE_MESSAGE(p, findings.to_string());
  CHECK(p->name == "007");
  CHECK(config_of(*p, 0, "device") == "\"a 8000 ${x} b\"");
  CHECK(config_of(*p, 0, "rate_hz") == "8000");
  CHECK(config_of(*p, 0, "gain_db") == "1.5");
  CHECK(config_of(*p, 0, "weights") == "[1, 2]");
}

TEST_CASE("plan: settings of every shape") {
  const auto p = load(
      chain, {"actors.mic.weights=[3, 4]", "actors.mic.device=007", "actors.ears.restart.max=9",
              "budgets.0.limit_ms=900", "clock.micro_turn_ms=50", "actors.mic.loud=true", "name="});
  REQUIRE(p);
  CHECK(config_of(*p, 0, "weights") == "[3, 4]");
  CHECK(config_of(*p, 0, "device") == "\"007\"");
  CHECK(config_of(*p, 0, "loud") == "true");
  CHECK(p->actors[1].restart.max == 9);
  CHECK(p->budgets[0].limit_ms == 900);
  CHECK(p->grid.length == std::chrono::milliseconds(50));
  CHECK(p->name.empty());
}

TEST_CASE("plan: equal graphs have equal hashes, however they are written") {
  const auto p = load(chain);
  REQUIRE(p);
  CHECK(p->hash.size() == 16);
  CHECK(load("# a comment\n" + chain)->hash == p->hash);
  CHECK(load(chain, {"actors.mic.gain_db=0.0", "actors.mic.device=usb"})->hash == p->hash);
  for (const auto* change :
       {"actors.mic.gain_db=1", "actors.mic.watchdog_ms=1", "name=other", "clock.micro_turn_ms=200",
        "actors.ears.restart.max=1", "budgets.0.limit_ms=301", "plugins=[]",
        "actors.ears.inputs.audio.queue.size=3"}) {
    CAPTURE(change);
    CHECK(load(chain, {change})->hash != p->hash);
  }
}

TEST_CASE("plan: written out as one file and read again, it is the same plan") {
  const auto included = std::string(R"(
hocket: 1
name: "odd ${param:x} \"name\""
params: {x: "$${kept}"}
actors:
  voice: {include: part.yaml}
  ears: {component: fake.ears, inputs: {audio: voice.sound}}
)");
  for (const auto& text : {chain, included}) {
    const auto p = load(text);
    REQUIRE(p);
    const auto flat = spec::to_yaml(*p);
    INFO(flat);
    load_options options;
    options.expanded = true;
    diagnostics findings;
    const auto again = load_plan("flat.yaml", flat, types(), options, findings);
    INFO(findings.to_string());
    REQUIRE(again);
    CHECK(again->hash == p->hash);
    CHECK(spec::to_yaml(*again) == flat);
    // Only where it says so may names have dots, and paths lead elsewhere.
    options.expanded = false;
    diagnostics strict;
    CHECK(load_plan("flat.yaml", flat, types(), options, strict).has_value() ==
          (flat.find("voice.deep.mic:") == flat.npos && flat.find("places:") == flat.npos));
  }
}

TEST_CASE("plan: written out with another component, without the old one's keys") {
  const auto p = load(chain);
  REQUIRE(p);
  const auto flat = spec::to_yaml(*p, {{"mic", "fake.mic2"}});
  CHECK(flat.find("component: fake.mic2") != flat.npos);
  CHECK(flat.find("device:") == flat.npos);
  CHECK(spec::to_yaml(*p).find("device: \"usb\"") != flat.npos);
}

}  // namespace hocket
