// The model's own voice: how it is made, and what judges outside say of it.
#include "tools/duplex/own_voice.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include "tools/duplex/judged.hpp"
#include "tools/duplex/summary.hpp"
#include "tools/scenarios/model_voice.hpp"

using namespace hocket;
using namespace hocket::duplex;
namespace fs = std::filesystem;

namespace {

const report::measure* find(const bench_report& r, const std::string& name) {
  for (const auto& m : r.numbers.items())
    if (m.name == name) return &m;
  return nullptr;
}

/// The teacher says "that is seven" at 2 s; `gain` from the border at 2.44 s on.
timeline spoken(float gain) {
  const auto& phrase = scenarios::model_voice::shared().say("that is seven");
  std::vector<float> sound(5 * rate_hz);
  std::ranges::copy(phrase.samples, sound.begin() + 2 * rate_hz);
  const std::size_t border = 2 * rate_hz + 640 + 2 * 3200;
  for (std::size_t i = border; i < sound.size(); ++i) sound[i] *= gain;
  timeline did;
  did.length_s = 5;
  did.words = {{0.5, "old"}, {2.0, "that"}, {2.2, "is"}, {2.4, "seven"}};
  did.speech = segments_of(sound);
  hear_own_voice(sound, 640, 1.0, did);
  return did;
}

played_item item_of_turn(const std::string& id, timeline did) {
  played_item out;
  out.of.family = "turn", out.of.id = id, out.of.condition = "clean";
  out.did = std::move(did);
  return out;
}

struct run_folder {
  fs::path path = fs::temp_directory_path() / ("hocket-judged-" + std::to_string(::getpid()));
  run_folder() {
    fs::remove_all(path);
    fs::create_directories(path);
    write("run.json", R"({"identity": "abc"})");
  }
  ~run_folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
  }
};

}  // namespace

TEST_CASE("the voice beside the teacher's: the same sound has the same steps and length") {
  const auto same = spoken(1).own;
  REQUIRE(same.inside_steps_db.size() > 20);
  CHECK(same.border_steps_db.size() >= 2);
  REQUIRE(same.longer_s);
  CHECK(std::abs(*same.longer_s) < 0.03);
  CHECK(same.clicks == same.teacher_clicks);
  const auto stepped = spoken(0.1f).own;
  const auto largest = [](const std::vector<float>& x) { return *std::ranges::max_element(x); };
  CHECK(largest(stepped.border_steps_db) > largest(same.border_steps_db) + 6);
  CHECK(largest(stepped.inside_steps_db) ==
        doctest::Approx(largest(same.inside_steps_db)).epsilon(0.3));
  // It is kept with an item, and older files without it are read.
  const auto back = timeline_of(json_of(spoken(1)));
  CHECK(back.own.inside_steps_db == same.inside_steps_db);
  CHECK(back.own.longer_s == same.longer_s);
  auto old = json_of(spoken(1));
  old.erase("own");
  CHECK(timeline_of(old).own.inside_steps_db.empty());
  timeline quiet;
  hear_own_voice(std::vector<float>(rate_hz), 0, 0, quiet);
  CHECK(quiet.own.inside_steps_db.empty());
}

TEST_CASE("judges outside: their file is read for its run alone, and its figures are measures") {
  const run_folder at;
  std::vector<played_item> all;
  all.push_back(item_of_turn("0001", spoken(1)));
  all.push_back(item_of_turn("0002", spoken(1)));
  const auto nobody = read_judged(at.path.string(), all);
  REQUIRE(nobody);
  CHECK(nobody->items == 0);
  const auto silent = summarise(all, {});
  REQUIRE(find(silent, "speech.dnsmos"));
  CHECK(find(silent, "speech.dnsmos")->not_run.find("judge.py") != std::string::npos);
  at.write("judged.json", R"({"identity": "abc", "recogniser": "w", "quality": "d", "items": {
    "turn/0001": {"said": 3, "understood": 3, "dnsmos": 3.0},
    "turn/0002": {"said": 3, "understood": 2, "dnsmos": 4.0},
    "turn/0009": {"said": 3, "understood": 0, "dnsmos": 1.0}}})");
  const auto found = read_judged(at.path.string(), all);
  REQUIRE_MESSAGE(found, found.error().message);
  CHECK(found->items == 2);
  CHECK(found->recogniser == "w");
  const auto r = summarise(all, {});
  CHECK(find(r, "speech.dnsmos")->value == doctest::Approx(3.5));
  CHECK(find(r, "speech.recognised")->value == doctest::Approx(5.0 / 6));
  CHECK(find(r, "speech.border_step_db")->value > 0);
  CHECK(std::abs(find(r, "speech.longer_s")->value) < 0.03);
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"not json", "not what judge.py writes"},
           {R"({"identity": "abc"})", "not what judge.py writes"},
           {R"({"identity": "old", "items": {}})", "belongs to another run"},
           {R"({"identity": 7, "items": {}})", "belongs to another run"},
           {R"({"identity": "abc", "items": {"turn/0001": {"said": 1, "understood": 2}}})",
            "range"},
           {R"({"identity": "abc", "items": {"turn/0001": {"dnsmos": 77}}})", "range"},
           {R"({"identity": "abc", "items": {"turn/0001": {"said": "many"}}})", "judged.json"}}) {
    at.write("judged.json", text);
    const auto refused = read_judged(at.path.string(), all);
    REQUIRE_MESSAGE(!refused, text);
    CHECK(refused.error().code == "duplex.judged");
    CHECK_MESSAGE(refused.error().message.find(why) != std::string::npos, refused.error().message);
  }
}
