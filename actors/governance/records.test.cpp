#include "actors/governance/records.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "actors/governance/card.hpp"
#include "actors/governance/process_book.hpp"

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
            const std::string& licence = "CC0-1.0", const std::string& weights = "w1",
            const std::string& tenant = "") {
    card_facts f;
    f.weights_sha256 = weights;
    f.name = name, f.parent = parent, f.licence = licence, f.consent = "own voice";
    REQUIRE(r->add_card(make_card(f), tenant));
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

TEST_CASE("check_card_place: what no card wrote is not replaced") {
  const auto dir = (std::filesystem::temp_directory_path() / "hocket_card_place").string();
  std::filesystem::remove_all(dir);
  const auto folder = trust::folder::open(dir);
  REQUIRE(folder);
  CHECK(check_card_place(*folder, "a-1"));
  REQUIRE(folder->write("README.md", "# My project\n"));
  const auto refused = check_card_place(*folder, "a-1");
  REQUIRE(!refused);
  CHECK(refused.error().code == "governance.not_ours");
  CHECK(refused.error().message.find("README.md") != std::string::npos);
  card_facts f;
  f.name = "a-1";
  REQUIRE(folder->write("README.md", markdown_of(make_card(f))));
  REQUIRE(folder->write("card.json", make_card(f).dump()));
  CHECK(check_card_place(*folder, "a-1"));
  CHECK(!check_card_place(*folder, "a-2"));
  const std::string deep(1 << 20, '['), back(1 << 20, ']');  // copied, too much for any stack
  for (const auto& other : {std::string("no card"), R"({"name": )" + deep + back + "}"}) {
    REQUIRE(folder->write("card.json", other));
    CHECK(!check_card_place(*folder, "a-1"));
  }
  f.adapter_config = R"({"r": )" + deep + back + "}";
  CHECK(make_card(f)["adapter_config"] == json::object());
  std::filesystem::remove_all(dir);
}

TEST_CASE("records: a gate judges the bytes that pass, and not what once had their name") {
  book b("load: {scores: [\"held_out >= 0.5\"]}\nserve: {}\nexport: {card: false}\n");
  b.card("a-1", "", "CC0-1.0", "w1");
  REQUIRE(b.r->add_evaluation("a-1", "in the graph", {{"held_out", 0.7}}));
  CHECK(b.r->may(gate::load, "a-1")->passed);
  CHECK(b.r->may(gate::load, "a-1", "w1")->passed);
  for (const auto g : {gate::load, gate::serve}) {
    const auto v = b.r->may(g, "a-1", "w2").value();  // overwritten, and its card is not there yet
    CHECK(!v.passed);
    CHECK(v.why.front() == "its card is of other weights");
  }
  CHECK(b.r->may(gate::exported, "a-1", "w2")->passed);  // which asks for no card
  REQUIRE(b.r->add_override("a-1", gate::serve, "seen"));
  CHECK(!b.r->may(gate::serve, "a-1", "w2")->passed);
  b.card("a-1", "", "CC0-1.0", "w2");
  CHECK(b.r->may(gate::serve, "a-1", "w2")->passed);
  CHECK(!b.r->may(gate::load, "a-1", "w2")->passed);  // not evaluated
  REQUIRE(b.r->add_evaluation("a-1", "in the graph", {{"held_out", 0.7}}, "w2"));
  CHECK(b.r->may(gate::load, "a-1", "w2")->passed);
}

TEST_CASE("records: an adapter of another model passes no gate but by an override") {
  book b("load: {card: false}\nserve: {card: false}\n");
  card_facts f;
  f.name = "a-1", f.weights_sha256 = "w1", f.base_model = "tiny", f.base_sha256 = "one";
  REQUIRE(b.r->add_card(make_card(f)));
  const auto at = [&](gate g, const loaded_on& on, const std::string& name = "a-1") {
    return b.r->may(g, name, "w1", on).value();
  };
  CHECK(at(gate::load, {}).passed);  // nobody compares
  CHECK(at(gate::load, {"one", ""}).passed);
  const auto other =
      at(gate::load, {"two", "two"});  // the ledger knows better than what lies beside
  CHECK(!other.passed);
  CHECK(other.why == std::vector<std::string>{"it was made on `tiny`, the model of SHA-256 one…, "
                                              "and is to be loaded on two…"});
  REQUIRE(b.r->add_override("a-1", gate::load, "converted"));
  CHECK(at(gate::load, {"two", ""}).by_override);
  CHECK(!at(gate::serve, {"two", ""}).passed);
  // Of what has no card the one beside the weights is asked.
  CHECK(at(gate::serve, {"two", "two"}, "a-2").passed);
  CHECK(!at(gate::serve, {"two", "one"}, "a-2").passed);
}

TEST_CASE("process_book: a gate is judged and recorded once while nothing else is written") {
  book b("serve: {}\n");
  b.card("a-1");
  b.card("a-2");
  process_book p;
  REQUIRE(p.follow(b.dir + "/book.db", b.dir + "/policy.yaml"));
  const auto gates = [&] { return b.r->book().list("gate")->size(); };
  for (int i = 0; i < 5; ++i) {
    CHECK(p.pass(gate::serve, "a-1", "w1"));
    CHECK(p.pass(gate::serve, "a-2", "w1"));
    CHECK(p.pass(gate::serve, "a-1", "w2").error().code == "governance.refused");
  }
  CHECK(gates() == 3);
  REQUIRE(b.r->open_incident("a-1", "wrong"));  // another program
  CHECK(p.pass(gate::serve, "a-1", "w1").error().code == "governance.refused");
  CHECK(p.pass(gate::serve, "a-2", "w1"));
  CHECK(gates() == 5);
}

TEST_CASE("a program that keeps the ledger stands nobody still") {
  book b("serve: {}\n");
  b.card("a-1");
  process_book p;
  REQUIRE(p.follow(b.dir + "/book.db", b.dir + "/policy.yaml"));
  auto in = ledger::open(b.dir + "/book.db", false, std::chrono::milliseconds(50)).value();
  const int other = ::open((b.dir + "/book.db.lock").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::flock(other, LOCK_EX | LOCK_NB) == 0);
  CHECK(in.append("note", "a-1", json::object()).error().code == "ledger.in_use");
  CHECK(ledger::open(b.dir + "/book.db", false, std::chrono::milliseconds(10)).error().code ==
        "ledger.in_use");
  std::thread waiting([&] { (void)p.pass(gate::serve, "a-1", "w1"); });
  CHECK(!p.is_frozen("a-1"));  // while another thread waits for the ledger
  ::close(other);
  waiting.join();
  CHECK(p.pass(gate::serve, "a-1", "w1"));
  CHECK(in.append("note", "a-1", json::object()));
}

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
  CHECK(watch.changed().value().value().empty());
  CHECK(!watch.changed().value());
  CHECK(b.r->open_incident("a-1", "").error().code == "governance.no_reason");
  CHECK(b.r->open_incident("b-1", "why").error().code == "governance.no_card");
  CHECK(b.r->close_incident("a-1", "why").error().code == "governance.no_incident");
  REQUIRE(b.r->open_incident("a-1", "why"));
  CHECK(watch.changed().value() == std::set<std::string>{"a-1"});
  CHECK(!watch.changed().value());
  REQUIRE(b.r->close_incident("a-1", "why"));
  CHECK(watch.changed().value().value().empty());
  CHECK(b.r->book().list("incident").value().size() == 2);
}

TEST_CASE("incidents: a ledger that another program keeps is waited for longer") {
  book b;
  b.card("a-1");
  incident_watch watch(b.dir + "/book.db");
  const int other = ::open((b.dir + "/book.db.lock").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::flock(other, LOCK_EX | LOCK_NB) == 0);
  const auto kept = watch.changed();
  ::close(other);
  REQUIRE(!kept);
  CHECK(kept.error().code == "ledger.in_use");
  CHECK(watch.changed().value().value().empty());
  std::filesystem::remove(b.dir + "/book.db.seal");
  const auto gone = watch.changed();
  REQUIRE(!gone);
  CHECK(patience_with(kept.error()) > patience_with(gone.error()));
}

TEST_CASE("incidents: without a ledger that can be read nothing starts, and all is frozen") {
  book b;
  b.card("a-1");
  const auto file = b.dir + "/book.db", seal = file + ".seal", aside = b.dir + "/aside";
  process_book follows;
  CHECK(!follows.is_frozen("a-1"));
  REQUIRE(follows.follow(file, ""));
  const auto becomes = [&](bool frozen) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (follows.is_frozen("a-1") != frozen) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return follows.is_frozen("any other") == frozen;
  };
  CHECK(becomes(false));
  SUBCASE("the seal is gone") {
    std::filesystem::rename(seal, aside);
    CHECK(becomes(true));
    CHECK(process_book().follow(file, "").error().message.find(".seal") != std::string::npos);
    std::filesystem::rename(aside, seal);
  }
  SUBCASE("the ledger is gone") {
    std::filesystem::rename(file, aside);
    CHECK(becomes(true));
    std::filesystem::rename(aside, file);
  }
  SUBCASE("the ledger is something else") {
    std::filesystem::copy_file(file, aside);
    std::ofstream(file, std::ios::trunc) << std::string(8192, 'x');
    CHECK(becomes(true));
    CHECK(!process_book().follow(file, ""));
    std::filesystem::copy_file(aside, file, std::filesystem::copy_options::overwrite_existing);
  }
  CHECK(becomes(false));
  REQUIRE(process_book().follow(file, ""));
}

TEST_CASE("incidents: those that are open at the start hold from the start") {
  book b;
  b.card("a-1");
  REQUIRE(b.r->open_incident("a-1", "why"));
  process_book follows;
  REQUIRE(follows.follow(b.dir + "/book.db", ""));
  CHECK(follows.is_frozen("a-1"));
  CHECK(!follows.is_frozen("a-2"));
}

TEST_CASE("gates: evaluations and overrides are of weights, and other weights inherit none") {
  book b(R"(
serve: {scores: ["held_out >= 0.5"]}
swap: {not_worse: [refusals]}
export: {licences: [MIT]}
)");
  b.card("a-1");
  REQUIRE(b.r->add_evaluation("a-1", "test", {{"held_out", 0.7}, {"refusals", 0.9}}));
  REQUIRE(b.r->add_override("a-1", gate::exported, "the lawyer agreed"));
  CHECK(b.passes(gate::serve, "a-1"));
  CHECK(b.passes(gate::exported, "a-1"));
  b.card("a-2", "a-1", "CC0-1.0", "w3");
  REQUIRE(b.r->add_evaluation("a-2", "test", {{"refusals", 0.95}}));
  CHECK(b.passes(gate::swap, "a-2"));
  b.card("a-1", "", "CC0-1.0", "w2");  // overwritten
  CHECK(b.why(gate::serve, "a-1").find("no evaluation has `held_out`") != std::string::npos);
  CHECK(!b.passes(gate::exported, "a-1"));
  CHECK(b.why(gate::swap, "a-2").find("no evaluation compares") != std::string::npos);
  // An evaluation that ended after the weights had changed says of which it is.
  REQUIRE(b.r->add_evaluation("a-1", "late", {{"held_out", 0.9}}, "w1"));
  CHECK(!b.passes(gate::serve, "a-1"));
  REQUIRE(b.r->add_evaluation("a-1", "test", {{"held_out", 0.6}}));
  REQUIRE(b.r->add_override("a-1", gate::exported, "again"));
  CHECK(b.passes(gate::serve, "a-1"));
  CHECK(b.passes(gate::exported, "a-1"));
}

TEST_CASE("gates: scores that are no finite numbers are refused") {
  book b("serve: {scores: [\"held_out >= -5\"]}");
  b.card("a-1");
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()})
    CHECK(b.r->add_evaluation("a-1", "test", {{"held_out", bad}}).error().code ==
          "governance.bad_score");
  CHECK(b.r->book().list("evaluation").value().empty());
  CHECK(!b.passes(gate::serve, "a-1"));
}

TEST_CASE("gates: an erased card is no card, and its incident still holds") {
  book b("load: {card: false}");
  b.card("a-1", "", "CC0-1.0", "w1", "anna");
  REQUIRE(b.r->add_override("a-1", gate::serve, "why not"));
  CHECK(b.passes(gate::serve, "a-1"));
  REQUIRE(b.r->book().erase_tenant("anna", "asked").value() == 1);
  CHECK(b.why(gate::serve, "a-1").find("its card was erased") != std::string::npos);
  CHECK(!b.passes(gate::serve, "a-1"));
  CHECK(b.passes(gate::load, "a-1"));
  REQUIRE(b.r->open_incident("a-1", "it swore"));
  CHECK(!b.passes(gate::load, "a-1"));
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
  for (const char* limit : {"nan", "inf", "-inf", "infinity", "-nan", "1e999"})
    CHECK(told(std::string("swap: {scores: [\"a >= ") + limit + "\"]}").find("NAME >= NUMBER") !=
          std::string::npos);
  CHECK(told("swap: {card: 3}").find("card") != std::string::npos);
  CHECK(told("swap: [").find("hocket_policy.yaml:1") != std::string::npos);
  CHECK(read_policy("/nowhere/policy.yaml").error().code == "governance.bad_policy");
}

}  // namespace
}  // namespace hocket::governance
