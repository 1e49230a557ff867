#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "engine/audio/wav.hpp"
#include "engine/text/vocabulary.hpp"
#include "tools/duplex/families.hpp"
#include "tools/duplex/score.hpp"
#include "tools/scenarios/channel.hpp"

using namespace hocket;
using namespace hocket::duplex;
namespace fs = std::filesystem;

namespace {

std::shared_ptr<const scenarios::speech_bank> bank_of_two() {
  const auto folder = fs::temp_directory_path() / "hocket-duplex-bank";
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto write = [&](const std::string& name, const std::string& kind,
                         const std::vector<std::string>& texts) {
    std::vector<float> sound;
    nlohmann::json clips = nlohmann::json::array();
    for (const auto& text : texts) {
      nlohmann::json words = nlohmann::json::array();
      const auto from = sound.size();
      for (const auto& w : engine::words_of(text)) {
        words.push_back({w, sound.size(), sound.size() + 4000});
        for (int i = 0; i < 4000; ++i) sound.push_back(i % 100 < 50 ? 0.1f : -0.1f);
      }
      clips.push_back({{"start", from}, {"end", sound.size()}, {"words", words}});
    }
    REQUIRE(engine::write_wav((folder / (name + ".wav")).string(), sound, 1));
    std::ofstream(folder / (name + ".json"))
        << nlohmann::json{{"voice", name}, {"kind", kind}, {"part", "heldout"}, {"clips", clips}};
  };
  write("people", "people", {"seven", "two", "stop"});
  write("nora", "neural", {"what is two plus three", "what is six times two", "how are you"});
  auto bank = scenarios::speech_bank::open(folder.string(), scenarios::split::heldout);
  REQUIRE(bank);
  fs::remove_all(folder);
  return *bank;
}

item made(const std::string& family, std::int64_t index, const scenarios::speech_bank* bank) {
  auto out = make_item(set_options{}.seed, {family, index}, bank);
  REQUIRE_MESSAGE(out, out.error().message);
  return std::move(*out);
}

}  // namespace

TEST_CASE("families of the bank: only with one, and only of what it holds") {
  CHECK(make_item(1, {"people", 0}).error().code == "duplex.bank");
  CHECK(make_item(1, {"unseen", 0}).error().code == "duplex.bank");
  set_options set;
  set.families = {"people", "unseen"};
  CHECK(plan_set(set)->empty());
  set.bank = true;
  CHECK(plan_set(set)->size() == 138);
  const auto bank = bank_of_two();
  for (std::int64_t i = 0; i < 6; ++i) {
    const auto it = made("people", i, bank.get());
    INFO(it.expect.label, ": ", it.current_turn_text);
    for (const auto& w : engine::words_of(it.current_turn_text))
      CHECK(std::ranges::count(
                std::vector<std::string>{"what", "is", "plus", "seven", "two", "stop"}, w) == 1);
    CHECK_FALSE(it.expect.replies.empty());
    CHECK(it.input == made("people", i, bank.get()).input);
    CHECK(it.to_s <= it.length_s() + 0.2);
  }
  std::vector<std::string> replies;
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto it = made("unseen", i, bank.get());
    CHECK(it.voice == "nora");
    REQUIRE(it.expect.replies.size() == 1);
    replies.push_back(it.expect.replies.front());
  }
  CHECK(replies == std::vector<std::string>{"that is five", "let me check", "i am fine"});
}

TEST_CASE("ten decibels of noise are ten decibels, all through the item") {
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto it = made("noise10", i, nullptr);
    REQUIRE(it.sounds.front().who == "sound");
    CHECK((it.sounds.front().text == "fan" || it.sounds.front().text == "babble"));
    const auto& asked = it.sounds.back();
    const std::vector<float> rest(it.input.begin() + asked.end, it.input.end());
    const std::vector<float> speech(it.input.begin() + asked.start, it.input.begin() + asked.end);
    const double ratio = scenarios::speech_power(speech) / scenarios::speech_power(rest);
    // Speech and noise over noise: 11 at 10 dB; speech is no steady tone.
    CHECK(ratio > 5);
    CHECK(ratio < 20);
  }
}

TEST_CASE("talk for others: words and errands per minute, silence is good") {
  const auto it = made("other_talk", 1, nullptr);
  CHECK(it.length_s() > 8);
  timeline quiet;
  quiet.length_s = it.length_s();
  const auto good = score(it, quiet);
  CHECK(good.good == 1);
  CHECK(good.values.at("words_per_min") == 0);
  CHECK(good.values.at("delegations_per_min") == 0);
  timeline loud = quiet;
  loud.words = {{it.from_s + 1, "that"}, {it.to_s + 1, "is"}, {it.to_s + 2.5, "late"}};
  loud.delegations_s = {it.from_s + 2};
  const auto bad = score(it, loud);
  CHECK(bad.good == 0);
  const double minutes = (it.to_s + 2 - it.from_s) / 60;
  CHECK(bad.values.at("words_per_min") == doctest::Approx(2 / minutes));
  CHECK(bad.values.at("delegations_per_min") == doctest::Approx(1 / minutes));
}

TEST_CASE("what was heard: in order, of the words that the model has") {
  item it;
  it.family = "turn";
  it.sounds = {{"user", "what is quince plus two", 0, 16000}, {"other", "hello", 0, 100}};
  timeline did;
  CHECK(score(it, did).values.count("heard_recall") == 0);
  did.has_heard = true;
  CHECK(score(it, did).values.at("heard_recall") == 0);
  did.heard = {{0.2, "what"}, {0.4, "two"}, {0.6, "is"}, {0.9, "plus"}, {1.0, "two"}};
  const auto values = score(it, did).values;
  CHECK(values.at("heard_recall") == doctest::Approx(1.0));
  CHECK(values.at("heard_precision") == doctest::Approx(0.8));
}
