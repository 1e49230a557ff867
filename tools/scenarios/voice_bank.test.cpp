// A made-up voice that hums every text: what is joined from it says the words, and nothing before its time.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numbers>

#include <nlohmann/json.hpp>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "engine/audio/wav.hpp"
#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/kinds.hpp"
#include "tools/scenarios/source.hpp"
#include "tools/scenarios/voice_check.hpp"
#include "tools/scenarios/voice_texts.hpp"
#include "tools/scenarios/words.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::scenarios;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t word_samples = 3500;

std::vector<std::string> words_in(const std::string& text) {
  return engine::letter_of(text).empty() ? engine::words_of(text) : std::vector<std::string>{text};
}

/// Each word a tone of its own, a little different in every text, faint at its ends.
fs::path humming(const std::string& name, const std::string& without = "") {
  const fs::path folder = fs::temp_directory_path() / name;
  fs::create_directories(folder);
  std::vector<float> sound;
  nlohmann::json clips = nlohmann::json::array();
  std::size_t number = 0;
  for (const std::string& text : voice_texts()) {
    const auto words = words_in(text);
    ++number;
    if (std::ranges::find(words, without) != words.end()) continue;
    nlohmann::json placed = nlohmann::json::array();
    const auto start = static_cast<std::int64_t>(sound.size());
    for (const std::string& word : words) {
      const auto at = static_cast<std::int64_t>(sound.size());
      const double hz = 150 + double(std::hash<std::string>()(word) % 200) + double(number % 7);
      for (std::int64_t i = 0; i < word_samples; ++i) {
        const double edge = std::min(1.0, double(std::min(i, word_samples - 1 - i) + 40) / 400);
        sound.push_back(static_cast<float>(
            0.2 * edge * std::sin(2 * std::numbers::pi * hz * double(i) / 16000)));
      }
      placed.push_back({word, at, at + word_samples});
    }
    clips.push_back({{"text", text}, {"start", start}, {"end", sound.size()}, {"words", placed}});
    sound.resize(sound.size() + 1600);
  }
  REQUIRE(engine::write_wav((folder / "own.wav").string(), sound, 1));
  std::ofstream(folder / "own.json") << nlohmann::json{
      {"voice", "hum"}, {"kind", "own"}, {"part", "train"}, {"rate_hz", 16000}, {"clips", clips}};
  return folder;
}

const std::shared_ptr<model_voice>& voice() {
  static const auto opened = [] {
    auto made = model_voice::open(humming("hocket-humming").string());
    REQUIRE_MESSAGE(made, made.error().message);
    return *made;
  }();
  return opened;
}

bool same(const std::vector<float>& a, const std::vector<float>& b, std::int64_t count) {
  return std::equal(a.begin(), a.begin() + count, b.begin());
}

// With another word in an open place, nothing before it differs.
void tells_nothing_early(const std::string& text) {
  CAPTURE(text);
  const phrase& p = voice()->say_undecided(text);
  std::vector<std::string> words = words_in(text);
  for (std::size_t at = 1; at < words.size(); ++at) {
    const auto* kind = kind_of(words[at]);
    if (!kind) continue;
    std::vector<std::string> other = words;
    const auto next = std::ranges::find(*kind, words[at]) + 1;
    other[at] = next == kind->end() ? kind->front() : *next;
    if (other[at].size() == 2) continue;  // the mark between spelt words is no word
    std::string joined;
    for (const auto& w : other) joined += (joined.empty() ? "" : " ") + w;
    const phrase& q = voice()->say_undecided(joined);
    CAPTURE(joined);
    REQUIRE(p.words[at].start == q.words[at].start);
    CHECK(same(p.samples, q.samples, p.words[at].start - 40));
    CHECK(same(p.patches, q.patches,
               p.words[at].start / 3200 * 4 * std::int64_t{engine::speech_format::patch_size}));
  }
}

}  // namespace

TEST_CASE("whatever the model is to say, a voice of these texts says it, and no word comes early") {
  source_options options;
  options.families = {"all", "typed"};
  options.sound = variety::rich;
  options.slips = 0.3;
  options.voice = voice();
  for (std::uint64_t i = 0; i < 40; ++i) {
    const auto made = make_conversation(options, i);
    REQUIRE_MESSAGE(made, made.error().message);
  }
  for (const std::string& text : checked_phrases()) tells_nothing_early(text);
}

TEST_CASE("a joined phrase has all words in order, whole, without a step") {
  for (const std::string& text : checked_phrases()) {
    CAPTURE(text);
    const phrase& p = voice()->say_undecided(text);
    const auto words = words_in(text);
    REQUIRE(p.words.size() == words.size());
    CHECK(p.samples.size() % 800 == 0);
    CHECK(p.patches.size() ==
          p.samples.size() / 800 * std::size_t{engine::speech_format::patch_size});
    std::int64_t end = 480;
    for (std::size_t w = 0; w < words.size(); ++w) {
      CHECK(p.words[w].word == words[w]);
      CHECK(p.words[w].start == end);
      CHECK(std::abs(p.words[w].end - p.words[w].start - word_samples) <= 64);
      end = p.words[w].end;
    }
    double step = 0;
    for (std::size_t i = 1; i < p.samples.size(); ++i)
      step = std::max(step, std::abs(double(p.samples[i]) - double(p.samples[i - 1])));
    CHECK(step < 1.25 * 0.2 * 2 * std::numbers::pi * 360 / 16000);
    CHECK(voice()->say(text).samples == p.samples);
  }
}

TEST_CASE("a voice that lacks a word is refused, and so is none") {
  const auto opened = model_voice::open(humming("hocket-humming-less", "foggy").string());
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == "scenarios.bank");
  CHECK(opened.error().message.find("`foggy`") != std::string::npos);
  CHECK(model_voice::open("/nowhere").error().code == "scenarios.bank");
}

TEST_CASE("nobody else has the model's voice where a bank leaves it out") {
  CHECK(model_voice::shared().name() == "slt");
  CHECK(voice()->name() == "hum");
  const std::string folder = humming("hocket-humming").string();
  const auto all = speech_bank::open(folder, split::train);
  const auto others = speech_bank::open(folder, split::train, voice()->name());
  REQUIRE((all && others));
  CHECK((*all)->neural().size() == 1);
  CHECK((*others)->neural().empty());
}

TEST_CASE("no text of a voice is there twice, and all are of the model's words") {
  auto texts = voice_texts();
  for (const std::string& text : texts)
    for (const std::string& word : words_in(text)) CHECK(nano_vocabulary().contains(word));
  std::ranges::sort(texts);
  CHECK(std::ranges::adjacent_find(texts) == texts.end());
}
