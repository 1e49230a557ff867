#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "tools/duplex/bench.hpp"
#include "tools/duplex/compare.hpp"
#include "tools/duplex/driver.hpp"
#include "tools/duplex/picture.hpp"
#include "tools/duplex/summary.hpp"
#include "tools/hocket/types.hpp"

using namespace hocket;
using namespace hocket::duplex;

namespace {

const std::string root = HOCKET_SOURCE_DIR;

struct loaded {
  registry types;
  cli::loaded_graph graph;
};

// Kept: plans point into their registry.
const loaded& graph_of(const std::string& name) {
  static std::map<std::string, std::unique_ptr<loaded>> all;
  auto& slot = all[name];
  if (!slot) {
    slot = std::make_unique<loaded>();
    slot->types = *cli::known_types({});
    slot->graph = cli::load_graph(root + "/configs/graphs/" + name + ".yaml", slot->types, {});
    REQUIRE(slot->graph.graph);
  }
  return *slot;
}

result<subject> subject_of(const std::string& name, const subject_options& how = {}) {
  const auto& g = graph_of(name);
  return make_subject(*g.graph.graph, *g.graph.types, how);
}

item tone_item(double length_s, double from_s, double to_s) {
  item it;
  it.family = "turn";
  it.id = "0000";
  it.samples = std::llround(length_s * rate_hz);
  it.input.assign(static_cast<std::size_t>(it.samples), 0.0f);
  for (auto i = std::size_t(from_s * rate_hz); i < std::size_t(to_s * rate_hz); ++i)
    it.input[i] = 0.2f * std::sin(0.2f * float(i));
  it.from_s = to_s;
  it.to_s = length_s;
  it.sounds = {{"user", "tone", std::llround(from_s * rate_hz), std::llround(to_s * rate_hz)}};
  return it;
}

std::string work() { return (std::filesystem::temp_directory_path() / "hocket-duplex-t").string(); }

}  // namespace

TEST_CASE("ports are found: the person, what is heard, the model's words") {
  const auto talk = subject_of("talk");
  REQUIRE(talk);
  CHECK(name_of(talk->graph, talk->person) == "mic.audio");
  CHECK(name_of(talk->graph, talk->audio) == "speaker.heard");
  REQUIRE(!talk->texts.empty());
  CHECK(name_of(talk->graph, talk->texts.front()) == "model.text");
  CHECK_FALSE(talk->camera);
  CHECK(talk->has_tools);
  const auto chosen = subject_of("talk", {"", "model.audio", {"mind.results"}});
  REQUIRE(chosen);
  CHECK(name_of(chosen->graph, chosen->audio) == "model.audio");
  CHECK(chosen->texts.size() == 1);
}

TEST_CASE("ports that are not there: an error that names those which are") {
  const auto wrong = subject_of("talk", {"", "speaker.sound", {}});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == "duplex.port");
  CHECK(wrong.error().message.find("speaker.heard") != std::string::npos);
  CHECK(subject_of("talk", {"speaker.heard", "", {}}).error().message.find("not a source") !=
        std::string::npos);
}

TEST_CASE("a loopback gives back each session its own sound, the playout's delay later") {
  const auto what = subject_of("loopback");
  REQUIRE_MESSAGE(what, what.error().message);
  const item a = tone_item(3, 0.5, 1.0), b = tone_item(2, 1.0, 1.5);
  const item* items[] = {&a, &b};
  const auto done = drive(*what, items, {false, work()});
  REQUIRE_MESSAGE(done, done.error().message);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& d = (*done)[i];
    CHECK(d.sound.size() == items[i]->input.size());
    REQUIRE(d.did.speech.size() == 1);
    CHECK(d.did.speech[0].from_s ==
          doctest::Approx(items[i]->sounds[0].from_s() + 0.1).epsilon(0.02));
    CHECK_FALSE(d.did.has_words);
  }
}

TEST_CASE("the echo comes back quieter; late chunks keep their times") {
  const auto what = subject_of("loopback");
  item echo = tone_item(3, 0.5, 0.8);
  echo.way.echo_db = -20;
  echo.way.echo_delay_s = 0.4;
  item late = tone_item(3, 0.5, 0.8);
  late.way.stalls = {{20, 3, 60}};
  const item* items[] = {&echo, &late};
  const auto done = drive(*what, items, {false, work()});
  REQUIRE_MESSAGE(done, done.error().message);
  const auto& heard = (*done)[0].sound;
  // Said at 0.5, played at 0.6, in the microphone again at 1.0, played at 1.1.
  double direct = 0, returned = 0;
  for (std::size_t i = 0; i < 0.2 * rate_hz; ++i) {
    direct = std::max(direct, double(std::abs(heard[std::size_t(0.65 * rate_hz) + i])));
    returned = std::max(returned, double(std::abs(heard[std::size_t(1.15 * rate_hz) + i])));
  }
  CHECK(returned == doctest::Approx(direct / 10).epsilon(0.1));
  CHECK((*done)[1].did.speech.front().from_s == doctest::Approx(0.6).epsilon(0.03));
}

TEST_CASE("a run is stored, resumed, refused for another seed, and begun afresh") {
  const auto out = std::filesystem::temp_directory_path() / "hocket-duplex-run";
  std::filesystem::remove_all(out);
  const auto what = subject_of("loopback");
  const std::vector<item_spec> specs{{"turn", 0}, {"pause", 0}, {"turn", 0, "noise0", 0}};
  bench_settings how;
  how.out = out.string();
  const auto first = run_bench(*what, 7, specs, how);
  REQUIRE_MESSAGE(first, first.error().message);
  REQUIRE(first->size() == 3);
  CHECK((*first)[2].of.condition == "noise0");
  const auto stored = out / "items" / "turn" / "0000.json";
  REQUIRE(std::filesystem::exists(stored));
  const auto written = std::filesystem::last_write_time(stored);
  std::filesystem::resize_file(out / "items" / "pause" / "0000.json", 100);  // killed while writing
  const auto second = run_bench(*what, 7, specs, how);
  REQUIRE(second);
  CHECK(std::filesystem::last_write_time(stored) == written);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK((*second)[i].judged.values == (*first)[i].judged.values);
    CHECK(json_of((*second)[i].did) == json_of((*first)[i].did));
  }
  const auto other = run_bench(*what, 8, specs, how);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == "duplex.other_run");
  how.fresh = true;
  CHECK(run_bench(*what, 8, specs, how));
  std::filesystem::remove_all(out);
}

TEST_CASE("a report has every measure: with a value, or not run with the reason") {
  const auto what = subject_of("loopback");
  const auto all = run_bench(*what, 7, {{"turn", 0}, {"turn", 1}, {"turn", 2}}, {});
  REQUIRE(all);
  const auto r = summarise(*all, {{"rep_count", "the graph has no video input"}});
  std::map<std::string, cli::measure> by_name;
  for (const auto& m : r.numbers.items()) by_name[m.name] = m;
  for (const char* name :
       {"pause.take_over", "turn.take_over", "turn.latency_mean_s", "interruption.respond",
        "backchannel.resume", "other.resume", "background.resume", "barge_in.p95_s", "time_speak",
        "cue_speak", "rep_count", "proactive_video", "charades", "delegation.pass1",
        "delegation.pass1_corrected", "loss.points_lost", "session.points_lost"})
    CHECK_MESSAGE(by_name.count(name) == 1, name);
  CHECK(by_name["rep_count"].not_run == "the graph has no video input");
  CHECK(by_name["turn.take_over"].n == 3);
  CHECK(by_name["turn.take_over"].not_run.empty());
  CHECK(by_name["pause.take_over"].met() == std::nullopt);
  CHECK(r.numbers.to_json().find("\"not_run\"") != std::string::npos);
  CHECK(r.definitions.size() >= 50);
}

TEST_CASE("pictures of a good and a bad item are written") {
  const auto folder = std::filesystem::temp_directory_path() / "hocket-duplex-pictures";
  std::filesystem::remove_all(folder);
  const auto what = subject_of("loopback");
  const auto all = run_bench(*what, 7, {{"pause", 0}, {"turn", 1}}, {});
  REQUIRE(all);
  const auto files = draw_families(*all, folder.string());
  REQUIRE(files);
  CHECK(files->size() == 4);
  for (const auto& f : *files) CHECK(std::filesystem::file_size(f) > 2000);
  std::filesystem::remove_all(folder);
}

TEST_CASE("compare: paired by item, B - A; reports without a common item are refused") {
  const auto folder = std::filesystem::temp_directory_path();
  const auto write = [&](const char* name, const char* text) {
    const auto path = (folder / name).string();
    std::ofstream(path) << text;
    return path;
  };
  const auto a = write("hocket-duplex-a.json", R"({"items": {
    "turn/0000": {"good": 1, "values": {"latency_s": 0.5}},
    "turn/0001": {"good": 0, "values": {}},
    "turn/0002": {"good": 1, "values": {"latency_s": 0.4}}}})");
  const auto b = write("hocket-duplex-b.json", R"({"items": {
    "turn/0000": {"good": 1, "values": {"latency_s": 0.3}},
    "turn/0001": {"good": 1, "values": {"latency_s": 0.3}},
    "pause/0000": {"good": 1, "values": {}}}})");
  const auto found = compare_runs(a, b);
  REQUIRE(found);
  REQUIRE(found->items().size() == 2);
  CHECK(found->items()[0].name == "turn.good");
  CHECK(found->items()[0].value == doctest::Approx(0.5));
  CHECK(found->items()[0].n == 2);
  CHECK(found->items()[1].name == "turn.latency_s");
  CHECK(found->items()[1].value == doctest::Approx(-0.2));
  CHECK(found->items()[1].n == 1);
  CHECK(compare_runs(a, write("hocket-duplex-c.json", R"({"items": {}})")).error().code ==
        "duplex.compare");
  CHECK(compare_runs(a, write("hocket-duplex-c.json", "[]")).error().code == "duplex.file");
  CHECK(compare_runs(a, "nowhere.json").error().message.find("nowhere.json") != std::string::npos);
}
