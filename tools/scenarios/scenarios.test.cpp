#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "tools/scenarios/builder.hpp"
#include "tools/scenarios/files.hpp"
#include "tools/scenarios/source.hpp"
#include "tools/scenarios/words.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::scenarios;

namespace {

bool same(const engine::conversation_arrays& a, const engine::conversation_arrays& b) {
  return a.micro_turns == b.micro_turns && a.audio == b.audio && a.text_in == b.text_in &&
         a.text_out == b.text_out && a.heard == b.heard && a.voice == b.voice &&
         a.speech == b.speech && a.video == b.video && a.pictured == b.pictured &&
         a.family == b.family;
}

bool same_tensors(const training_example& a, const training_example& b) {
  return std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(),
                    [](const auto& x, const auto& y) {
                      const auto p = x.second.data.bytes(), q = y.second.data.bytes();
                      return x.first == y.first &&
                             std::equal(p.begin(), p.end(), q.begin(), q.end());
                    });
}

conversation made_of(const std::string& family, std::uint64_t index, split which = split::train) {
  source_options options;
  options.families = {family};
  options.which = which;
  auto made = make_conversation(options, index);
  REQUIRE_MESSAGE(made, made.error().message);
  return std::move(*made);
}

}  // namespace

TEST_CASE("an example has the shapes of the contract and only words of the vocabulary") {
  for (const std::string& family : family_names()) {
    CAPTURE(family);
    const conversation c = made_of(family, 3);
    const engine::conversation_arrays& e = c.example;
    const auto k = static_cast<std::size_t>(e.micro_turns);
    CHECK(k == 75);
    REQUIRE(e.audio.size() == k * 4 * 80);
    REQUIRE(e.text_in.size() == k);
    REQUIRE(e.text_out.size() == k * 2);
    REQUIRE(e.heard.size() == k * 4);
    REQUIRE(e.voice.size() == k * 4);
    REQUIRE(e.speech.size() == k * 4 * 320);
    CHECK(c.person_audio.size() == k * 3200);
    const auto size = static_cast<std::int32_t>(nano_vocabulary().size());
    const auto valid = [&](std::int32_t t) { return t == 0 || (t > 1 && t < size); };
    CHECK(std::all_of(e.text_in.begin(), e.text_in.end(), valid));
    CHECK(std::all_of(e.text_out.begin(), e.text_out.end(), valid));
    CHECK(std::all_of(e.heard.begin(), e.heard.end(), valid));
    CHECK(std::all_of(e.audio.begin(), e.audio.end(), [](std::uint8_t b) { return b < 16; }));
    // Silence is zeros, speech is not.
    for (std::size_t f = 0; f < e.voice.size(); ++f) {
      const auto* patch = e.speech.data() + f * 320;
      CHECK(std::any_of(patch, patch + 320, [](float x) { return x != 0; }) == (e.voice[f] == 1));
    }
    if (family != "bystander") CHECK(std::count(e.voice.begin(), e.voice.end(), 1) > 20);
  }
}

TEST_CASE("a source is a pure function of its options and the index, from any thread") {
  source_options options;
  const auto source = make_source(options);
  REQUIRE(source);
  std::vector<training_example> first(8), second(8);
  for (std::size_t i = 0; i < 8; ++i) first[i] = (*source)->make(i);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 4; ++i)
        second[7 - (2 * i + t)] = (*source)->make(7 - (2 * i + t));
    });
  for (std::thread& t : threads) t.join();
  for (std::size_t i = 0; i < 8; ++i) CHECK(same_tensors(first[i], second[i]));
  CHECK(!same_tensors(first[0], first[1]));
  options.seed = 2;
  CHECK(!same_tensors((*make_source(options))->make(0), first[0]));
  options.seed = 1;
  options.which = split::heldout;
  CHECK(!same_tensors((*make_source(options))->make(0), first[0]));
}

TEST_CASE("held-out voices and their variants are never heard in training") {
  const auto variant = [](const std::string& voice) { return voice.substr(voice.find('+') + 1); };
  std::set<std::string> train, heldout;
  for (const std::string& v : voices_of(split::train)) train.insert(variant(v));
  for (const std::string& v : voices_of(split::heldout)) heldout.insert(variant(v));
  CHECK(voices_of(split::heldout).size() >= 6);
  CHECK(voices_of(split::train).size() >= 40);
  for (const std::string& v : heldout) CHECK(!train.contains(v));
  for (std::uint64_t i = 0; i < 12; ++i)
    CHECK(heldout.contains(variant(made_of("smalltalk", i, split::heldout).speaker.voice)));
}

TEST_CASE("every voice speaks") {
  auto voice = person_voice::open();
  REQUIRE(voice);
  for (const split which : {split::train, split::heldout})
    for (const std::string& name : voices_of(which)) {
      person who;
      who.voice = name;
      const auto said = (*voice)->say("what is three plus four", who);
      REQUIRE_MESSAGE(said, name);
      CHECK(said->seconds() > 0.7);
      CHECK(said->seconds() < 3.0);
      for (std::size_t w = 0; w < said->words.size(); ++w) {
        CHECK(said->words[w].end > said->words[w].start);
        if (w > 0) CHECK(said->words[w].start >= said->words[w - 1].end);
      }
      CHECK(said->words.back().end <= static_cast<std::int64_t>(said->samples.size()));
    }
  CHECK((*voice)->say("hello", {"no-such-voice"}).error().code == "scenarios.voice");
}

// What the model could have heard: nothing that sounds after micro-turn k may decide output k.
TEST_CASE("labels are causal") {
  for (const std::string& family : family_names())
    for (std::uint64_t index = 0; index < 6; ++index) {
      const conversation c = made_of(family, index);
      CAPTURE(family);
      CAPTURE(index);
      for (const expected_word& w : c.model_words) {
        // A word is never written before the micro-turn in which it begins, and sounds after the
        // input that it answers: some labelled word or result ended at least one micro-turn ago.
        CHECK(heard_at(w.micro_turn + 1) > w.start);
        if (!w.spoken) continue;
        const auto k = w.micro_turn;
        const bool after_speech =
            std::any_of(c.person_words.begin(), c.person_words.end(),
                        [&](const heard_word& h) { return h.labelled && answer_turn(h.end) <= k; });
        CHECK(after_speech);
      }
      // Heard words stand in the frame in which their sound ends, or a little later.
      std::size_t labels = 0;
      for (const std::int32_t t : c.example.heard) labels += t != 0;
      std::size_t words = 0;
      for (const heard_word& h : c.person_words) words += h.labelled;
      CHECK(labels == words);
      // "it is ..." never begins before the first word of its result is in.
      if (family != "delegate") continue;
      std::size_t answers = 0;
      for (const expected_word& w : c.model_words) {
        if (w.word != "it" || answers >= c.delegations.size()) continue;
        CHECK(w.micro_turn > c.delegations[answers].answered);
        ++answers;
      }
    }
}

TEST_CASE("what comes before a point in time does not depend on what comes after it") {
  // The same seed, cut at different lengths: the plan is the same, so all labels but the last must
  // be.
  source_options small, large;
  small.seconds = 6;
  large.seconds = 15;
  for (std::uint64_t index = 0; index < 10; ++index) {
    const auto a = make_conversation(small, index), b = make_conversation(large, index);
    REQUIRE(a);
    REQUIRE(b);
    const auto& x = a->example;
    const auto& y = b->example;
    CHECK(std::equal(x.text_out.begin(), x.text_out.end(), y.text_out.begin()));
    CHECK(std::equal(x.voice.begin(), x.voice.end(), y.voice.begin()));
    CHECK(std::equal(x.text_in.begin(), x.text_in.end(), y.text_in.begin()));
    CHECK(std::equal(x.speech.begin(), x.speech.end(), y.speech.begin()));
    CHECK(std::equal(x.audio.begin(), x.audio.end(), y.audio.begin()));
  }
}

TEST_CASE("sums are right and wait for the end of the sentence") {
  for (std::uint64_t index = 0; index < 6; ++index) {
    const conversation c = made_of("sum", index, split::heldout);
    std::vector<std::string> heard, said;
    for (const heard_word& w : c.person_words) heard.push_back(w.word);
    for (const expected_word& w : c.model_words) said.push_back(w.word);
    for (std::size_t i = 0, at = 0; i + 4 < heard.size() && at + 2 < said.size(); i += 5) {
      const int sum = engine::number_of_words(heard[i + 2]) + engine::number_of_words(heard[i + 4]);
      CHECK(said[at] == "that");
      CHECK(said[at + 2] == engine::words_of_number(sum));
      const auto turn = c.model_words[at].micro_turn;
      CHECK(turn == answer_turn(c.person_words[i + 4].end));
      at += 3;
    }
  }
}

TEST_CASE("a delegation is one unbroken task, and the answer waits for the result") {
  for (std::uint64_t index = 0; index < 6; ++index) {
    const conversation c = made_of("delegate", index);
    const auto& words = nano_vocabulary();
    std::string task;
    std::vector<std::string> tasks;
    bool open = false;
    for (const std::int32_t t : c.example.text_out) {
      if (t == 0) continue;
      if (t == engine::vocabulary::delegate)
        open = true, task.clear();
      else if (t == engine::vocabulary::end)
        open = false, tasks.push_back(task);
      else if (open)
        task += (task.empty() ? "" : " ") + words.token_of(t);
    }
    REQUIRE(tasks.size() <= c.delegations.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) CHECK(tasks[i] == c.delegations[i].task);
    for (const delegation& d : c.delegations) {
      CHECK(d.answered >= d.asked + 3);
      if (d.answered < c.micro_turns)
        CHECK(words.token_of(c.example.text_in[static_cast<std::size_t>(d.answered)]) ==
              engine::words_of(d.result)[0]);
    }
  }
}

TEST_CASE("the model stays silent for others") {
  for (std::uint64_t index = 0; index < 4; ++index) {
    const conversation c = made_of("bystander", index);
    CHECK(std::count(c.example.voice.begin(), c.example.voice.end(), 1) == 0);
    CHECK(c.model_words.empty());
    CHECK(c.episodes.size() >= 3);
  }
}

TEST_CASE("an interrupted word breaks off in the middle and okay follows") {
  std::size_t broken = 0;
  for (std::uint64_t index = 0; index < 12; ++index) {
    const conversation c = made_of("count", index);
    for (const heard_word& h : c.person_words) {
      if (h.word != "stop" || !h.labelled) continue;
      const std::int64_t k = answer_turn(h.end);
      if (k >= c.micro_turns) continue;
      CHECK(nano_vocabulary().token_of(c.example.text_out[static_cast<std::size_t>(k * 2)]) ==
            "okay");
      for (const expected_word& w : c.model_words) broken += w.spoken && w.end == heard_at(k);
    }
  }
  CHECK(broken > 0);
}

TEST_CASE("the main job is there, deterministic, by a held-out voice") {
  const auto a = make_main_job(1), b = make_main_job(1);
  REQUIRE(a);
  REQUIRE(b);
  CHECK(same(a->example, b->example));
  CHECK(a->person_audio == b->person_audio);
  const double seconds = static_cast<double>(a->person_audio.size()) / 16000;
  CHECK(seconds > 45);
  CHECK(seconds < 80);
  for (const char* family : {"sum", "delegate", "count", "timer", "bystander"})
    CHECK(a->example.family.find(family) != std::string::npos);
}

TEST_CASE("conversations are written with their labels and an index") {
  const auto folder = std::filesystem::temp_directory_path() / "hocket_scenarios_test";
  std::filesystem::remove_all(folder);
  source_options options;
  options.which = split::heldout;
  options.seconds = 5;
  const auto index = write_scenarios(folder.string(), options, 2);
  REQUIRE_MESSAGE(index, index.error().message);
  CHECK((*index)["items"].size() == 2);
  for (const char* file :
       {"000000/input.wav", "000000/expected.wav", "000001/metadata.json", "index.json"})
    CHECK(std::filesystem::exists(folder / file));
  std::filesystem::remove_all(folder);
  options.families = {"no such"};
  CHECK(write_scenarios(folder.string(), options, 1).error().code == "scenarios.family");
}
