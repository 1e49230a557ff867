// Rounds with a tiny model of random weights.
#include "engine/language/generation/chat_fixture.test.hpp"
//
#include "actors/trainer/examples/text_example.hpp"
#include "actors/trainer/rounds.hpp"

using namespace hocket;
using namespace hocket::trainer;

namespace {

struct rig {
  language::fixture::checkpoint files;
  std::unique_ptr<lora_rounds> rounds;
  explicit rig(const char* optimizer = "adamw") {
    round_settings s;
    s.optimizer = optimizer;
    s.model = files.folder;
    s.rate = 0.02, s.batch = 2;
    auto opened = open_lora_rounds(s);
    REQUIRE_MESSAGE(opened, opened.error().message);
    rounds = std::move(*opened);
  }
  void add(const char* words, bool is_held = false) {
    REQUIRE(rounds->add(json_example({{"prompt", words}, {"completion", "z"}}, ""), is_held));
  }
  trained train(std::int64_t epochs = 8) {
    auto t = rounds->train(epochs, [](const step_told*) { return true; });
    REQUIRE_MESSAGE(t, t.error().message);
    return std::move(*t);
  }
};

}  // namespace

TEST_CASE("rounds: a model learns what the examples say, and what is held shows it") {
  const char* optimizer = "adamw";
  SUBCASE("AdamW") {}
  SUBCASE("Muon") { optimizer = "muon"; }
  rig r(optimizer);
  CHECK(r.rounds->base().sha256.size() == 64);
  CHECK(r.rounds->base().name.find('/') == std::string::npos);
  CHECK(r.rounds->train(1, [](const step_told*) { return true; }).error().code == "train.data");
  r.add("ab"), r.add("cd"), r.add("ef"), r.add("gh", true);
  CHECK(r.rounds->examples() == 3);
  std::int64_t steps = 0;
  const auto first = r.rounds->train(8, [&](const step_told* s) {
    steps += s != nullptr ? 1 : 0;
    return true;
  });
  REQUIRE(first);
  CHECK(first->steps == 12);
  CHECK(steps == 12);
  CHECK(first->last_loss < first->first_loss);
  REQUIRE(first->validation_before);
  CHECK(*first->validation_after < *first->validation_before);
  CHECK(first->config.find("lora_alpha") != std::string::npos);
  CHECK(first->config.find(r.rounds->base().name) != std::string::npos);
  CHECK(first->config.find(r.files.folder) == std::string::npos);
  // A round goes on from the one before.
  const auto second = r.train(1);
  CHECK(*second.validation_before == doctest::Approx(*first->validation_after));
}

TEST_CASE("rounds: the same examples give the same bits, also after going back") {
  rig a, b;
  for (auto* r : {&a, &b}) r->add("ab"), r->add("cd");
  const auto one = a.train(2), same = b.train(2);
  CHECK(one.weights == same.weights);
  const auto two = a.train(2);
  CHECK(two.weights != one.weights);
  REQUIRE(a.rounds->back_to("", ""));
  CHECK(a.train(2).weights == one.weights);
  REQUIRE(a.rounds->back_to(one.config, one.weights));
  REQUIRE(b.rounds->back_to(one.config, one.weights));
  CHECK(a.train(2).weights == b.train(2).weights);
  CHECK(!a.rounds->back_to(one.config, "no weights"));
}

TEST_CASE("rounds: one can be ended, bad examples are refused, the oldest go") {
  rig r;
  r.add("ab"), r.add("cd");
  CHECK(r.rounds->train(100, [](const step_told*) { return false; }).error().code ==
        "train.stopped");
  CHECK(r.rounds->add(json_example({{"other", 1}}, ""), false).error().code == "train.data");
  CHECK(r.rounds->add({}, false).error().code == "train.data");
  CHECK(r.rounds->examples() == 2);
  round_settings few;
  few.model = r.files.folder, few.most_examples = 1;
  const auto small = open_lora_rounds(few);
  REQUIRE(small);
  for (int i = 0; i < 3; ++i) REQUIRE((*small)->add(json_example({{"text", "abc"}}, ""), false));
  CHECK((*small)->examples() == 1);
  CHECK((*small)->forgotten() == 2);
  few.model = "nowhere.gguf";
  CHECK(!open_lora_rounds(few));
}
