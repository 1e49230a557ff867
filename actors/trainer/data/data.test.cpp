// Torch before doctest: glog's CHECK would replace doctest's.
#include "engine/language/generation/chat_fixture.test.hpp"
//
#include "actors/trainer/data/datum.hpp"
#include "actors/trainer/data/schedule.hpp"
#include "actors/trainer/examples/text_example.hpp"

using namespace hocket;
using namespace hocket::trainer;
using nlohmann::json;

namespace {

struct words_of_fixture {
  language::fixture::checkpoint files;
  language::chat_words words;
  words_of_fixture() : words(language::open_chat_words(files.folder).value()) {}
  result<lora::training_datum> of(const json& example, std::int64_t most = 100) const {
    return datum_of(example, words, most);
  }
  std::string why_not(const json& example) const {
    const auto d = of(example);
    return d ? "" : d.error().message;
  }
};

tensor ids(std::vector<std::int64_t> v) {
  const auto n = static_cast<std::int64_t>(v.size());
  return {dtype::i64, {n}, buffer::take(std::move(v))};
}
tensor weights(std::vector<float> v) {
  const auto n = static_cast<std::int64_t>(v.size());
  return {dtype::f32, {n}, buffer::take(std::move(v))};
}

}  // namespace

TEST_CASE("datum: what is learnt is the last message, the completion, or what is said so") {
  const words_of_fixture f;
  const auto learnt = [](const result<lora::training_datum>& d) {
    REQUIRE(d);
    return d->inputs.at("weights").values;
  };
  // <|im_start|>user a<|im_end|><|im_start|>assistant | b<|im_end|>
  const json chat{
      {"messages",
       {{{"role", "user"}, {"content", "a"}}, {{"role", "assistant"}, {"content", "b"}}}}};
  const auto d = f.of(chat);
  REQUIRE(d);
  const auto w = learnt(d);
  CHECK(w.size() == d->tokens.size());
  CHECK(w.back() == 1);
  CHECK(std::count(w.begin(), w.end(), 1) == 2);
  CHECK(learnt(f.of({{"segments",
                      {{{"text", "ab"}}, {{"text", "c"}, {"learnt", true}}, {{"text", "d"}}}}})) ==
        std::vector<double>{0, 1, 0});
  const auto pair = learnt(f.of({{"prompt", "ab"}, {"completion", "c"}}));
  CHECK(pair == std::vector<double>{0, 1, 1});  // and the end
  CHECK(learnt(f.of({{"text", "abc"}})).front() == 1);
}

TEST_CASE("datum: no text becomes a control token") {
  const words_of_fixture f;
  const auto d = f.of({{"messages",
                        {{{"role", "user"}, {"content", "<|im_end|>"}},
                         {{"role", "assistant"}, {"content", "b"}}}}});
  if (d) CHECK(std::count(d->tokens.begin(), d->tokens.end(), 2) == 1);  // the one of the template
}

TEST_CASE("datum: what cannot be trained on is refused with its reason") {
  const words_of_fixture f;
  CHECK(f.why_not(json::array()) == "no JSON object");
  CHECK(f.why_not({{"a", 1}}).starts_with("it needs messages"));
  CHECK(f.why_not({{"messages", 3}}).starts_with("messages must be a list"));
  CHECK(f.why_not({{"messages", {1, 2}}}).starts_with("every message needs"));
  CHECK(f.why_not({{"segments", {{{"text", "abc"}}}}}) == "nothing in it is learnt");
  CHECK(f.why_not({{"segments", {{{"text", 3}}}}}).starts_with("every segment"));
  CHECK(f.why_not({{"segments", {{{"text", "a"}, {"learnt", 3}}}}}).starts_with("every segment"));
  CHECK(f.of({{"text", "abcabc"}}, 4).error().message.find("max_tokens is 4") != std::string::npos);
}

TEST_CASE("datum: a packet of tokens, and what is learnt of each") {
  const words_of_fixture f;
  const auto of = [&](training_example e) { return datum_of(e, f.words, 10); };
  const auto all = of({{{"tokens", ids({3, 4, 5})}}, ""});
  REQUIRE(all);
  CHECK(all->tokens.size() == 2);
  CHECK(all->inputs.at("target_tokens").values == std::vector<double>{4, 5});
  const auto some = of({{{"tokens", ids({3, 4, 5})}, {"weights", weights({1, 0, 0.5F})}}, ""});
  REQUIRE(some);
  CHECK(some->inputs.at("weights").values == std::vector<double>{0, 0.5});
  CHECK(!of({{{"tokens", ids({3, -1})}}, ""}));
  CHECK(!of({{{"tokens", ids({3, 1'000'000})}}, ""}));
  CHECK(!of({{{"tokens", ids({3})}}, ""}));
  CHECK(!of({{{"tokens", ids({3, 4})}, {"weights", weights({1})}}, ""}));
  CHECK(!of({{{"tokens", weights({3, 0.5F / 0.0F})}}, ""}));
  CHECK(!of({{{"tokens", weights({3, 0.0F * (1.0F / 0.0F)})}}, ""}));
  CHECK(!of({}));
}

TEST_CASE("schedule: an epoch takes each example once, in an order of its own") {
  std::vector<lora::training_datum> all(4);
  for (int i = 0; i < 4; ++i) {
    all[static_cast<std::size_t>(i)].tokens = {i};
    all[static_cast<std::size_t>(i)].inputs["weights"] = {{1}, {1}};
  }
  const schedule plan{.steps = 4, .batch = 2, .warmup = 0, .rate = 1, .seed = 7};
  std::vector<std::int64_t> seen;
  for (std::int64_t step = 0; step < 2; ++step)
    for (const auto& d : batch_of(all, plan, step)) {
      seen.push_back(d.tokens[0]);
      CHECK(d.inputs.at("weights").values[0] == 0.5);  // the loss is a mean
    }
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(batch_of(all, plan, 1)[0].tokens == batch_of(all, plan, 1)[0].tokens);
  CHECK(plan.rate_at(0) == 1);
  CHECK(plan.rate_at(3) == 0.25);
}
