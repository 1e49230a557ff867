#include "actors/policy/incident_desk.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

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
  for (const char* good : {"https://example.org/x", "http://127.0.0.1:8080/x", "http://localhost/x",
                           "http://[::1]:80/", "http://localhost?x"})
    CHECK_MESSAGE(webhook::check(good), good);
  for (const char* bad :
       {"", "https://", "http://example.org", "http://127.0.0.1.example.org/",
        "http://127.example.org", "http://localhost@example.org/", "ftp://127.0.0.1/",
        "file:///etc/passwd", "http://10.0.0.1/", "127.0.0.1:80"})
    CHECK_MESSAGE(!webhook::check(bad), bad);
  desk d(std::vector<setting>{{"webhook", "http://example.org/"}});
  const auto opened = d.h->open();
  REQUIRE(!opened);
  CHECK(opened.error().code == "policy.bad_webhook");
}

TEST_CASE(
    "a webhook is asked again while its server fails, and not where it does not want the message") {
  std::mutex lock;
  std::vector<std::string> bodies;
  std::atomic<int> failures{2};
  auto options = hocket::testing::echo_options();
  options.handle = [&](const http::request& r, const http::responder& reply) {
    const std::lock_guard hold(lock);
    bodies.push_back(r.body + std::string(r.header("Authorization").value_or("-")));
    const bool fails = r.path == "/fails" || failures-- > 0;
    reply({r.path == "/never" ? 400 : fails ? 503 : 204, "text/plain", "", {}});
  };
  const auto server = hocket::testing::start(std::move(options));
  struct outcome {
    bool delivered = false;
    int status = 0, tries = 0;
  };
  const auto post = [&](const std::string& path, int tries) {
    std::atomic<bool> done{false};
    outcome what;
    webhook hook({server->url() + path, "secret", tries, std::chrono::milliseconds(1)},
                 [&](const webhook::message& m, bool delivered, int status, int n) {
                   CHECK(m.number == 7);
                   what = {delivered, status, n};
                   done = true;
                 });
    REQUIRE(hook.post({"{}", 7, nullptr}));
    for (int i = 0; !done && i < 120'000; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(done);
    return what;
  };
  const auto third = post("/", 5);
  CHECK(third.delivered);
  CHECK(third.tries == 3);
  CHECK(bodies.back() == "{}Bearer secret");
  const auto refused = post("/never", 5);
  CHECK(!refused.delivered);
  CHECK(refused.status == 400);
  CHECK(refused.tries == 1);
  const auto lost = post("/fails", 3);
  CHECK(!lost.delivered);
  CHECK(lost.tries == 3);
}

TEST_CASE("what is urgent is told first, also while another message is tried again") {
  std::mutex lock;
  std::vector<std::string> order;
  std::atomic<bool> fails{true};
  auto options = hocket::testing::echo_options();
  options.handle = [&](const http::request& r, const http::responder& reply) {
    const std::lock_guard hold(lock);
    const bool refuses = fails && r.body != "urgent";
    if (!refuses) order.push_back(r.body);
    if (r.body == "urgent") fails = false;
    reply({refuses ? 503 : 204, "text/plain", "", {}});
  };
  const auto server = hocket::testing::start(std::move(options));
  std::atomic<int> told{0};
  std::weak_ptr<int> kept;
  // The pause is longer than this test may take: only what is urgent ends it.
  webhook hook({server->url(), "", 20, std::chrono::hours(1)},
               [&](const webhook::message&, bool, int, int) { ++told; });
  const auto until = [](const auto& what) {
    for (int i = 0; !what() && i < 120'000; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(what());
  };
  {
    const auto run = std::make_shared<int>(1);
    kept = run;
    REQUIRE(hook.post({"first", 1, run}));
    REQUIRE(hook.post({"second", 2, run}));
  }
  until([&] { return kept.expired(); });  // after a try that failed nothing holds the run up
  REQUIRE(hook.post({"urgent", 3, nullptr, true}));
  until([&] { return told == 3; });
  CHECK(order == std::vector<std::string>{"urgent", "first", "second"});
}

TEST_CASE("where too many wait, what is urgent takes the place of another") {
  webhook hook({"http://127.0.0.1:1/", "", 20, std::chrono::hours(1)},
               [](const webhook::message&, bool, int, int) {});
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> first = held;
  REQUIRE(hook.post({"{}", -1, std::move(held)}));
  while (!first.expired()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  // It pauses for an hour now: nothing is taken out any more.
  for (int i = 0; i < 70; ++i) (void)hook.post({"{}", i, nullptr});
  CHECK(!hook.post({"{}", 100, nullptr}));
  for (int i = 0; i < 64; ++i) (void)hook.post({"{}", i, nullptr, true});
  CHECK(!hook.post({"{}", 101, nullptr}));
}

TEST_CASE("a webhook that nobody answers keeps 64 messages, and ends when it is told to") {
  webhook hook({"http://127.0.0.1:1/", "", 20, std::chrono::hours(1)},
               [](const webhook::message&, bool, int, int) {});
  int taken = 0;
  for (int i = 0; i < 200; ++i) taken += hook.post({"{}", i, nullptr}) ? 1 : 0;
  CHECK(taken >= 64);
  CHECK(taken <= 66);
}
