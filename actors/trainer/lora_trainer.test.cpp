#include "actors/trainer/lora_trainer.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "actors/trainer/examples/text_example.hpp"
#include "graph/contract/harness.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

/// Rounds that take no time and end as the test says.
struct scripted_rounds final : lora_rounds {
  struct says {
    double before = 2, after = 1;
    bool fails = false;
    std::int64_t kept = 0, rounds = 0;
    std::vector<std::string> back_to;
    std::string seen;  ///< weights that training went on from
  };
  explicit scripted_rounds(std::shared_ptr<says> s) : s(std::move(s)) {}
  result<std::int64_t> add(const training_example& e, bool is_held) override {
    if (!json_of(e)) return fail("train.data", "no");
    s->kept += is_held ? 0 : 1;
    return 3;
  }
  std::int64_t examples() const override { return s->kept; }
  std::int64_t forgotten() const override { return std::max<std::int64_t>(0, s->kept - 3); }
  result<trained> train(std::int64_t, const std::function<bool(const step_told*)>& told) override {
    if (s->fails) return fail("lora.not_finite", "it went wrong");
    const step_told step{.step = 1, .steps = 1, .loss = 1.5, .validation = {}, .tokens_per_s = 7};
    told(&step);
    trained t;
    t.config = R"({"r": 8})";
    t.weights = "weights of round " + std::to_string(++s->rounds);
    t.steps = 1, t.tokens = 9;
    t.validation_before = s->before, t.validation_after = s->after;
    return t;
  }
  result<void> back_to(const std::string&, const std::string& weights) override {
    s->back_to.push_back(weights);
    return {};
  }
  const base_model& base() const override { return what; }
  std::shared_ptr<says> s;
  base_model what{"a-model", "cafe"};
};

struct setup {
  std::shared_ptr<scripted_rounds::says> says = std::make_shared<scripted_rounds::says>();
  std::string out = (std::filesystem::temp_directory_path() / "hocket_lora_trainer").string();
  std::unique_ptr<harness> h;

  explicit setup(std::vector<setting> more = {}) {
    std::filesystem::remove_all(out);
    more.emplace_back("model", "any");
    more.emplace_back("min_examples", 2);
    auto type = type_of<lora_trainer>();
    type.make = [says = says](config_base& c) {
      return std::make_unique<lora_trainer>(
          std::move(static_cast<config_holder<lora_trainer>&>(c).values),
          std::make_unique<scripted_rounds>(says));
    };
    h = std::make_unique<harness>(
        type, harness_options{.config = settings(std::move(more)), .output_dir = out});
    REQUIRE(h->open());
  }
  void example(const char* words = "a") {
    REQUIRE(h->push("examples", h->now(), json_example({{"text", words}}, "from a test")));
  }
  void round() {
    example(), example();
    REQUIRE(h->advance(std::chrono::seconds(2)));
  }
  void evaluate(const std::string& name, double score) {
    const json j{{"adapter", name}, {"scores", {{"held_out", score}}}};
    REQUIRE(h->push("evaluations", h->now(), text{j.dump(), "evaluation"}));
  }
  std::string newest() const {
    const auto all = h->values<adapter>("adapters");
    return all.empty() ? "none" : all.back().name;
  }
};

TEST_CASE("trainer.lora: a round begins when enough examples came and no more are coming") {
  setup s;
  s.example();
  REQUIRE(s.h->advance(std::chrono::seconds(3)));
  CHECK(s.newest() == "none");
  s.example();
  REQUIRE(s.h->advance(std::chrono::milliseconds(400)));
  CHECK(s.newest() == "none");
  REQUIRE(s.h->advance(std::chrono::seconds(2)));
  CHECK(s.newest() == "adapter-1");
  CHECK(s.h->values<tensor>("progress").size() == 1);
  CHECK(s.h->counter("versions") == 1);
  CHECK(s.h->violations().empty());
}

TEST_CASE("trainer.lora: a version comes with its card and as files") {
  setup s(std::vector<setting>{{"licence", "CC0-1.0"}, {"consent", "no persons"}});
  s.round();
  const auto a = s.h->values<adapter>("adapters").back();
  CHECK(a.weights.size_bytes() == std::string_view("weights of round 1").size());
  const auto card = json::parse(a.card_json);
  CHECK(card["base_model"]["sha256"] == "cafe");
  CHECK(card["base_model"]["name"] == "a-model");  // not where it lies on this machine
  CHECK(card["adapter_config"]["r"] == 8);
  CHECK(card["data"]["sources"][0]["provenance"] == "from a test");
  CHECK(card["data"]["sources"][0]["examples"] == 2);
  CHECK(card["data"]["licence"] == "CC0-1.0");
  CHECK(card["evaluations"][0]["after"] == 1);
  for (const char* name :
       {"adapter_config.json", "adapter_model.safetensors", "card.json", "README.md"})
    CHECK(std::filesystem::exists(s.out + "/adapters/adapter-1/" + name));
  CHECK(std::filesystem::exists(s.out + "/adapters/curve.csv"));
}

TEST_CASE("trainer.lora: what validates worse is not emitted, and training goes back") {
  setup s;
  s.says->after = 3;
  s.round();
  CHECK(s.newest() == "none");
  CHECK(s.h->counter("rejected") == 1);
  REQUIRE(s.says->back_to.size() == 1);
  CHECK(s.says->back_to[0].empty());
}

TEST_CASE("trainer.lora: what an evaluation finds worse is taken back") {
  setup s;
  s.evaluate("", 0.5);
  s.round();
  SUBCASE("to the model by itself") {
    s.evaluate("adapter-1", 0.4);
    const auto back = s.h->values<adapter>("adapters").back();
    CHECK(back.name.empty());
    CHECK(back.weights.empty());
    CHECK(json::parse(back.card_json)["restored_after"] == "adapter-1");
  }
  SUBCASE("to the version before, from which training goes on") {
    s.evaluate("adapter-1", 0.7);
    CHECK(s.newest() == "adapter-1");
    s.round();
    CHECK(s.newest() == "adapter-2");
    s.evaluate("adapter-2", 0.6);
    CHECK(s.newest() == "adapter-1");
    REQUIRE(s.says->back_to.size() == 1);
    CHECK(s.says->back_to[0] == "weights of round 1");
    s.round();
    CHECK(json::parse(s.h->values<adapter>("adapters").back().card_json)["parent"] == "adapter-1");
  }
  SUBCASE("not within the margin, nor for an older version") {
    s.evaluate("adapter-1", 0.49);
    CHECK(s.newest() == "adapter-1");
    s.round();
    s.evaluate("adapter-1", 0.1);
    CHECK(s.newest() == "adapter-2");
    CHECK(s.h->counter("rolled_back") == 0);
  }
}

TEST_CASE("trainer.lora: what is wrong is told and left out") {
  setup s;
  REQUIRE(s.h->push("examples", s.h->now(), training_example{}));
  CHECK(s.h->counter("bad_examples") == 1);
  for (const char* bad :
       {"", "{", "[]", R"({"adapter": 3, "scores": {}})", R"({"adapter": "", "scores": 1})",
        R"({"adapter": "nobody-9", "scores": {"a": 1}})"})
    REQUIRE(s.h->push("evaluations", s.h->now(), text{bad, "evaluation"}));
  CHECK(s.h->counter("bad_evaluations") == 6);
  s.says->fails = true;
  s.round();
  CHECK(s.h->counter("failed_rounds") == 1);
  CHECK(s.newest() == "none");
  // Its steps moved the weights: the next round goes on from before them.
  REQUIRE(s.says->back_to.size() == 1);
  CHECK(s.says->back_to[0].empty());
  s.says->fails = false;
  s.round();
  CHECK(s.newest() == "adapter-1");
  CHECK(s.h->counter("forgotten") == 1);
  s.says->fails = true;
  s.round();
  CHECK(s.says->back_to.back() == "weights of round 1");
  CHECK(s.h->counter("forgotten") == 3);
}

TEST_CASE(
    "trainer.lora: with a ledger what happens is recorded, and an incident takes a version back") {
  setup s(std::vector<setting>{{"ledger", "book.db"}});
  s.evaluate("", 0.5);
  s.round();
  s.evaluate("adapter-1", 0.6);
  auto book = governance::records::open(s.out + "/book.db");
  REQUIRE(book);
  const auto card = book->card("adapter-1").value();
  CHECK(card["evaluations"].back()["scores"]["held_out"] == 0.6);
  CHECK(card["gates"][0]["gate"] == "swap");
  s.round();
  CHECK(s.newest() == "adapter-2");
  REQUIRE(book->open_incident("adapter-2", "it lies"));
  REQUIRE(s.h->advance(std::chrono::milliseconds(400)));
  const auto back = s.h->values<adapter>("adapters").back();
  CHECK(back.name == "adapter-1");
  CHECK(json::parse(back.card_json)["frozen"] == true);
  REQUIRE(book->open_incident("adapter-1", "it lies too"));
  REQUIRE(s.h->advance(std::chrono::milliseconds(400)));
  CHECK(s.newest().empty());
  CHECK(s.h->counter("frozen") == 2);
  CHECK(book->book().verify().value().empty());
}

TEST_CASE("trainer.lora: what the policy refuses is not swapped in") {
  const auto rules = (std::filesystem::temp_directory_path() / "hocket_swap_policy.yaml").string();
  std::ofstream(rules) << "swap: {licences: [MIT], scores: [\"validation >= 0.5\"]}\n";
  setup s(std::vector<setting>{{"ledger", "book.db"}, {"gates", rules}, {"licence", "MIT"}});
  s.says->after = 1.8;
  s.round();
  CHECK(s.newest() == "none");
  CHECK(s.h->counter("refused_by_policy") == 1);
  s.says->after = 1.2;
  s.round();
  CHECK(s.newest() == "adapter-2");
}

TEST_CASE("trainer.lora: a conversation that begins later gets the newest version") {
  setup s(std::vector<setting>{{"repeat_s", 5}});
  s.round();
  const auto n = s.h->values<adapter>("adapters").size();
  REQUIRE(s.h->advance(std::chrono::seconds(11)));
  CHECK(s.h->values<adapter>("adapters").size() >= n + 2);
}

}  // namespace
}  // namespace hocket::trainer
