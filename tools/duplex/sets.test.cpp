#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "engine/audio/wav.hpp"
#include "tools/duplex/families.hpp"
#include "tools/duplex/recorded.hpp"
#include "tools/duplex/set_files.hpp"
#include "tools/duplex/timeline.hpp"
#include "tools/scenarios/conversation.hpp"

using namespace hocket;
using namespace hocket::duplex;

namespace {

std::vector<item_spec> first_of_each(std::int64_t n) {
  std::vector<item_spec> out;
  for (const auto& f : all_families())
    for (std::int64_t i = 0; i < n; ++i) out.push_back({f.name, i, "clean", 0});
  return out;
}

item made(const item_spec& spec, std::uint64_t seed = set_options{}.seed) {
  auto out = make_item(seed, spec);
  REQUIRE_MESSAGE(out, spec.key() << ": " << out.error().message);
  return std::move(*out);
}

}  // namespace

TEST_CASE("items: sounds inside, window inside, every second one by flite, the same every time") {
  for (const auto& spec : first_of_each(4)) {
    const auto it = made(spec);
    INFO(it.key());
    CHECK(it.samples == static_cast<std::int64_t>(it.input.size()));
    CHECK(it.samples % 3200 == 0);
    CHECK(it.from_s < it.to_s);
    CHECK(it.to_s <= it.length_s() + 0.2);
    CHECK(!it.sounds.empty());
    CHECK(it.synthesiser == (spec.index % 2 == 1 ? "flite" : "espeak-ng"));
    for (const auto& s : it.sounds) {
      CHECK(s.start < s.end);
      CHECK(s.end <= it.samples);
    }
    CHECK(std::ranges::is_sorted(it.sounds, {}, &sounding::start));
    const auto again = made(spec);
    CHECK(again.input == it.input);
    CHECK(metadata_of(again) == metadata_of(it));
    item light = it;  // pictures are not in the metadata
    light.frames.clear();
    CHECK(metadata_of(item_of(metadata_of(light))) == metadata_of(light));
    CHECK(made(spec, 5).input != it.input);
  }
}

TEST_CASE("the times in the metadata are the sound's own, to the sample") {
  for (const auto& spec :
       std::vector<item_spec>{{"turn", 0}, {"turn", 1}, {"pause", 2}, {"pause", 3}}) {
    auto it = made(spec);
    // The noise floor is below the threshold of segments_of.
    const auto heard = segments_of(it.input, 0.3);
    REQUIRE(!heard.empty());
    CHECK(heard.front().from_s == doctest::Approx(it.sounds.front().from_s()).epsilon(0.02));
    CHECK(heard.back().to_s == doctest::Approx(it.sounds.back().to_s()).epsilon(0.02));
    if (spec.family == std::string("pause"))
      CHECK(overlap_s(heard, it.from_s + 0.05, it.to_s - 0.05) == 0);
  }
}

TEST_CASE("an interruption leaves the model two seconds; its clean twin has no overlap") {
  for (std::int64_t i = 0; i < 6; ++i) {
    const auto it = made({"interruption", i});
    CHECK(it.from_s - it.sounds.front().to_s() >= 2.4);  // 0.4 s to the first word
    REQUIRE(it.clean_input.size() == it.input.size());
    const std::vector<float> part(it.clean_input.begin() + it.sounds.back().start,
                                  it.clean_input.begin() + it.sounds.back().end);
    CHECK(segments_of(part).empty());
    CHECK(it.expect.label == "RESPOND");
    CHECK(!it.expect.replies.empty());
  }
}

TEST_CASE("plan: families by name, robustness twins, sessions, unknown names") {
  set_options quick;
  quick.quick = true;
  const auto all = plan_set(quick);
  REQUIRE(all);
  std::set<std::string> keys;
  for (const auto& s : *all) keys.insert(s.key());
  CHECK(keys.size() == all->size());
  for (const auto& s : *all)
    if (s.condition != "clean") CHECK(keys.count(s.key().substr(0, s.key().find('@'))) == 1);
  CHECK(keys.count("session/0002") == 1);
  set_options one;
  one.families = {"turn"};
  CHECK(plan_set(one)->size() == 119);
  one.items = 5;
  one.quick = true;
  CHECK(plan_set(one)->size() == 5);
  one.items = 1000;  // more than there are
  CHECK(plan_set(one)->size() == 119);
  set_options bare;
  bare.items = 2;
  bare.robustness = false;
  bare.long_minutes = 0;
  CHECK(plan_set(bare)->size() == 2 * all_families().size());
  one.families = {"turns"};
  REQUIRE_FALSE(plan_set(one));
  CHECK(plan_set(one).error().message.find("pause turn interruption") != std::string::npos);
}

TEST_CASE("a long session is its parts, one after the other") {
  const auto it = made({"session", 0, "clean", 1});
  CHECK(it.parts.size() >= 4);
  double at = 0;
  for (const auto& [at_s, part] : it.parts) {
    CHECK(at_s == doctest::Approx(at));
    at += part.length_s();
    CHECK(part.input.empty());
  }
  CHECK(it.length_s() == doctest::Approx(at));
  CHECK(static_cast<std::int64_t>(it.input.size()) == it.samples);
  CHECK(metadata_of(item_of(metadata_of(it))) == metadata_of(it));
}

TEST_CASE("a written set is read back as recordings: an ideal model, a mono file, none at all") {
  const auto folder = std::filesystem::temp_directory_path() / "hocket-duplex-set";
  std::filesystem::remove_all(folder);
  const std::vector<item_spec> specs{{"turn", 0}, {"turn", 1}, {"pause", 0}};
  REQUIRE(write_set(folder.string(), 7, specs, nullptr));
  std::ifstream index(folder / "index.json");
  CHECK(nlohmann::json::parse(index)["items"].size() == 3);
  const auto at = folder / folder_of(specs[0]);
  CHECK(at == folder / "v1_0/synthetic_turn_taking/0000");
  for (const char* file : {"input.wav", "metadata.json", "turn_taking.json", "transcription.json"})
    CHECK(std::filesystem::exists(at / file));
  std::vector<std::string> missing;
  CHECK_FALSE(read_recorded(folder.string(), 7, specs, missing));

  // Somebody's model: silent in the pause, a second of sound 0.3 s after the question.
  const auto it = made(specs[0], 7);
  std::vector<float> both(it.input.size() * 2, 0.0f);
  const auto begin = static_cast<std::size_t>((it.from_s + 0.3) * rate_hz);
  for (std::size_t i = begin; i < begin + rate_hz; ++i)
    both[2 * i + 1] = i % 40 < 20 ? 0.1f : -0.1f;
  REQUIRE(engine::write_wav((at / "output.wav").string(), both, 2));
  missing.clear();
  const auto read = read_recorded(folder.string(), 7, specs, missing);
  REQUIRE(read);
  REQUIRE(read->size() == 1);
  CHECK(missing.size() == 2);
  CHECK(read->front().judged.values.at("take_over") == 1);
  CHECK(read->front().judged.values.at("latency_s") == doctest::Approx(0.3).epsilon(0.05));
  CHECK(read->front().judged.values.count("right") == 0);
  std::filesystem::remove_all(folder);
}

TEST_CASE("pictures become an AVI of the right size; none is an error") {
  const auto path = (std::filesystem::temp_directory_path() / "hocket-duplex.avi").string();
  CHECK_FALSE(write_avi(path, {}));
  std::vector<picture_frame> frames;
  for (int i = 0; i < 3; ++i)
    frames.push_back({0.1 * i, 5, 4, std::vector<std::uint8_t>(60, std::uint8_t(i))});
  REQUIRE(write_avi(path, frames));
  // Rows of 15 bytes are padded to 16.
  CHECK(std::filesystem::file_size(path) == 12 + 12 + 64 + 12 + 64 + 48 + 12 + 3 * (8 + 64));
  std::filesystem::remove(path);
}
