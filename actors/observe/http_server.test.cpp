#include "actors/observe/http_server.hpp"

#include <nlohmann/json.hpp>

#include "actors/host/run/run_plan.test.hpp"

using namespace hocket;
using namespace hocket::observe;
using namespace hocket::testing;

namespace {

http_options at(const std::string& address, run_identity who = {}) {
  http_options o;
  o.address = address;
  o.who = std::move(who);
  return o;
}

}  // namespace

TEST_CASE("a run is seen over HTTP from before it opens until after it closed") {
  plan_maker g;
  g.add("src", 0, 1, counter_source(1 << 30));
  g.source("src", 5);
  g.add("end", 1, 0, [] { return std::make_unique<lambda_component>(); });
  g.link("src", 0, "end", 0);
  const auto p = g.make();
  run_window window;
  const auto server = http_server::start(at("tcp://127.0.0.1:0", {"test", "", "", "", ""}), window);
  REQUIRE(server);
  const auto get = [&](const char* path) { return http_get((*server)->url(), path, 5000); };
  CHECK(*get("/healthz") == "ok\n");
  CHECK(get("/readyz").error().message.find("503 the graph is not open yet") != std::string::npos);
  CHECK(get("/metrics")->find("hocket_open 0\n") != std::string::npos);
  CHECK(!get("/status"));
  {
    auto run = host::runtime::start(p, g.types, {});
    REQUIRE(run);
    window.open(**run);
    REQUIRE(eventually([&] { return (*run)->status().links[0].delivered > 3; }));
    CHECK(*get("/readyz") == "ready\n");
    const auto metrics = *get("/metrics");
    CHECK(metrics.find("hocket_edge_packets_total{from=\"src.out0\"") != std::string::npos);
    CHECK(metrics.find("process_resident_memory_bytes") != std::string::npos);
    CHECK(nlohmann::json::parse(*get("/status"))["law_holds"] == true);
    window.stopping();
    CHECK(!get("/readyz"));
    window.close();
  }
  CHECK(*get("/healthz") == "ok\n");
  CHECK(!get("/status"));
  CHECK(get("/nothing").error().message.find("404") != std::string::npos);
}

TEST_CASE("a server is not seen from other machines unasked, and takes no port twice") {
  const run_window window;
  const auto open = http_server::start(at("tcp://0.0.0.0:0"), window);
  REQUIRE(!open);
  CHECK(open.error().code == "observe.not_loopback");
  const auto first = http_server::start(at("tcp://127.0.0.1:0"), window);
  REQUIRE(first);
  const auto second = http_server::start(at((*first)->url()), window);
  REQUIRE(!second);
  CHECK(second.error().code == "http.cannot_listen");
}

TEST_CASE("not ready says who") {
  host::snapshot s;
  s.actors.resize(2);
  s.actors[0].name = "ears";
  s.actors[0].state = host::actor_state::idle;
  s.actors[1].name = "model";
  s.actors[1].state = host::actor_state::restarting;
  CHECK(why_not_ready(run_window::stage::running, s) == "model is restarting");
  s.actors[1].state = host::actor_state::running;
  CHECK(why_not_ready(run_window::stage::running, s).empty());
}

TEST_CASE("health has a listener of its own, that tells nothing else") {
  const run_window window;
  auto o = at("");
  o.health = "tcp://127.0.0.1:0";
  const auto server = http_server::start(o, window);
  REQUIRE(server);
  CHECK((*server)->url().empty());
  CHECK(*http_get((*server)->health_url(), "/healthz", 5000) == "ok\n");
  for (const auto* path : {"/metrics", "/status"})
    CHECK(http_get((*server)->health_url(), path, 5000).error().message.find("404") !=
          std::string::npos);
}
