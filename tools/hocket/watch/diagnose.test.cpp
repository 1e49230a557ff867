#include "tools/hocket/watch/diagnose.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "actors/host/runtime.hpp"

using namespace hocket;
using namespace hocket::cli;
using nlohmann::json;

namespace {

json an_actor(const char* name, const char* state = "idle") {
  return {{"name", name}, {"component", "c"}, {"state", state}, {"packets_in", 10}};
}

json a_link(const char* from, const char* to) {
  return {{"from", from},    {"to", to},           {"sent", 10},
          {"delivered", 10}, {"in_flight", 0},     {"queue_size", 16},
          {"full", "block"}, {"back_edge", false}, {"waiting_ms", 0.0}};
}

/// mic > ears > model > speaker, all well, at two seconds.
json healthy() {
  return {{"graph", "talk"},
          {"now_s", 2.0},
          {"law_holds", true},
          {"sessions", 1},
          {"actors", {an_actor("mic"), an_actor("ears"), an_actor("model"), an_actor("speaker")}},
          {"links",
           {a_link("mic.audio", "ears.audio"), a_link("ears.frames", "model.audio"),
            a_link("model.audio", "speaker.audio")}},
          {"budgets", json::array()}};
}

json earlier(json s) {
  s["now_s"] = s["now_s"].get<double>() - 1;
  return s;
}

/// The only finding that is not good.
finding only(const json& before, const json& now) {
  auto all = diagnose(before.dump(), now.dump());
  std::erase_if(all, [](const finding& f) { return f.how == finding::grade::good; });
  REQUIRE(all.size() == 1);
  return all.front();
}

bool speaks_of(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a graph that is well has one good finding") {
  const auto all = diagnose(earlier(healthy()).dump(), healthy().dump());
  REQUIRE(all.size() == 1);
  CHECK(all[0].how == finding::grade::good);
  CHECK(all[0].detail == "talk: 4 actors and 3 links, nothing stalled, full or lost");
}

TEST_CASE("an actor in a long call is stalled") {
  auto now = healthy();
  now["actors"][2]["call_ms"] = 3200;
  now["actors"][2]["queued"] = 7;
  now["links"][1]["in_flight"] = 7;
  const auto f = only(earlier(healthy()), now);
  CHECK(f.what == "actor model");
  CHECK(f.how == finding::grade::bad);
  CHECK(f.detail == "it is stalled: in one call for 3.2 s, 7 packets wait");
}

TEST_CASE("an actor that takes nothing names the input it may wait for") {
  auto now = healthy();
  now["links"].push_back(a_link("mind.results", "model.text"));
  now["actors"][2]["queued"] = 3;
  now["links"][1]["in_flight"] = 3;
  const auto f = only(earlier(now), now);
  CHECK(f.what == "actor model");
  CHECK(speaks_of(f.detail, "3 packets wait and none was taken for 1.0 s"));
  CHECK(speaks_of(f.detail, "model.text (from mind.results)"));
  // One that takes its packets does not stall.
  now["actors"][2]["packets_in"] = 20;
  CHECK(diagnose(earlier(healthy()).dump(), now.dump())[0].how == finding::grade::good);
}

TEST_CASE("of queues that are full in a row, the last is to blame, and all that wait are named") {
  auto now = healthy();
  for (const int i : {0, 1, 2}) {
    now["links"][i]["in_flight"] = 16;
    now["links"][i]["waiting_ms"] = 2000;
  }
  for (const int i : {0, 1, 2}) now["actors"][i]["state"] = "blocked";
  now["actors"][3]["packets_in"] = 12;
  now["links"][2]["delivered"] = 12;
  now["actors"][3]["handler_p50_ms"] = 480;
  const auto f = only(earlier(healthy()), now);
  CHECK(f.what == "queue speaker.audio");
  CHECK(f.how == finding::grade::bad);
  CHECK(speaks_of(f.detail, "full (16 of 16, 2.0 taken per s): it blocks model, ears, mic"));
  CHECK(speaks_of(f.remedy, "speaker is too slow (480.0 ms per call, p50)"));
}

TEST_CASE("a queue that is full for a moment is not worth a word") {
  auto now = healthy();
  now["links"][2]["in_flight"] = 16;
  now["links"][2]["waiting_ms"] = 4;
  now["actors"][3]["packets_in"] = 30;
  CHECK(diagnose(earlier(healthy()).dump(), now.dump())[0].how == finding::grade::good);
  now["links"][2]["full"] = "drop_oldest";
  now["links"][2]["waiting_ms"] = 400;
  CHECK(diagnose(earlier(now).dump(), now.dump())[0].how == finding::grade::good);
}

TEST_CASE("circles of full queues end the search") {
  auto now = healthy();
  now["links"] = {a_link("a.x", "b.x"), a_link("b.x", "a.x")};
  now["actors"] = {an_actor("a", "blocked"), an_actor("b", "blocked")};
  for (const int i : {0, 1}) {
    now["links"][i]["in_flight"] = 16;
    now["links"][i]["waiting_ms"] = 5000;
  }
  CHECK(diagnose(earlier(now).dump(), now.dump())[0].how == finding::grade::bad);
}

TEST_CASE("a restart loop says how much patience is left") {
  auto now = healthy();
  now["actors"][1]["restarts"] = 4;
  now["actors"][1]["restarts_in_window"] = 4;
  now["actors"][1]["restart_max"] = 5;
  now["actors"][1]["restart_within_s"] = 60;
  now["actors"][1]["last_error"] = "no device [x.y]";
  const auto f = only(earlier(healthy()), now);
  CHECK(f.how == finding::grade::bad);
  CHECK(f.detail ==
        "it restarts in a loop: 4 of 5 restarts allowed in 60 s are used: no device [x.y]");
  // One restart long ago is a remark.
  now["actors"][1]["restarts"] = 1;
  now["actors"][1]["restarts_in_window"] = 0;
  CHECK(only(earlier(now), now).how == finding::grade::warning);
  now["actors"][1]["state"] = "lost";
  CHECK(only(earlier(now), now).detail == "it is lost for good: no device [x.y]");
}

TEST_CASE("losses have a reason, a rate and a remedy; harmless ones are said to be so") {
  auto now = healthy();
  auto before = earlier(now);
  before["links"][2]["dropped"] = {{"too_old", 5}};
  now["links"][2]["dropped"] = {{"too_old", 15}, {"old_epoch", 3}};
  now["links"][2]["sent"] = 100;
  const auto f = only(before, now);
  CHECK(f.what == "link model.audio > speaker.audio");
  CHECK(f.detail == "15 of 100 packets dropped, too_old (10.0 per s now)");
  CHECK(speaks_of(f.remedy, "max_age_ms"));
}

TEST_CASE("every reason has a remedy") {
  for (int i = 0; i < host::drop_reason_count; ++i) {
    const auto reason = to_string(static_cast<host::drop_reason>(i));
    CHECK_MESSAGE(remedy_of(std::string(reason)) != remedy_of("unknown"), reason);
  }
}

TEST_CASE("missed budgets name the hop, dead links their host, broken accounts us") {
  auto now = healthy();
  now["budgets"] = {{{"path", "mic > model"},
                     {"limit_ms", 400},
                     {"checked", 50},
                     {"missed", 7},
                     {"p99_ms", 512.4},
                     {"blamed", {{"model (compute)", 6}, {"ears (queue)", 1}}}}};
  CHECK(
      only(earlier(healthy()), now).detail ==
      "7 of 50 micro-turns took more than 400 ms (p99 512 ms); model (compute) is to blame for 6");
  now = healthy();
  now["peers"] = {{{"name", "gpu"},
                   {"state", "lost"},
                   {"state_ms", 1500},
                   {"reason", "no heartbeat for 1.5 s"}},
                  {{"name", "edge"}, {"state", "up"}}};
  const auto f = only(earlier(healthy()), now);
  CHECK(f.what == "host gpu");
  CHECK(f.detail == "its link is lost for 1.5 s: no heartbeat for 1.5 s");
  // Queues to a host that is not there are its doing, not that of a slow actor.
  now["links"][1]["to"] = "model.audio @gpu";
  now["links"][1]["in_flight"] = 16;
  now["links"][1]["waiting_ms"] = 2000;
  const auto dead = only(earlier(healthy()), now);
  CHECK(dead.what == "host gpu");
  CHECK(speaks_of(dead.detail, "1.5 s; it blocks ears"));
  now["links"] = healthy()["links"];
  now["peers"][0]["state"] = "suspect";
  CHECK(only(earlier(healthy()), now).how == finding::grade::warning);
  now = healthy();
  now["wires"] = {{{"link", "mic.audio"},
                   {"peer", "gpu"},
                   {"outgoing", true},
                   {"gaps", 2},
                   {"dropped", {{"disconnect", 7}}}}};
  CHECK(only(earlier(healthy()), now).what == "wire mic.audio to gpu");
  now = healthy();
  now["law_holds"] = false;
  CHECK(only(earlier(healthy()), now).what == "accounts");
}

TEST_CASE("what is no status is said to be none") {
  CHECK(diagnose("", "nonsense")[0].how == finding::grade::bad);
  CHECK(diagnose("nonsense", healthy().dump())[0].how == finding::grade::good);
  // A hostile or future status does no harm.
  for (const char* odd :
       {"{}", R"({"actors":3,"links":{}})", R"({"actors":[1,"x",{}],"links":[[]]})",
        R"({"links":[{"dropped":{"late":"x"}}],"budgets":[{"blamed":7,"missed":1}]})"})
    CHECK_FALSE(diagnose(odd, odd).empty());
}
