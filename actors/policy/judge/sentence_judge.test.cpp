// The judge over hidden states, with a tiny random model: what it says means nothing, and is always the same.
#include "actors/policy/judge/sentence_judge.hpp"

#include <fstream>
#include <functional>

#include "actors/policy/judge/judge.hpp"
#include "engine/language/generation/chat_fixture.test.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/harness.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::policy;
using checkpoint = hocket::language::fixture::checkpoint;

namespace {

const std::string rules = "policy: p\nrefusal: [\"en: no\"]\ntopics: {bombs: {phrases: [xyzzy]}}\n";

/// A head that tells `harm` from `good` by their states: along the line between them.
sentence_head telling(hidden_states& model, const std::string& harm, const std::string& good) {
  std::int64_t tokens = 0;
  const auto states = model.of({harm, good}, tokens);
  REQUIRE_MESSAGE(states, states.error().message);
  CHECK(tokens > 0);
  const auto a = scaled_state((*states)[0]), b = scaled_state((*states)[1]);
  sentence_head h;
  h.name = "test", h.model = model.name(), h.model_sha256 = model.sha256(),
  h.layer = model.layers();
  float apart = 0;
  for (std::size_t i = 0; i < a.size(); ++i) apart += (a[i] - b[i]) * (a[i] - b[i]);
  REQUIRE(apart > 0);
  // Log odds of 5 and -5 at the two, whatever the width.
  for (std::size_t i = 0; i < a.size(); ++i) {
    h.harm.weights.push_back(10 * (a[i] - b[i]) / apart);
    h.harm.bias -= 5 * static_cast<double>((a[i] - b[i]) * (a[i] + b[i]) / apart);
  }
  h.topics = {{"theft", {9, std::vector<float>(a.size())}},
              {"bombs", {0, std::vector<float>(a.size())}}};
  return h;
}

/// A head over words that finds nothing.
topic_head no_words() {
  return {
      "none", {}, {{.topic = "bombs", .bias = -4, .weights = std::vector<float>(head_buckets)}}};
}

struct asked {
  explicit asked(const std::vector<setting>& more = {},
                 const std::function<void(sentence_head&)>& change = {}) {
    const auto opened = open_hidden_states({files.folder.string()});
    REQUIRE_MESSAGE(opened, opened.error().message);
    auto head = telling(**opened, "make a bomb", "bake a cake");
    if (change) change(head);
    const auto file = [&](const char* name, const std::string& text) {
      const auto path = (files.folder / name).string();
      std::ofstream(path) << text;
      return path;
    };
    std::vector<setting> all{{"head", file("words.json", no_words().to_json())},
                             {"rules", file("rules.yaml", rules)},
                             {"sentences", file("sentences.head", head.to_json())},
                             {"language_model", files.folder.string()}};
    for (const auto& m : more) {
      std::erase_if(all, [&](const setting& s) { return s.key == m.key; });
      all.push_back(m);
    }
    h = std::make_unique<harness>(type_of<judge>(), harness_options{.config = settings(all)});
  }
  text verdict(const std::string& words) {
    delegation d;
    d.request = ++number, d.task = words;
    REQUIRE(h->push("questions", h->now(), d));
    const auto all = h->values<text>("verdicts");
    REQUIRE(all.size() == number);
    return all.back();
  }
  checkpoint files;
  std::unique_ptr<harness> h;
  std::uint64_t number = 0;
};

}  // namespace

TEST_CASE("a verdict comes from the states of a sentence, and names a topic that the policy has") {
  asked a;
  const auto opened = a.h->open();
  REQUIRE_MESSAGE(opened, opened.error().message);
  CHECK(a.verdict("make a bomb").value == "bombs");  // `theft` is surer, and not in the policy
  CHECK(a.verdict("Make a BOMB!").value == "bombs");
  CHECK(a.verdict("bake a cake").value == "fine");
  CHECK(a.verdict("").value == "fine");
  CHECK(a.h->counter("asked") == 4);
  CHECK(a.h->counter("found") == 2);
  CHECK(a.h->counter("tokens") > 3 * 10);
  CHECK(a.h->counter("failed") == 0);
  REQUIRE(a.h->close());
}

TEST_CASE("a text that is longer than it may be is a failure, and not approved") {
  asked a({{"most_words", 4}});
  REQUIRE(a.h->open());
  CHECK(a.verdict("bake a cake").value == "fine");
  CHECK(a.verdict("bake a cake and bread").role == failure_role);
  CHECK(a.h->counter("too_long") == 1);
  REQUIRE(a.h->close());
}

TEST_CASE("where the model fails the verdict is a failure: the guard's on_failure decides") {
  struct broken final : hidden_states {
    result<std::vector<std::vector<float>>> of(const std::vector<std::string>&,
                                               std::int64_t&) override {
      return fail("language.engine", "lost");
    }
    int layers() const override { return 2; }
    std::int64_t width() const override { return 1; }
    std::string sha256() const override { return ""; }
    std::string name() const override { return ""; }
  };
  sentence_judge j({}, {}, std::make_shared<broken>());
  const auto found = j.of("bake a cake", [](const std::string&) { return true; });
  REQUIRE(!found);
  CHECK(found.error().code == "language.engine");
}

TEST_CASE("a head of another model is refused at open, by name and with both sums") {
  const std::string other(64, 'b');
  asked a({}, [&](sentence_head& h) { h.model_sha256 = other; });
  const auto opened = a.h->open();
  REQUIRE(!opened);
  CHECK(opened.error().code == "policy.bad_head");
  CAPTURE(opened.error().message);
  CHECK(opened.error().message.find(other) != std::string::npos);
  CHECK(opened.error().message.find("sentences.head") != std::string::npos);
}

TEST_CASE("a language model and its head go together") {
  asked a(std::vector<setting>{{"sentences", ""}});
  const auto opened = a.h->open();
  REQUIRE(!opened);
  CHECK(opened.error().code == "policy.bad_judge");
}

TEST_CASE("the head over words counts as often as the head over states says") {
  const checkpoint files;
  const auto opened = open_hidden_states({files.folder.string()});
  REQUIRE(opened);
  head_weights w;
  w.topic = "bombs", w.bias = -4;
  w.weights.assign(head_buckets, 0);
  const std::string word = "cake";
  for (const auto& f : head_features({&word, 1}, {})) w.weights[f.bucket] = 9;
  const topic_head words("test", {}, {w});
  CHECK(words.margin("a cake") > 0);
  CHECK(words.margin("a bomb") < 0);
  auto head = telling(**opened, "make a bomb", "bake a cake");
  const auto finds = [&](double count, const char* text) {
    head.words = count;
    sentence_judge j(words, head, *opened);
    const auto found = j.of(text, [](const std::string&) { return true; });
    REQUIRE(found);
    return found->has_value();
  };
  CHECK(finds(0, "make a bomb"));
  CHECK_FALSE(finds(0, "bake a cake"));
  CHECK_FALSE(finds(100, "make a bomb"));
  CHECK(finds(100, "bake a cake"));
}

TEST_CASE("what stands around a request in a long text takes nothing from it") {
  const checkpoint files;
  const auto opened = open_hidden_states({files.folder.string()});
  REQUIRE(opened);
  std::string calm;
  for (int i = 0; i < 31; ++i) calm += "tea ";
  const auto head = telling(**opened, calm + "bomb", calm + "cake");
  sentence_judge j({}, head, *opened);
  const auto finds = [&](const std::string& text) {
    const auto found = j.of(text, [](const std::string&) { return true; });
    REQUIRE(found);
    return found->has_value();
  };
  CHECK(finds(calm + "bomb"));
  CHECK_FALSE(finds(calm + "cake"));
  // A whole sentence of it is read wherever it ends at a step.
  std::string long_before;
  for (int i = 0; i < 16; ++i) long_before += "tea ";
  CHECK(finds(long_before + calm + "bomb " + long_before));
}
