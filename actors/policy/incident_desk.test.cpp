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
    REQUIRE(h->push("incidents", h->now(), text{line, "policy"}));
    step();
  }
  void step() { REQUIRE(h->advance(std::chrono::milliseconds(200))); }
  std::vector<std::string> holds() {
    std::vector<std::string> out;
    for (const auto& p : h->outputs("holds")) out.push_back(p.get_if<text>()->value);
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
  CHECK(d.holds().empty());
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
  REQUIRE(d.holds().size() == 1);
  CHECK(d.holds().back() == "frozen");
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
  CHECK(d.holds().empty());
  for (int i = 0; i < 8; ++i) d.step();
  REQUIRE(!d.holds().empty());
  CHECK(d.holds().front() == "frozen");
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

TEST_CASE("a webhook that nobody answers keeps 64 messages, and ends when it is told to") {
  webhook hook({"http://127.0.0.1:1/", "", 20, std::chrono::hours(1)},
               [](const webhook::message&, bool, int, int) {});
  int taken = 0;
  for (int i = 0; i < 200; ++i) taken += hook.post({"{}", i, nullptr}) ? 1 : 0;
  CHECK(taken >= 64);
  CHECK(taken <= 66);
}
