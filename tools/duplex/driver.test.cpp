#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>

#include "actors/components.hpp"
#include "graph/spec/plan.hpp"
#include "plugins/plugins.hpp"
#include "tools/duplex/bench.hpp"
#include "tools/duplex/compare.hpp"
#include "tools/duplex/driver.hpp"
#include "tools/duplex/listener.hpp"
#include "tools/duplex/picture.hpp"
#include "tools/duplex/summary.hpp"

using namespace hocket;
using namespace hocket::duplex;

namespace {

const std::string root = HOCKET_SOURCE_DIR;

struct loaded {
  registry types;
  std::optional<plan> graph;
};

// Kept: plans point into their registry.
const loaded& graph_of(const std::string& name) {
  static std::map<std::string, std::unique_ptr<loaded>> all;
  auto& slot = all[name];
  if (!slot) {
    slot = std::make_unique<loaded>();
    REQUIRE(register_components(slot->types));
    REQUIRE(plugins::register_all_plugins(slot->types));
    const auto file = root + "/configs/graphs/" + name + ".yaml";
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    diagnostics findings;
    slot->graph = load_plan(file, text.str(), slot->types, {}, findings);
    REQUIRE_MESSAGE(slot->graph, findings.to_string());
  }
  return *slot;
}

result<subject> subject_of(const std::string& name, const subject_options& how = {}) {
  const auto& g = graph_of(name);
  return make_subject(*g.graph, g.types, how);
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

TEST_CASE("in real time an item lasts as long as it is, and its costs are told") {
  const auto what = subject_of("loopback");
  CHECK(what->tells_what_sounded);
  const item a = tone_item(1, 0.2, 0.6);
  const item* items[] = {&a};
  const auto before = std::chrono::steady_clock::now();
  const auto done = drive(*what, items, {true, work()});
  REQUIRE_MESSAGE(done, done.error().message);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  CHECK(took.count() >= 1.0);
  const auto& did = (*done)[0].did;
  CHECK(did.real_time);
  CHECK(json_of(timeline_of(json_of(did))) == json_of(did));
  // On a machine that is too slow the playout drops what comes late: then it is counted.
  const auto judged = score(a, did);
  REQUIRE(judged.values.count("lost_sound_ms_per_min") == 1);
  if (judged.values.at("lost_sound_ms_per_min") == 0) {
    REQUIRE(did.speech.size() == 1);
    CHECK(did.speech[0].from_s == doctest::Approx(0.3).epsilon(0.03));
  }
  CHECK(score(a, (*drive(*what, items, {false, work()}))[0].did)
            .values.count("lost_sound_ms_per_min") == 0);
}

namespace {

class fixed_clock final : public clock {
 public:
  timestamp now() const override { return at; }
  bool is_virtual() const override { return false; }
  timestamp at;
};

}  // namespace

TEST_CASE(
    "real time: words and bare sound are there when they left the graph, not before their time") {
  const auto what = subject_of("talk", {"", "model.audio", {}});
  REQUIRE(what);
  CHECK_FALSE(what->tells_what_sounded);
  const item it = tone_item(2, 0.2, 0.4);
  const auto put = [&](bool real_time) {
    std::vector<session_tape> tapes(1);
    tapes[0].plays = &it;
    listener ear(*what, tapes, real_time);
    fixed_clock time;
    ear.started(what->graph, time);
    const auto emit = [&](const port_of& from, std::int64_t ts_ms, std::int64_t now_ms,
                          payload body) {
      time.at = timestamp::of_ms(now_ms);
      auto p = make_packet(timestamp::of_ms(ts_ms), std::move(body));
      p.header.session = session_id{1};
      ear.packet_emitted(what->graph, from.actor, from.port, p);
    };
    const auto chunk = [](float level) {
      return audio_chunk{16000, 1, 0, buffer::take(std::vector<float>(3200, level))};
    };
    emit(what->texts.front(), 400, 450, text{"one", "model", 0, true});
    emit(what->texts.front(), 900, 650, text{"two", "model", 0, true});  // said ahead of its time
    emit(what->audio, 400, 450, chunk(0.1f));
    emit(what->audio, 600, 610, chunk(0.2f));  // goes on where the first one ends: 650
    emit(what->audio, 1200, 1210, chunk(0.3f));
    return std::pair(ear.take(0), std::move(tapes[0].sound));
  };
  const auto [real, real_sound] = put(true);
  REQUIRE(real.words.size() == 2);
  CHECK(real.words[0].at_s == doctest::Approx(0.45));
  CHECK(real.words[1].at_s == doctest::Approx(0.9));
  REQUIRE(real.word_waits_s.size() == 2);
  CHECK(real.word_waits_s[0] == doctest::Approx(0.05));
  CHECK(real.word_waits_s[1] == 0);
  const auto level = [](const std::vector<float>& sound, double at_s) {
    return sound[static_cast<std::size_t>(at_s * 16000)];
  };
  CHECK(level(real_sound, 0.449) == 0.0f);
  CHECK(level(real_sound, 0.451) == 0.1f);
  CHECK(level(real_sound, 0.651) == 0.2f);
  CHECK(level(real_sound, 0.851) == 0.0f);
  CHECK(level(real_sound, 1.211) == 0.3f);
  const auto [ideal, ideal_sound] = put(false);
  CHECK(ideal.words[0].at_s == doctest::Approx(0.4));
  CHECK(ideal.word_waits_s.empty());
  CHECK(level(ideal_sound, 0.401) == 0.1f);
  CHECK(level(ideal_sound, 0.601) == 0.2f);
}

TEST_CASE("what is left to play: less by what is stored, sessions by their minutes") {
  const auto out = std::filesystem::temp_directory_path() / "hocket-duplex-left";
  std::filesystem::remove_all(out);
  const std::vector<item_spec> specs{{"turn", 0}, {"turn", 1}, {"session", 0, "clean", 2}};
  const auto all = left_to_play(7, specs, out.string());
  REQUIRE(all);
  CHECK(all->items == 3);
  const auto turn_s = make_item(7, specs[0])->length_s();
  CHECK(all->seconds == doctest::Approx(2 * turn_s + 120));
  std::filesystem::create_directories(out / "items" / "turn");
  std::ofstream(out / "items" / "turn" / "0000.json") << "{}";
  CHECK(left_to_play(7, specs, out.string())->items == 2);
  CHECK(left_to_play(7, specs, "")->items == 3);
  std::filesystem::remove_all(out);
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
  std::map<std::string, report::measure> by_name;
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
  // Reports say by which clock and in which batches they were taken; what differs is noted.
  const auto item = R"("items": {"turn/0000": {"good": 1, "values": {}}}})";
  const auto v =
      write("hocket-duplex-v.json",
            (R"({"clock": "virtual", "at_once": {"batch": 16}, )" + std::string(item)).c_str());
  const auto w =
      write("hocket-duplex-w.json",
            (R"({"clock": "real", "at_once": {"batch": 1}, )" + std::string(item)).c_str());
  const auto clocks = compare_runs(v, w);
  REQUIRE(clocks);
  REQUIRE(clocks->notes().size() == 3);
  CHECK(clocks->notes()[1].find("B real time") != std::string::npos);
  CHECK(clocks->notes()[2].find("16 and 1") != std::string::npos);
  CHECK(found->notes().size() == 1);
  CHECK(compare_runs(a, write("hocket-duplex-c.json", R"({"items": {}})")).error().code ==
        "duplex.compare");
  CHECK(compare_runs(a, write("hocket-duplex-c.json", "[]")).error().code == "duplex.file");
  CHECK(compare_runs(a, "nowhere.json").error().message.find("nowhere.json") != std::string::npos);
}
