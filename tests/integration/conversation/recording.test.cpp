#include "actors/components.hpp"
#include "actors/record/graph_recorder.hpp"
#include "actors/record/mcap_record.hpp"
#include "actors/replay/comparison.hpp"
#include "actors/replay/replay_plan.hpp"
#include "graph/spec/to_yaml.hpp"
#include "tests/integration/conversation/graph_runner.hpp"

using namespace hocket;
using namespace hocket::testing;

namespace {

registry types_with_recorder() {
  auto types = all_types();
  REQUIRE(types.add(type_of<record::mcap_record>()));
  return types;
}

plan load(const std::string& file, const std::string& text, const registry& types, bool expanded) {
  diagnostics findings;
  load_options how;
  how.expanded = expanded;
  auto made = load_plan(file, text, types, how, findings);
  INFO(findings.to_string());
  REQUIRE(made);
  return *made;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

host::run_summary run(const plan& p, const registry& types, const std::string& folder,
                      std::vector<host::observer*> watchers) {
  host::runtime_options how{.virtual_time = true, .output_dir = folder};
  how.observers = std::move(watchers);
  auto running = host::runtime::start(p, types, how);
  REQUIRE(running);
  const auto done = (*running)->wait();
  CHECK(done.why == host::end_reason::finished);
  CHECK(done.last.law_holds());
  return done;
}

}  // namespace

TEST_CASE("every graph in configs/ is the same after it was expanded and read again") {
  registry types;  // the program's
  REQUIRE(register_components(types));
  REQUIRE(plugins::register_all_plugins(types));
  const std::string folder = std::string(HOCKET_SOURCE_DIR) + "/configs/graphs";
  int graphs = 0;
  for (const auto& e : std::filesystem::directory_iterator(folder)) {
    if (e.path().extension() != ".yaml") continue;
    const auto file = e.path().string();
    INFO(file);
    const auto written = read_file(e.path());
    if (written.find("\nplugins:") != written.npos) continue;  // parts that the program has not
    const auto p = load(file, written, types, false);
    const auto text = spec::to_yaml(p);
    INFO(text);
    const auto again = load("expanded.yaml", text, types, true);
    CHECK(again.hash == p.hash);
    CHECK(spec::to_yaml(again) == text);
    ++graphs;
  }
  CHECK(graphs >= 5);
}

TEST_CASE("a recorded conversation is replayed bit for bit, from the file alone") {
  const auto types = types_with_recorder();
  const auto folder = std::filesystem::temp_directory_path() / "hocket-integration" / "recorded";
  std::filesystem::remove_all(folder);
  const auto file = (folder / "talk.mcap").string();
  const std::string yaml = std::string(HOCKET_SOURCE_DIR) + "/configs/graphs/talk.yaml";
  const auto p = load(yaml, read_file(yaml), types, false);
  auto recorder =
      record::graph_recorder::create(p, types, {.path = file, .virtual_time = true}).value();
  run(p, types, (folder / "first").string(), {recorder.get()});
  const auto end = recorder->finish();
  CHECK(end.complete);

  const auto from = record::recording::open(file).value();
  CHECK(from->fact("graph_hash") == p.hash);
  // Everything that left an actor, as `hocket run --record` promises.
  CHECK(from->find("mic.audio")->packets > 400);
  CHECK(from->find("model.audio")->packets > 0);
  for (const auto& o : from->outputs()) CHECK(o.missing == 0);

  const auto again = load("graph.yaml", from->graph_yaml(), types, true);
  const auto what = replay::make_replay(again, from, {}).value();
  CHECK(what.played == std::vector<std::string>{"mic"});
  for (const auto& warning : what.warnings) FAIL_CHECK(warning);
  replay::comparison compare(what.graph, from, what.live);
  run(what.graph, types, (folder / "second").string(), {&compare});
  std::uint64_t same = 0;
  for (const auto& o : compare.results()) {
    INFO((o.name + ": " + o.first_difference));
    CHECK(o.fine());
    CHECK(o.replayed == o.recorded);
    same += o.same;
  }
  CHECK(same > 300);
  CHECK(read_file(folder / "first" / "model.wav") == read_file(folder / "second" / "model.wav"));
  CHECK(read_file(folder / "first" / "conversation.wav") ==
        read_file(folder / "second" / "conversation.wav"));
}

TEST_CASE("a graph may hold its own recorder") {
  const auto types = types_with_recorder();
  const auto folder = std::filesystem::temp_directory_path() / "hocket-integration" / "tape";
  std::filesystem::remove_all(folder);
  const auto p = load("tape.yaml", R"(
hocket: 1
name: tape
actors:
  tone: {component: capture.gst, pipeline: "audiotestsrc num-buffers=100 samplesperbuffer=320"}
  ears: {component: audio.dmel, inputs: {audio: tone.audio}}
  keys: {component: text.console, script: ["0.5 hello", "1.05 there"], print: false}
  tape: {component: record.mcap, file: tape.mcap,
         inputs: {audio: tone.audio, tensor: ears.frames, text: keys.text}}
)",
                      types, false);
  run(p, types, folder.string(), {});
  const auto from = record::recording::open((folder / "tape.mcap").string()).value();
  CHECK(from->how_it_ended().complete);
  CHECK(from->find("tone.audio")->packets == 100);
  CHECK(from->find("keys.text")->packets >= 2);
  CHECK(from->find("ears.frames")->packets > 0);
  CHECK(from->fact("graph_hash") == p.hash);
  const auto again = load("graph.yaml", from->graph_yaml(), types, true);
  CHECK(again.hash == p.hash);
  const auto what = replay::make_replay(again, from, {.only = {"ears"}}).value();
  replay::comparison compare(what.graph, from, what.live);
  run(what.graph, types, folder.string(), {&compare});
  REQUIRE(compare.results().size() == 1);
  INFO(compare.results()[0].first_difference);
  CHECK(compare.results()[0].fine());
}
