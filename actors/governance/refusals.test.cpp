// Each refusal happens, is recorded by its name, and has its line in the docs.
#include "actors/governance/refusals.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "actors/governance/card.hpp"
#include "actors/governance/records.hpp"

namespace hocket::governance {
namespace {

namespace fs = std::filesystem;

constexpr const char* rules =
    "load: {scores: [\"held_out >= 0.5\"], not_worse: [refusals], licences: [CC0-1.0], "
    "consents: [own voice]}\n";

struct book {
  fs::path dir;
  std::optional<records> r;
  book() {
    auto name = (fs::temp_directory_path() / "hocket-refusals-XXXXXX").string();
    dir = mkdtemp(name.data());
    std::ofstream(dir / "policy.yaml") << rules;
    auto opened = records::open((dir / "book.db").string(), (dir / "policy.yaml").string());
    REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
    r.emplace(std::move(*opened));
  }
  ~book() {
    r.reset();
    fs::remove_all(dir);
  }
  void card(card_facts f, const std::string& tenant = "") {
    f.weights_sha256 = "w-" + f.name;
    REQUIRE(r->add_card(make_card(f), tenant));
  }
  void scores(const std::string& name, double held_out, double refusals) {
    REQUIRE(r->add_evaluation(name, "here", {{"held_out", held_out}, {"refusals", refusals}}));
  }
  std::vector<refusal> judged(const std::string& name, const std::string& weights = "",
                              const loaded_on& on = {}) {
    auto v = r->may(gate::load, name, weights, on);
    REQUIRE(v);
    CHECK(v->passed == v->why.empty());
    CHECK(v->why.size() == v->refused_as.size());
    return v->refused_as;
  }
};

card_facts good(const std::string& name) {
  card_facts f;
  f.name = name, f.licence = "CC0-1.0", f.consent = "own voice", f.parent = "parent";
  f.base_model = "tiny", f.base_sha256 = "one";
  return f;
}

/// A book with a parent that says how much is refused, and `a`, of which nothing is wrong.
void begin(book& b) {
  b.card(good("parent"));
  b.scores("parent", 0.9, 0.5);
  b.card(good("a"), "someone");
  b.scores("a", 0.7, 0.5);
  REQUIRE(b.judged("a").empty());
}

/// What a gate is asked.
struct question {
  std::string name, weights;
  loaded_on on;
};
using make = std::function<question(book&)>;

const std::map<refusal, make>& made() {
  using enum refusal;
  static const std::map<refusal, make> all{
      {no_card,
       [](book& b) {
         return question{"b", "", {}};
       }},
      {erased_card,
       [](book& b) {
         REQUIRE(b.r->book().erase_tenant("someone", "asked"));
         return question{"a", "", {}};
       }},
      {other_weights,
       [](book& b) {
         return question{"a", "w-other", {}};
       }},
      {no_score,
       [](book& b) {
         b.card(good("b"));
         return question{"b", "", {}};
       }},
      {low_score,
       [](book& b) {
         b.scores("a", 0.4, 0.5);
         return question{"a", "", {}};
       }},
      {not_compared,
       [](book& b) {
         auto f = good("b");
         f.parent = "nobody";
         b.card(f);
         b.scores("b", 0.7, 0.5);
         return question{"b", "", {}};
       }},
      {got_worse,
       [](book& b) {
         b.scores("a", 0.7, 0.4);
         return question{"a", "", {}};
       }},
      {licence,
       [](book& b) {
         auto f = good("b");
         f.licence = "none";
         b.card(f);
         b.scores("b", 0.7, 0.5);
         return question{"b", "", {}};
       }},
      {consent,
       [](book& b) {
         auto f = good("b");
         f.consent = "not asked";
         b.card(f);
         b.scores("b", 0.7, 0.5);
         return question{"b", "", {}};
       }},
      {other_base,
       [](book& b) {
         return question{"a", "", {"two", ""}};
       }},
      {incident,
       [](book& b) {
         REQUIRE(b.r->open_incident("a", "says what it must not"));
         return question{"a", "", {}};
       }},
  };
  return all;
}

TEST_CASE("refusals: each of the list happens, and is recorded by its name") {
  for (const auto& l : refusals()) {
    CAPTURE(l.name);
    REQUIRE(made().contains(l.what));
    book b;
    begin(b);
    const auto q = made().at(l.what)(b);
    const auto got = b.judged(q.name, q.weights, q.on);
    CHECK(std::ranges::find(got, l.what) != got.end());
    const auto gates = b.r->book().list("gate");
    REQUIRE(gates);
    const auto as = gates->back().body->at("refused_as").get<std::vector<std::string>>();
    CHECK(std::ranges::find(as, l.name) != as.end());
    REQUIRE(b.r->add_override(q.name, gate::load, "seen"));
    CHECK(b.r->may(gate::load, q.name, q.weights, q.on)->by_override == l.may_be_overridden);
  }
  CHECK(made().size() == refusals().size());
}

TEST_CASE("refusals: the page has the list as it is") {
  std::ostringstream page;
  page << std::ifstream(HOCKET_SOURCE_DIR "/actors/governance/docs/refusals.md").rdbuf();
  INFO("docs/refusals.md must hold this table:\n" << refusals_as_markdown());
  CHECK(page.str().find(refusals_as_markdown()) != std::string::npos);
}

TEST_CASE("records: what is refused now, by gate, and what is frozen") {
  book b;
  begin(b);
  CHECK(b.r->refused()->empty());
  b.card(good("b"));
  b.judged("b");
  b.judged("gone");
  REQUIRE(b.r->open_incident("a", "says what it must not"));
  auto now = b.r->refused().value();
  REQUIRE(now.size() == 3);
  CHECK((now[0].name == "a" && now[0].gate == "every"));
  CHECK(now[0].why == std::vector<std::string>{"an incident: says what it must not"});
  CHECK((now[1].name == "b" && now[1].gate == "load"));
  CHECK(now[1].refused_as == std::vector<std::string>{"no_score", "not_compared"});
  CHECK((now[2].name == "gone" && now[2].gate == "load" && !now[2].at.empty()));
  b.scores("b", 0.7, 0.5);
  CHECK(b.judged("b").empty());
  REQUIRE(b.r->close_incident("a", "trained anew"));
  now = b.r->refused().value();
  REQUIRE(now.size() == 1);
  CHECK(now[0].name == "gone");
}

}  // namespace
}  // namespace hocket::governance
