#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "engine/audio/wav.hpp"
#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/builder.hpp"
#include "tools/scenarios/channel.hpp"
#include "tools/scenarios/families.hpp"
#include "tools/scenarios/ordinary_talk.hpp"
#include "tools/scenarios/speech_bank.hpp"
#include "tools/scenarios/words.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::scenarios;
namespace fs = std::filesystem;

namespace {

double power_of(const std::vector<float>& x) {
  double sum = 0;
  for (const float v : x) sum += double(v) * double(v);
  return sum / static_cast<double>(x.size());
}

std::vector<float> tone(double hz, std::size_t n = 16000) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i)
    x[i] = 0.1f * static_cast<float>(std::sin(2 * 3.14159265 * hz * double(i) / 16000));
  return x;
}

/// A bank on disk: one neural voice that says two sentences, and two people who say "seven". Every
/// word is a constant of its own, so that the samples tell where they come from.
struct test_bank {
  fs::path folder = fs::temp_directory_path() / "hocket-speech-bank";
  test_bank() {
    fs::remove_all(folder);
    fs::create_directories(folder);
    write("alice", "neural", "train",
          {{"", "what is two plus three"}, {"", "what is five plus ten"}, {"", "my sister sings"}},
          0.1f);
    write("people_train", "people", "train", {{"ann", "seven"}, {"ben", "seven"}}, 0.5f);
    write("people_heldout", "people", "heldout", {{"cleo", "stop"}}, 0.5f);
  }
  ~test_bank() { fs::remove_all(folder); }

  using clips = std::vector<std::pair<std::string, std::string>>;
  void write(const std::string& name, const std::string& kind, const std::string& part,
             const clips& all, float level) const {
    std::vector<float> sound;
    nlohmann::json index{
        {"voice", name}, {"kind", kind}, {"part", part}, {"clips", nlohmann::json::array()}};
    for (const auto& [speaker, text] : all) {
      nlohmann::json words = nlohmann::json::array();
      const auto from = sound.size();
      for (const auto& w : engine::words_of(text)) {
        words.push_back({w, sound.size(), sound.size() + 1600});
        sound.insert(sound.end(), 1600, level);
        level += 0.01f;
      }
      index["clips"].push_back({{"text", text},
                                {"speaker", speaker},
                                {"start", from},
                                {"end", sound.size()},
                                {"words", words}});
      sound.insert(sound.end(), 800, 0.0f);
    }
    REQUIRE(engine::write_wav((folder / (name + ".wav")).string(), sound, 1));
    std::ofstream(folder / (name + ".json")) << index.dump();
  }
};

}  // namespace

TEST_CASE("noises have power one, are their seed's, and differ") {
  REQUIRE(prepare_babble(split::train));
  std::set<float> seen;
  for (const auto kind : {noise_kind::fan, noise_kind::babble, noise_kind::street,
                          noise_kind::music, noise_kind::keyboard}) {
    const auto x = make_noise(kind, 32000, 5, split::train);
    CHECK(power_of(x) == doctest::Approx(1).epsilon(0.01));
    CHECK(make_noise(kind, 32000, 5, split::train) == x);
    CHECK(make_noise(kind, 32000, 6, split::train) != x);
    CHECK(seen.insert(x[1234]).second);
    for (const float v : x) REQUIRE(std::isfinite(v));
  }
  REQUIRE(prepare_babble(split::heldout));
  CHECK(make_noise(noise_kind::babble, 32000, 5, split::heldout) !=
        make_noise(noise_kind::babble, 32000, 5, split::train));
}

TEST_CASE("a channel adds its noise at its level, cuts, and weakens") {
  const auto speech = tone(440);
  const double power = speech_power(speech);
  CHECK(power == doctest::Approx(0.005).epsilon(0.02));
  auto x = speech;
  apply({.noise = noise_kind::fan, .snr_db = 10}, x, power, 3, split::train);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] -= speech[i];
  CHECK(10 * std::log10(power / power_of(x)) == doctest::Approx(10).epsilon(0.02));
  // Silence between words does not count as speech.
  auto with_pause = speech;
  with_pause.resize(48000, 0.0f);
  CHECK(speech_power(with_pause) == doctest::Approx(power).epsilon(0.05));
  CHECK(speech_power(std::vector<float>(16000, 0.0f)) == 0);
  x = speech;
  apply({.gain_db = -20, .clip = 0.5}, x, power, 3, split::train);
  CHECK(*std::ranges::max_element(x) == doctest::Approx(0.005).epsilon(0.02));
  x = speech;
  apply({}, x, power, 3, split::train);
  CHECK(x == speech);
}

TEST_CASE("a telephone lets its band through, in time, and nothing else") {
  const auto level_of = [](double hz) {
    auto x = tone(hz);
    telephone(x);
    CHECK(x.size() == 16000);
    const std::vector<float> middle(x.begin() + 4000, x.end() - 4000);
    return 10 * std::log10(power_of(middle) / 0.005 + 1e-12);
  };
  CHECK(std::abs(level_of(1000)) < 1);
  CHECK(std::abs(level_of(3000)) < 1.5);
  CHECK(level_of(100) < -25);
  CHECK(level_of(5000) < -35);
  // A click stays where it is: words keep their times.
  std::vector<float> click(16000, 0.0f);
  for (int i = 0; i < 40; ++i) click[8000 + static_cast<std::size_t>(i)] = i % 8 < 4 ? 0.5f : -0.5f;
  telephone(click);
  const auto loudest = std::ranges::max_element(click, {}, [](float v) { return std::abs(v); });
  CHECK(std::abs((loudest - click.begin()) - 8020) < 40);
}

TEST_CASE("ordinary talk is no request, and every voice can say it") {
  std::map<split, std::set<std::string>> said;
  for (const split which : {split::train, split::heldout}) {
    random_stream rng(9);
    for (int i = 0; i < 400; ++i) {
      const auto text = ordinary_talk(rng, which);
      CHECK(engine::words_of(text).size() >= 1);
      for (const char* request : {"what is", "what time", "say ping", "translate", "hocket"})
        CHECK_MESSAGE(text.find(request) == text.npos, text);
      said[which].insert(text);
    }
    CHECK(said[which].size() > 150);
  }
  auto voice = person_voice::open();
  REQUIRE(voice);
  random_stream rng(11);
  for (int i = 0; i < 60; ++i) {
    person who;
    who.voice = rng.pick(i % 3 == 0 ? flite_voices_of(split::train) : voices_of(split::train));
    const auto text = ordinary_talk(rng, split::train);
    const auto spoken = (*voice)->say(text, who);
    CHECK_MESSAGE(spoken, text << ": " << (spoken ? "" : spoken.error().message));
  }
}

TEST_CASE("talk for others: the model says nothing, or what it was saying") {
  source_options options;
  options.families = {"other_talk"};
  options.sound = variety::rich;
  options.field = 1;
  const std::set<std::string> numbers{"one", "two",   "three", "four", "five",
                                      "six", "seven", "eight", "nine", "ten"};
  int counts = 0, labelled = 0;
  for (std::uint64_t index = 0; index < 8; ++index) {
    const auto made = make_conversation(options, index);
    REQUIRE_MESSAGE(made, made.error().message);
    CHECK(made->delegations.empty());
    for (const auto& w : made->model_words) {
      CHECK_MESSAGE(numbers.contains(w.word), w.word);
      ++counts;
    }
    for (const auto& w : made->person_words) labelled += w.labelled;
    // Words that the model has no token for are no label.
    for (const auto token : made->example.heard) CHECK(token != engine::vocabulary::unknown);
  }
  CHECK(labelled > 50);
  CHECK(counts < 8 * 20);
}

TEST_CASE("typed requests are read, not heard, and answered when the last word is in") {
  source_options options;
  options.families = {"typed"};
  options.sound = variety::rich;
  const engine::vocabulary& words = nano_vocabulary();
  std::set<std::string> begins;
  int answers = 0;
  for (std::uint64_t index = 0; index < 8; ++index) {
    const auto made = make_conversation(options, index);
    REQUIRE_MESSAGE(made, made.error().message);
    CHECK(made->person_words.empty());
    const auto& read = made->example.text_in;
    const auto turns = static_cast<std::size_t>(made->micro_turns);
    for (std::size_t k = 0; k < turns; ++k) {
      const bool first =
          read[k] != engine::vocabulary::pad && (k == 0 || read[k - 1] == engine::vocabulary::pad);
      if (first) begins.insert(words.token_of(read[k]));
    }
    // Nothing is said into what is being typed, and each answer's first word is one micro-turn behind.
    for (std::size_t k = 1; k < turns; ++k) {
      const auto said = made->example.text_out[2 * k], before = made->example.text_out[2 * k - 2];
      if (said == engine::vocabulary::pad || before != engine::vocabulary::pad) continue;
      if (words.token_of(said) != "that" && words.token_of(said) != "<delegate>") continue;
      CHECK(read[k] == engine::vocabulary::pad);
      CHECK(read[k - 1] != engine::vocabulary::pad);
      ++answers;
    }
  }
  CHECK(begins.contains("what"));
  CHECK(answers >= 5);
}

TEST_CASE("conversations outside the field are what they would be without it") {
  source_options options;
  options.families = {"all"};
  options.sound = variety::rich;
  options.seconds = 8;
  int same = 0, other = 0;
  for (std::uint64_t index = 0; index < 12; ++index) {
    options.field = 0;
    const auto plain = make_conversation(options, index);
    options.field = 0.5;
    const auto mixed = make_conversation(options, index), again = make_conversation(options, index);
    REQUIRE(plain);
    REQUIRE(mixed);
    CHECK(mixed->person_audio == again->person_audio);
    CHECK(mixed->example.audio == again->example.audio);
    ++(mixed->person_audio == plain->person_audio ? same : other);
    for (const float v : mixed->person_audio) REQUIRE(std::abs(v) <= 1);
  }
  CHECK(same >= 3);
  CHECK(other >= 3);
}

TEST_CASE("the share of the field grows over the first conversations, and only ever adds some") {
  source_options options;
  options.seconds = 2;
  int early = 0, late = 0;
  for (std::uint64_t index = 0; index < 24; ++index) {
    options.field = 0, options.field_ramp = 0;
    const auto plain = make_conversation(options, index);
    options.field = 1;
    const auto all = make_conversation(options, index);
    options.field_ramp = 24;
    const auto ramped = make_conversation(options, index);
    REQUIRE(plain);
    REQUIRE(all);
    REQUIRE(ramped);
    const bool field = ramped->person_audio != plain->person_audio;
    if (field) CHECK(ramped->person_audio == all->person_audio);
    (index < 12 ? early : late) += field;
  }
  CHECK(early > 0);
  CHECK(early < 8);
  CHECK(late > early);
}

TEST_CASE("a bank: sentences are joined from the longest pieces, unknown words are nobody's") {
  const test_bank at;
  const auto bank = speech_bank::open(at.folder.string(), split::train);
  REQUIRE_MESSAGE(bank, bank.error().message);
  REQUIRE((*bank)->neural().size() == 1);
  REQUIRE((*bank)->people().size() == 1);
  random_stream rng(1);
  const auto& alice = (*bank)->neural().front();
  const auto said = speech_bank::say(alice, "what is two plus ten", 0, rng);
  REQUIRE(said);
  REQUIRE(said->words.size() == 5);
  const auto level_at = [&](const spoken_word& w) {
    return said->samples[static_cast<std::size_t>((w.start + w.end) / 2)];
  };
  CHECK(said->words[4].word == "ten");
  CHECK(level_at(said->words[0]) == doctest::Approx(0.10).epsilon(0.01));
  CHECK(level_at(said->words[2]) == doctest::Approx(0.12).epsilon(0.01));
  CHECK(level_at(said->words[4]) == doctest::Approx(0.19).epsilon(0.01));
  for (std::size_t i = 0; i + 1 < 5; ++i) CHECK(said->words[i].end <= said->words[i + 1].start);
  CHECK(said->words.back().end == static_cast<std::int64_t>(said->samples.size()));
  CHECK_FALSE(speech_bank::say(alice, "what is nine plus ten", 0, rng));
  // Talk for others is no request: of the neural voice only the sentence with a foreign word.
  for (int i = 0; i < 40; ++i) {
    const auto heard = (*bank)->small_talk_of_others(0, rng);
    REQUIRE(heard);
    CHECK((heard->words.front().word == "my" || heard->words.front().word == "seven"));
  }
}

TEST_CASE("a bank: people say the words that they have, the others stay; the splits are apart") {
  const test_bank at;
  const auto bank = speech_bank::open(at.folder.string(), split::train);
  const auto heldout = speech_bank::open(at.folder.string(), split::heldout);
  REQUIRE(bank);
  REQUIRE(heldout);
  utterance said;
  said.rate_hz = 16000;
  said.samples.assign(8000, 0.1f);
  said.words = {{"is", 0, 3000}, {"seven", 3200, 5000}, {"stop", 5200, 8000}};
  random_stream rng(4);
  int changed = 0;
  const auto mixed = (*bank)->with_people(said, 1, rng, &changed);
  CHECK(changed == 1);
  REQUIRE(mixed.words.size() == 3);
  CHECK(mixed.words[1].end - mixed.words[1].start == 1600);
  CHECK(mixed.words[0].end - mixed.words[0].start == 3000);
  CHECK(mixed.words[2].end - mixed.words[2].start == 2800);
  CHECK(mixed.words[2].end == static_cast<std::int64_t>(mixed.samples.size()));
  const auto by_them = static_cast<std::size_t>(mixed.words[1].start + 800);
  CHECK(mixed.samples[by_them] > 0.3f);
  changed = 0;
  (void)(*heldout)->with_people(said, 1, rng, &changed);
  CHECK(changed == 1);  // "stop", which only the held-out speaker says
  CHECK((*heldout)->neural().empty());
}

TEST_CASE("a bank that does not read says which file, and what to do") {
  const test_bank at;
  CHECK(
      speech_bank::open((at.folder / "no").string(), split::train).error().message.find("README") !=
      std::string::npos);
  const auto broken = [&](const std::string& text) {
    std::ofstream(at.folder / "zoe.json") << text;
    const auto read = speech_bank::open(at.folder.string(), split::train);
    return read ? std::string("read") : read.error().message;
  };
  CHECK(broken("{").find("zoe.json") != std::string::npos);
  CHECK(broken(R"({"part": "train"})").find("voice") != std::string::npos);
  fs::copy_file(at.folder / "alice.wav", at.folder / "zoe.wav");
  for (const char* clip : {R"({"start": 0, "end": 99999999, "words": [["a", 0, 5]]})",
                           R"({"start": -1, "end": 10, "words": [["a", 0, 5]]})",
                           R"({"start": 0, "end": 10, "words": [["a", 0, 50]]})",
                           R"({"start": 0, "end": 10, "words": []})",
                           R"({"start": 0, "end": 100, "words": [["a", 50, 60], ["b", 10, 20]]})"})
    CHECK(broken(std::string(R"({"voice": "zoe", "kind": "neural", "part": "train", "clips": [)") +
                 clip + "]}")
              .find("clip 0") != std::string::npos);
}
