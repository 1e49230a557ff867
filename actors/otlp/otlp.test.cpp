// Ways of packets at a small collector.
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/host/run/run_plan.test.hpp"
#include "actors/http/server.test.hpp"
#include "actors/otlp/exporter.hpp"

using namespace hocket;
using namespace hocket::otlp;
using namespace hocket::testing;
using json = nlohmann::json;

namespace {

/// An OpenTelemetry collector that keeps what it is given.
struct collector {
  std::mutex mutex;
  std::vector<json> spans;
  std::vector<http::request> asked;
  std::vector<http::responder> held;
  std::atomic<int> status{200};
  std::atomic<bool> answers{true};
  std::string said = "{}";
  std::unique_ptr<http::server> server;

  collector() {
    auto o = hocket::testing::echo_options();
    o.limits.body_bytes = 4u << 20;
    o.handle = [this](const http::request& r, const http::responder& reply) {
      const std::lock_guard lock(mutex);
      asked.push_back(r);
      if (!answers) return held.push_back(reply);
      if (status == 200) {
        const auto j = json::parse(r.body);
        for (const auto& of : j["resourceSpans"])
          for (const auto& scope : of["scopeSpans"])
            for (const auto& s : scope["spans"]) spans.push_back(s);
      }
      reply({status, "application/json", said, {}});
    };
    server = hocket::testing::start(std::move(o));
  }
  ~collector() {
    const std::lock_guard lock(mutex);
    held.clear();
  }
  std::vector<json> all() {
    const std::lock_guard lock(mutex);
    return spans;
  }
};

std::unique_ptr<exporter> exporter_to(const std::string& url, const plan& graph,
                                      export_options o = {}) {
  o.url = url;
  o.who.graph = "test";
  o.end_ms = 120'000;  // only what hangs takes so long
  const trust::capability may(trust::default_policy(trust::level::own), "out", true);
  auto made = exporter::start(std::move(o), may, graph);
  REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  return std::move(*made);
}

std::string attribute(const json& span, const std::string& key) {
  for (const auto& a : span["attributes"])
    if (a["key"] == key) return a["value"].begin()->get<std::string>();
  return "";
}

/// src > mid > end, and src > end: `packets` of them.
plan_maker chain(int packets) {
  plan_maker g;
  g.add("src", 0, 1, counter_source(packets));
  g.source("src", 5);
  g.add("mid", 1, 1, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [](std::size_t, const packet& p, emitter& out) -> result<void> {
      out.emit(0, make_packet(p.header.ts, *p.get_if<text>()));
      return {};
    };
    return c;
  });
  g.add("end", 2, 0, [] { return std::make_unique<lambda_component>(); });
  g.link("src", 0, "mid", 0);
  g.link("mid", 0, "end", 0);
  g.link("src", 0, "end", 1);
  return g;
}

}  // namespace

TEST_CASE("each packet's way is one trace, from the source to the last call") {
  collector c;
  constexpr int packets = 40;
  const auto g = chain(packets);
  const auto graph = g.make();
  const auto to = exporter_to(c.server->url(), graph);
  host::runtime_options o;
  o.observers = {to.get()};
  host::run_plan(g, true, o);
  const auto sent = to->finish();
  CHECK(sent.lost == 0);
  CHECK(sent.delivered == packets * 4);  // src, mid, and end twice
  CHECK(to->trouble() == "");
  const auto spans = c.all();
  REQUIRE(spans.size() == packets * 4);
  std::map<std::string, std::vector<json>> traces;
  std::set<std::string> ids;
  for (const auto& s : spans) {
    traces[s["traceId"]].push_back(s);
    CHECK(s["traceId"].get<std::string>().size() == 32);
    CHECK(s["spanId"].get<std::string>().size() == 16);
    CHECK(ids.insert(s["spanId"]).second);
    CHECK(std::stoll(s["startTimeUnixNano"].get<std::string>()) <=
          std::stoll(s["endTimeUnixNano"].get<std::string>()));
  }
  CHECK(traces.size() == packets);
  for (const auto& [id, way] : traces) {
    std::map<std::string, json> by_id;
    std::multiset<std::string> names;
    for (const auto& s : way) {
      by_id[s["spanId"]] = s;
      names.insert(s["name"]);
    }
    CHECK(names == std::multiset<std::string>{"end.in0", "end.in1", "mid.in0", "src.out0"});
    for (const auto& s : way) {
      if (s["name"] == "src.out0") {
        CHECK(!s.contains("parentSpanId"));
        continue;
      }
      const auto parent = by_id.find(s["parentSpanId"].get<std::string>());
      REQUIRE(parent != by_id.end());
      CHECK(parent->second["name"] == (s["name"] == "end.in0" ? "mid.in0" : "src.out0"));
      CHECK(attribute(s, "hocket.session") == "1");
      CHECK(attribute(s, "hocket.component") ==
            "test." + s["name"].get<std::string>().substr(0, 3));
    }
  }
  const std::lock_guard lock(c.mutex);
  CHECK(c.asked[0].path == "/v1/traces");
  CHECK(c.asked[0].method == "POST");
  CHECK(c.asked[0].header("Content-Type").value_or("") == "application/json");
  CHECK(c.asked[0].body.find(R"({"key":"service.name","value":{"stringValue":"test"}})") !=
        std::string::npos);
}

TEST_CASE("of every n-th micro-turn alone, with the whole ways") {
  collector c;
  const auto g = chain(200);  // 5 ms each: five micro-turns
  const auto graph = g.make();
  const auto to = exporter_to(c.server->url(), graph, {.every = 3});
  host::runtime_options o;
  o.observers = {to.get()};
  host::run_plan(g, true, o);
  const auto sent = to->finish();
  CHECK(sent.lost == 0);
  CHECK(sent.delivered > 0);
  CHECK(sent.delivered < 800);
  for (const auto& s : c.all()) CHECK(std::stoll(attribute(s, "hocket.micro_turn")) % 3 == 0);
}

TEST_CASE(
    "a collector that is gone, slow or unwilling delays no run, and what is lost is counted") {
  const auto g = chain(2000);
  const auto graph = g.make();
  collector c;
  std::string url = c.server->url(), says;
  std::uint64_t delivered = 0;
  SUBCASE("gone") {
    url = "http://127.0.0.1:1";
    says = "http://127.0.0.1:1/v1/traces does not answer (http.no_connection)";
  }
  SUBCASE("slow") {
    c.answers = false;
    says = "";  // nothing is known of it
  }
  SUBCASE("unwilling") {
    c.status = 400;
    says = c.server->url() + "/v1/traces answers with status 400";
  }
  export_options how;
  how.waiting_max = 500;
  const auto to = [&] {
    how.url = url;
    how.who.graph = "test";
    how.end_ms = 0;
    const trust::capability may(trust::default_policy(trust::level::own), "out", true);
    return exporter::start(how, may, graph).value();
  }();
  host::runtime_options o;
  o.observers = {to.get()};
  const auto done = host::run_plan(g, true, o);
  CHECK(done.why == host::end_reason::finished);
  // With time to try it: where nobody is there, that is known.
  if (!says.empty()) CHECK(eventually([&] { return to->trouble() == says; }, 120));
  const auto sent = to->finish();
  CHECK(sent.delivered == delivered);
  CHECK(sent.delivered + sent.lost == 2000 * 4);
}

TEST_CASE("what a collector refuses of a request is counted as lost") {
  collector c;
  c.said = R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}})";
  const auto g = chain(10);
  const auto graph = g.make();
  const auto to = exporter_to(c.server->url(), graph);
  host::runtime_options o;
  o.observers = {to.get()};
  host::run_plan(g, true, o);
  const auto sent = to->finish();
  CHECK(sent.delivered + sent.lost == 40);
  CHECK(sent.lost % 3 == 0);
  CHECK(sent.lost > 0);
  CHECK(to->trouble().ends_with("refuses some spans"));
}

TEST_CASE("headers come from the environment; addresses in plain text are of this machine") {
  const auto g = chain(1);
  const auto graph = g.make();
  const auto why = [&](const std::string& url, const std::string& headers, bool plain) {
    export_options o;
    o.url = url;
    o.headers = headers;
    o.plain = plain;
    o.end_ms = 0;
    const trust::capability may(trust::default_policy(trust::level::own), "out", true);
    const auto made = exporter::start(std::move(o), may, graph);
    return made ? std::string() : made.error().code;
  };
  CHECK(why("https://collector.example", "", false) == "");
  CHECK(why("http://127.0.0.1:4318", "", false) == "");
  CHECK(why("http://collector:4318", "", true) == "");
  CHECK(why("http://collector:4318", "", false) == "otlp.bad_address");
  CHECK(why("http://collector:4318/?key=x", "", true) == "otlp.bad_address");
  CHECK(why("grpc://127.0.0.1:4317", "", false) == "otlp.bad_address");
  CHECK(why("127.0.0.1:4318", "", false) == "otlp.bad_address");
  CHECK(why("https://c.example", "authorization=Bearer x, tenant=a", false) == "");
  CHECK(why("https://c.example", "authorization", false) == "otlp.bad_headers");
  CHECK(why("https://c.example", "a=b\r\nc: d", false) == "otlp.bad_headers");
  CHECK(why("https://c.example", "a=b%0d%0Ac: d", false) == "otlp.bad_headers");
  CHECK(why("https://c.example", "a=100%", false) == "otlp.bad_headers");
  collector c;
  const auto to = exporter_to(c.server->url() + "/base/", graph,
                              {.headers = "authorization=Basic%20eDp5, tenant=a b+c"});
  host::runtime_options o;
  o.observers = {to.get()};
  host::run_plan(g, true, o);
  CHECK(to->finish().lost == 0);
  const std::lock_guard lock(c.mutex);
  REQUIRE(!c.asked.empty());
  CHECK(c.asked[0].path == "/base/v1/traces");
  CHECK(c.asked[0].header("authorization").value_or("") == "Basic eDp5");
  CHECK(c.asked[0].header("tenant").value_or("") == "a b+c");
}
