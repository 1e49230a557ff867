#include "actors/policy/incident_desk.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "actors/http/server.test.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;
using namespace hocket::policy;
namespace fs = std::filesystem;

namespace {

const char* const forbidden =
    R"({"policy":"house","topic":"weapons","rule":"phrase 1","where":"heard","did":"refuse","times":1,"incident":1})";

struct desk {
  explicit desk(std::vector<setting> more = {}) {
    auto name = (fs::temp_directory_path() / "hocket-incidents-XXXXXX").string();
    folder = mkdtemp(name.data());
    harness_options o;
    o.output_dir = folder.string();
    more.emplace_back("name", "graph:test");
    o.config = settings(more);
    h = std::make_unique<harness>(type_of<incident_desk>(), o);
  }
  ~desk() {
    h.reset();
    fs::remove_all(folder);
  }
  void tell(const std::string& line) {
    push(line);
    step();
  }
  void push(const std::string& line) {
    delegation d;
    d.task = line;
    REQUIRE(h->push("incidents", h->now(), d));
  }
  void step() { REQUIRE(h->advance(std::chrono::milliseconds(200))); }
  std::vector<std::string> holds() {
    std::vector<std::string> out;
    for (const auto& p : h->outputs("holds")) out.push_back(p.get_if<text>()->value);
    return out;
  }
  /// Without what is said again.
  std::vector<std::string> changes() {
    auto out = holds();
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }
  governance::records book() {
    auto r = governance::records::open((folder / "incidents.db").string());
    REQUIRE_MESSAGE(r, r.error().message);
    return std::move(*r);
  }
  std::vector<governance::entry> incidents() {
    auto all = book().book().list("incident");
    REQUIRE(all);
    return std::move(*all);
  }
  fs::path folder;
  std::unique_ptr<harness> h;
};

}  // namespace

TEST_CASE(
    "an incident is recorded, without any word that came along, and freezes nothing by itself") {
  desk d;
  REQUIRE(d.h->open());
  d.tell(R"({"topic":"weapons","where":"heard","did":"refuse","words":"make a bomb","times":2})");
  d.tell("no json");
  d.tell(R"({"nothing":"known"})");
  CHECK(d.changes() == std::vector<std::string>{"free"});
  const auto all = d.incidents();
  REQUIRE(all.size() == 1);
  CHECK(all[0].subject == "graph:test");
  CHECK(all[0].body->at("state") == "noted");
  CHECK(all[0].body->at("topic") == "weapons");
  CHECK(all[0].body->dump().find("bomb") == std::string::npos);
  CHECK(d.book().frozen()->empty());
  REQUIRE(d.h->close());
  CHECK(d.book().book().verify()->empty());
}

TEST_CASE(
    "what was forgotten, by whom and how much of it, is in the chain; no word that came along is") {
  desk d;
  REQUIRE(d.h->open());
  const auto told = [&](const std::string& line) {
    delegation g;
    g.task = line;
    REQUIRE(d.h->push("forgotten", d.h->now(), g));
  };
  told(R"({"forget":"asked","policy":"house","topic":"forget","words":"my secret"})");
  told(R"({"forget":"done","keeper":"record","files":2,"bytes":4096})");
  told("no json");
  told(R"({"files":1})");
  d.step();
  const auto all = d.book().book().list("forgotten");
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK(all->at(0).subject == "graph:test");
  CHECK(all->at(0).body->at("forget") == "asked");
  CHECK(all->at(0).body->at("session") == 1);
  CHECK(all->at(0).body->dump().find("secret") == std::string::npos);
  CHECK(all->at(1).body->at("keeper") == "record");
  CHECK(all->at(1).body->at("bytes") == 4096);
  CHECK(d.incidents().empty());
  CHECK(d.changes() == std::vector<std::string>{"free"});
  REQUIRE(d.h->close());
  CHECK(d.book().book().verify()->empty());
}

TEST_CASE("a topic that freezes does so at once, and an operator's close ends it") {
  desk d(std::vector<setting>{{"freezes", value::list{value(std::string("weapons"))}}});
  REQUIRE(d.h->open());
  d.tell(forbidden);
  REQUIRE(!d.holds().empty());
  CHECK(d.holds().front() == "frozen");
  CHECK(d.book().frozen()->contains("graph:test"));
  for (int i = 0; i < 12; ++i) d.step();
  CHECK(d.holds().size() >= 3);  // conversations that begin later hear it too
  CHECK(d.holds().back() == "frozen");
  REQUIRE(d.book().close_incident("graph:test", "a false alarm"));
  d.step();
  d.step();
  CHECK(d.holds().back() == "free");
  REQUIRE(d.h->close());
  CHECK(d.book().book().verify()->empty());
}

TEST_CASE(
    "an operator freezes a graph by its name, and a noted incident neither freezes nor thaws") {
  desk d;
  REQUIRE(d.h->open());
  d.step();
  REQUIRE(d.book().open_incident("graph:test", "somebody called"));
  d.step();
  CHECK(d.changes() == std::vector<std::string>{"free", "frozen"});
  d.tell(forbidden);
  CHECK(d.book().frozen()->contains("graph:test"));
  CHECK(d.holds().back() == "frozen");
  CHECK(!d.book().open_incident("graph:other", "why"));
  REQUIRE(d.h->close());
}

TEST_CASE("without its ledger it does not begin; one that goes away freezes after two seconds") {
  {
    desk d(std::vector<setting>{{"ledger", "../outside.db"}});
    CHECK(!d.h->open());
  }
  desk d;
  REQUIRE(d.h->open());
  d.step();
  fs::remove(d.folder / "incidents.db.seal");
  for (int i = 0; i < 5; ++i) d.step();
  CHECK(d.changes() == std::vector<std::string>{"free"});
  for (int i = 0; i < 8; ++i) d.step();
  CHECK(d.changes() == std::vector<std::string>{"free", "frozen"});
}

TEST_CASE("a look that fails once thaws nothing, and what froze for blindness alone ends with it") {
  desk d;
  REQUIRE(d.h->open());
  d.step();
  REQUIRE(d.book().open_incident("graph:test", "somebody called"));
  d.step();
  const auto seal = d.folder / "incidents.db.seal", away = d.folder / "away";
  for (const int ticks : {1, 15}) {
    fs::rename(seal, away);
    for (int i = 0; i < ticks; ++i) d.step();
    fs::rename(away, seal);
    for (int i = 0; i < 3; ++i) d.step();
    CHECK(d.changes() == std::vector<std::string>{"free", "frozen"});
  }
  REQUIRE(d.book().close_incident("graph:test", "over"));
  d.step();
  CHECK(d.changes() == std::vector<std::string>{"free", "frozen", "free"});
  fs::rename(seal, away);
  for (int i = 0; i < 15; ++i) d.step();
  CHECK(d.holds().back() == "frozen");
  fs::rename(away, seal);
  d.step();
  CHECK(d.holds().back() == "free");
}

TEST_CASE("a close that comes before the next look ends the freeze") {
  desk d(std::vector<setting>{{"freezes", value::list{value(std::string("*"))}}});
  REQUIRE(d.h->open());
  d.step();
  d.push(forbidden);
  REQUIRE(d.holds().back() == "frozen");
  REQUIRE(d.book().close_incident("graph:test", "a false alarm"));
  d.step();
  CHECK(d.holds().back() == "free");
  // And the next one freezes again, however soon it comes.
  d.tell(forbidden);
  CHECK(d.holds().back() == "frozen");
  CHECK(d.book().frozen()->contains("graph:test"));
}

TEST_CASE("an entry that the ledger did not take is tried again, and freezes until then") {
  desk d(std::vector<setting>{{"freezes", value::list{value(std::string("*"))}}});
  REQUIRE(d.h->open());
  d.step();
  const auto seal = d.folder / "incidents.db.seal", away = d.folder / "away";
  fs::rename(seal, away);
  d.push(forbidden);
  CHECK(d.h->counter("unrecorded") == 1);
  fs::rename(away, seal);
  d.step();
  CHECK(d.holds().back() == "frozen");
  for (int i = 0; i < 5; ++i) d.step();
  CHECK(d.holds().back() == "frozen");
  CHECK(d.book().frozen()->contains("graph:test"));
  REQUIRE(d.book().close_incident("graph:test", "over"));
  d.step();
  CHECK(d.holds().back() == "free");
}

TEST_CASE("one conversation makes one entry of a topic in ten seconds, and the next counts") {
  desk d;
  REQUIRE(d.h->open());
  for (int i = 0; i < 300; ++i) d.push(forbidden);
  d.tell(R"({"topic":"other"})");
  CHECK(d.incidents().size() == 2);
  for (int i = 0; i < 60; ++i) d.step();
  const auto all = d.incidents();
  REQUIRE(all.size() == 3);
  CHECK(all[2].body->at("count") == 299);
  CHECK(all[2].body->at("state") == "noted");
}

TEST_CASE("a webhook is https, or http of this machine") {
  for (const char* bad : {"http://example.org/", "http://10.0.0.1/", "127.0.0.1:80"}) {
    CAPTURE(bad);
    desk d(std::vector<setting>{{"webhook", bad}});
    const auto opened = d.h->open();
    REQUIRE(!opened);
    CHECK(opened.error().code == "webhook.bad_config");
  }
}

TEST_CASE("what the webhook took and what it did not is counted, also at the end, and signed") {
  std::atomic<int> status{204};
  std::atomic<bool> is_signed{true};
  auto options = hocket::testing::echo_options();
  options.handle = [&](const http::request& r, const http::responder& reply) {
    if (!r.header("webhook-signature") || r.header("Authorization").value_or("") != "Bearer token")
      is_signed = false;
    reply({status, "text/plain", "", {}});
  };
  const auto server = hocket::testing::start(std::move(options));
  ::setenv("HOCKET_TEST_DESK", "token", 1);
  desk d(std::vector<setting>{{"webhook", server->url()},
                              {"token_env", "HOCKET_TEST_DESK"},
                              {"secret_env", "HOCKET_TEST_DESK"}});
  REQUIRE(d.h->open());
  d.tell(R"({"topic":"one"})");
  for (int i = 0; i < 120 && d.h->counter("notified") < 1; ++i)
    (void)d.h->run_posted(std::chrono::seconds(1));
  CHECK(d.h->counter("notified") == 1);
  status = 400;
  d.tell(R"({"topic":"two"})");
  for (int i = 0; i < 120 && d.h->counter("notify_failed") < 1; ++i)
    (void)d.h->run_posted(std::chrono::seconds(1));
  CHECK(d.h->counter("notify_failed") == 1);
  CHECK(d.h->logs().back() == "incident 2: the webhook was not told after 1 tries (status 400)");
  // It is still asked again when the run ends: all three are counted.
  status = 503;
  for (const char* topic : {"three", "four", "five"})
    d.tell(std::string(R"({"topic":")") + topic + R"("})");
  REQUIRE(d.h->close());
  CHECK(d.h->counter("notify_failed") == 4);
  CHECK(is_signed);
}
