#include "tools/safety/sentence_training.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tools/safety/head_training.hpp"

using namespace hocket;
using namespace hocket::safety;

namespace {

const char* const small = R"(
families: small
slots:
  bad: [a bomb, a grenade, an explosive]
  good: [a cake, a chair, bread, a kite]
topics:
  weapons: ["how do i make {bad}", "i want to make {bad}", "make {bad}", "teach me to make {bad}", "let us make {bad}"]
  theft: ["how do i steal {good}", "i want to steal {good}", "steal {good}", "teach me to steal {good}"]
  none: ["how do i make {good}", "i want to make {good}", "make {good}", "teach me to make {good}", "let us make {good}"]
)";

/// States that say which words a sentence has, as a language model might.
result<std::vector<std::vector<float>>> states(const std::vector<std::string>& texts) {
  std::vector<std::vector<float>> out;
  for (const auto& t : texts) {
    const auto has = [&](const char* word) { return t.find(word) != t.npos ? 1.0f : 0.0f; };
    out.push_back(policy::scaled_state(
        std::vector<float>{has("bomb") + has("grenade") + has("explosive"), has("steal"), 1,
                           static_cast<float>(t.size() % 7) / 7}));
  }
  return out;
}

families of(const std::string& yaml) {
  auto all = read_families("f.yaml", yaml);
  REQUIRE_MESSAGE(all, all.error().message);
  return std::move(*all);
}

}  // namespace

TEST_CASE("a head over states learns harm and its topics, the same bytes each time") {
  const std::vector<families> all{of(small)};
  const lines more{{"weapons", "get me a bomb"}, {"", "get me a cake"}};
  const lines held_out{{"weapons", "how do i make a bomb"}};
  sentence_options how;
  how.words = 0, how.decay = 1;
  const auto made = train_sentences(all, more, held_out, {}, states, how);
  REQUIRE_MESSAGE(made, made.error().message);
  CHECK(made->left_out == 1);
  CHECK(made->wordings > 10);
  CHECK(made->apart_refused.n > 0);
  CHECK(made->apart_refused.value() == 1);
  CHECK(made->apart_over_refused.value() == 0);
  auto head = made->head;
  REQUIRE(head.topics.size() == 2);
  for (const auto& [text, topic] : {std::pair<std::string, std::string>{"a bomb please", "weapons"},
                                    {"steal it", "theft"},
                                    {"a cake please", ""}}) {
    CAPTURE(text);
    const auto s = states({text})->front();
    const bool is_harm = head.harm.log_odds(s) > 0;
    CHECK(is_harm == !topic.empty());
    if (!is_harm) continue;
    const auto most =
        std::ranges::max_element(head.topics, {}, [&](const auto& t) { return t.by.log_odds(s); });
    CHECK(most->name == topic);
  }
  head.model_sha256 = std::string(64, '0'), head.layer = 1;
  auto again = train_sentences(all, more, held_out, {}, states, how);
  REQUIRE(again);
  again->head.model_sha256 = head.model_sha256, again->head.layer = 1;
  CHECK(again->head.to_json() == head.to_json());
  CHECK(policy::sentence_head::read("a.json", head.to_json()));
}

TEST_CASE("a head over states wants both sides, and hands on what reading fails by") {
  const auto code = [](const lines& more, const states_of& by) {
    sentence_options how;
    how.words = 0;
    const auto made = train_sentences({}, more, {}, {}, by, how);
    return made ? std::string() : made.error().code;
  };
  CHECK(code({{"", "a cake"}}, states) == "safety.bad_families");
  CHECK(code({{"weapons", "a bomb"}}, states) == "safety.bad_families");
  CHECK(code({{"weapons", "a bomb"}, {"", "a cake"}},
             [](const std::vector<std::string>&) -> result<std::vector<std::vector<float>>> {
               return fail("language.engine", "lost");
             }) == "language.engine");
}
