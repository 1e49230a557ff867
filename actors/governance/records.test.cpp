#include "actors/governance/records.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "actors/governance/card.hpp"

namespace hocket::governance {
namespace {

using nlohmann::json;

struct book {
  std::string dir = (std::filesystem::temp_directory_path() / "hocket_records").string();
  std::optional<records> r;
  explicit book(const std::string& policy = "") {
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
    if (!policy.empty()) std::ofstream(dir + "/policy.yaml") << policy;
    auto opened = records::open(dir + "/book.db", policy.empty() ? "" : dir + "/policy.yaml");
    REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
    r.emplace(std::move(*opened));
  }
  ~book() {
    r.reset();
    std::filesystem::remove_all(dir);
  }
  void card(const std::string& name, const std::string& parent = "",
            const std::string& licence = "CC0-1.0") {
    card_facts f;
    f.name = name, f.parent = parent, f.licence = licence, f.consent = "own voice";
    REQUIRE(r->add_card(make_card(f)));
  }
  bool passes(gate g, const std::string& name) {
    const auto v = r->may(g, name);
    REQUIRE(v);
    return v->passed;
  }
  std::string why(gate g, const std::string& name) {
    const auto v = r->may(g, name);
    REQUIRE(v);
    std::string all;
    for (const auto& w : v->why) all += w + "; ";
    return all;
  }
};

TEST_CASE("records: a card shows what was found since") {
  book b;
  b.card("a-1");
  REQUIRE(b.r->add_evaluation("a-1", "in the graph", {{"held_out", 0.7}}));
  REQUIRE(b.r->add_export("a-1", "/somewhere"));
  REQUIRE(b.r->open_incident("a-1", "it swore"));
  const auto card = b.r->card("a-1").value();
  CHECK(card["data"]["licence"] == "CC0-1.0");
  CHECK(card["evaluations"][0]["scores"]["held_out"] == 0.7);
  CHECK(card["exports"][0]["to"] == "/somewhere");
  CHECK(card["incidents"][0]["reason"] == "it swore");
  CHECK(card["frozen"] == true);
  CHECK(markdown_of(card).find("it swore") != std::string::npos);
  CHECK(b.r->card("nobody").error().code == "governance.no_card");
  CHECK(b.r->names() == std::vector<std::string>{"a-1"});
}

TEST_CASE("gates: each rule holds, is named where it does not, and every decision is recorded") {
  book b(R"(
swap: {scores: ["held_out >= 0.5"], not_worse: [refusals], licences: [CC0-1.0], consents: [own voice, given]}
export: {licences: [MIT]}
load: {card: false}
)");
  CHECK(!b.passes(gate::swap, "unknown"));
  CHECK(b.passes(gate::load, "unknown"));
  CHECK(!b.passes(gate::serve, "unknown"));
  b.card("a-1"), b.card("a-2", "a-1");
  CHECK(b.passes(gate::serve, "a-2"));
  CHECK(b.why(gate::swap, "a-2").find("no evaluation has `held_out`") != std::string::npos);
  REQUIRE(b.r->add_evaluation("a-1", "test", {{"refusals", 0.9}}));
  REQUIRE(b.r->add_evaluation("a-2", "test", {{"held_out", 0.4}, {"refusals", 0.8}}));
  CHECK(b.why(gate::swap, "a-2").find("`held_out` is 0.4, at least 0.5") != std::string::npos);
  CHECK(b.why(gate::swap, "a-2").find("`refusals` fell from 0.9 to 0.8") != std::string::npos);
  REQUIRE(b.r->add_evaluation("a-2", "test", {{"held_out", 0.5}, {"refusals", 0.9}}));
  CHECK(b.passes(gate::swap, "a-2"));
  CHECK(b.why(gate::exported, "a-2").find("the licence `CC0-1.0` is none of: MIT") !=
        std::string::npos);
  const auto told = b.r->book().list("gate").value();
  CHECK(told.size() == 9);
  CHECK((*told.back().body)["passed"] == false);
}

TEST_CASE("gates: an override needs a reason, is recorded, and is no way around an incident") {
  book b("export: {licences: [MIT]}");
  b.card("a-1");
  CHECK(!b.passes(gate::exported, "a-1"));
  CHECK(b.r->add_override("a-1", gate::exported, "").error().code == "governance.no_reason");
  REQUIRE(b.r->add_override("a-1", gate::exported, "the lawyer agreed"));
  const auto v = b.r->may(gate::exported, "a-1").value();
  CHECK(v.passed);
  CHECK(v.by_override);
  CHECK(b.r->card("a-1").value()["overrides"][0]["reason"] == "the lawyer agreed");
  REQUIRE(b.r->open_incident("a-1", "why"));
  CHECK(!b.passes(gate::exported, "a-1"));
  CHECK(!b.passes(gate::load, "a-1"));
  REQUIRE(b.r->close_incident("a-1", "mended"));
  CHECK(b.passes(gate::exported, "a-1"));
}

TEST_CASE("incidents: opened and closed with a reason, and noticed by who watches") {
  book b;
  b.card("a-1");
  incident_watch watch(b.dir + "/book.db");
  CHECK(watch.changed().value().empty());
  CHECK(!watch.changed());
  CHECK(b.r->open_incident("a-1", "").error().code == "governance.no_reason");
  CHECK(b.r->open_incident("b-1", "why").error().code == "governance.no_card");
  CHECK(b.r->close_incident("a-1", "why").error().code == "governance.no_incident");
  REQUIRE(b.r->open_incident("a-1", "why"));
  CHECK(watch.changed().value() == std::set<std::string>{"a-1"});
  CHECK(!watch.changed());
  REQUIRE(b.r->close_incident("a-1", "why"));
  CHECK(watch.changed().value().empty());
  CHECK(b.r->book().list("incident").value().size() == 2);
}

TEST_CASE("policies: what is wrong is named with its place") {
  const auto told = [](const std::string& text) {
    const auto path = (std::filesystem::temp_directory_path() / "hocket_policy.yaml").string();
    std::ofstream(path) << text;
    const auto p = read_policy(path);
    return p ? std::string("fine") : p.error().message;
  };
  CHECK(told("swap: {scores: [\"a >= 1\"]}") == "fine");
  CHECK(told("swop: {}").find("unknown key `swop`") != std::string::npos);
  CHECK(told("swap: {score: []}").find("score") != std::string::npos);
  CHECK(told("swap: {scores: [\"a > 1\"]}").find("NAME >= NUMBER") != std::string::npos);
  CHECK(told("swap: {scores: [\"a >= one\"]}").find("NAME >= NUMBER") != std::string::npos);
  CHECK(told("swap: {card: 3}").find("card") != std::string::npos);
  CHECK(told("swap: [").find("hocket_policy.yaml:1") != std::string::npos);
  CHECK(read_policy("/nowhere/policy.yaml").error().code == "governance.bad_policy");
}

}  // namespace
}  // namespace hocket::governance
