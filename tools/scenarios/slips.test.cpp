#include "tools/scenarios/slips.hpp"

#include <algorithm>
#include <set>

#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/conversation.hpp"
#include "tools/scenarios/source.hpp"
#include "tools/scenarios/words.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::scenarios;

TEST_CASE("a slip exchanges one word for another of its kind") {
  random_stream rng(1);
  std::set<std::string> said;
  for (int i = 0; i < 200; ++i) {
    const auto made = slip_of(rng, "that is seven");
    REQUIRE(made);
    const auto words = engine::words_of(made->text);
    REQUIRE(words.size() == 3);
    CHECK(words[0] == "that");
    CHECK(made->word == 2);
    CHECK(words[2] != "seven");
    said.insert(words[2]);
  }
  CHECK(said.size() == 20);  // zero to twenty but seven
  const auto weather = slip_of(rng, "it is sunny");
  REQUIRE(weather);
  const auto& skies = weather_words();
  const auto other = engine::words_of(weather->text).back();
  CHECK(other != "sunny");
  CHECK(std::find(skies.begin(), skies.end(), other) != skies.end());
  const auto letter = slip_of(rng, "##d");
  REQUIRE(letter);
  CHECK(letter->text != "##d");
  CHECK(!engine::letter_of(letter->text).empty());
  CHECK_FALSE(slip_of(rng, "let me check"));
  CHECK_FALSE(slip_of(rng, "ping"));
}

TEST_CASE("slips are where they are asked for, and what sounds is what is written") {
  const auto slips_of = [](double share, variety sound) {
    std::size_t count = 0;
    for (std::uint64_t index = 0; index < 12; ++index) {
      source_options options;
      options.slips = share, options.sound = sound;
      options.families = {"sum", "count"};
      const auto made = make_conversation(options, index);
      REQUIRE_MESSAGE(made, made.error().message);
      const auto& ex = made->example;
      REQUIRE(ex.slipped.size() == ex.text_out.size());
      REQUIRE(ex.spoken.size() == ex.voice.size());
      for (std::size_t slot = 0; slot < ex.slipped.size(); ++slot) {
        // The conversation may end before its sound.
        if (!ex.slipped[slot] || slot / 2 * 4 + 8 > ex.spoken.size()) continue;
        ++count;
        // Within this micro-turn and the next the voice begins that word.
        bool sounds = false;
        for (std::size_t f = slot / 2 * 4; f < slot / 2 * 4 + 8; ++f)
          sounds = sounds || ex.spoken[f] == ex.text_out[slot];
        CHECK(sounds);
      }
      for (std::size_t f = 0; f < ex.voice.size(); ++f)
        CHECK((ex.spoken[f] != 0) == (ex.voice[f] != 0));
    }
    return count;
  };
  CHECK(slips_of(0.3, variety::rich) > 5);
  CHECK(slips_of(0.3, variety::plain) > 5);
  CHECK(slips_of(0, variety::rich) == 0);
}
