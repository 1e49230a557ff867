#include <doctest/doctest.h>

#include <fmt/format.h>

#include "tools/hocket/watch/top_view.hpp"

using namespace hocket;
using namespace hocket::cli;

TEST_CASE("top shows actors, links and rates between two looks") {
  const std::string before = R"({"graph":"talk","now_s":1,"sessions":1,"law_holds":true,
    "actors":[{"name":"mic","component":"capture.gst","state":"running","packets_out":50}],
    "links":[{"from":"mic.audio","to":"ears.audio","sent":50}]})";
  const std::string now = R"({"graph":"talk","now_s":3,"sessions":1,"law_holds":true,
    "actors":[{"name":"mic","component":"capture.gst","state":"hung","packets_out":150,"last_error":"no device"}],
    "links":[{"from":"mic.audio","to":"ears.audio","sent":150,"dropped":{"too_old":2}}],
    "budgets":[{"path":"mic > ears","limit_ms":400,"p50_ms":210.04,"checked":9,"missed":1,"blamed":{"ears":1}}]})";
  const auto text = top_text({{"out", before, now}}, terminal{});
  for (const char* part : {"talk  3.0 s, sessions: 1", "holds", "50.0", "hung", "no device",
                           "too_old 2", "210.0", "ears 1"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part, " is missing in\n", text);
  CHECK(text.find("host") == std::string::npos);
  CHECK(top_text({{"out", "", "nonsense"}}, terminal{}).starts_with("not a status"));
}

TEST_CASE("top shows several hosts in one table, and who does not answer") {
  const auto status = [](const char* host, const char* actor, double now_s, double busy_s) {
    return fmt::format(R"({{"graph":"talk","host":"{}","now_s":{},"sessions":1,"law_holds":true,
      "actors":[{{"name":"{}","component":"c","state":"idle","busy_s":{}}}],"links":[],
      "peers":[{{"name":"far","state":"lost","rtt_us":80,"reason":"silent","connects":2}}],
      "wires":[{{"link":"mic.audio","peer":"far","outgoing":true,"sent":9,"gaps":1,
                 "dropped":{{"disconnect":3}}}}]}})",
                       host, now_s, actor, busy_s);
  };
  const auto text =
      top_text({{"b.sock", status("gpu", "model", 2, 1), status("gpu", "model", 4, 2.5)},
                {"http://10.0.0.5:9464", "", "", {"observe.no_answer", "no route"}},
                {"a.sock", "", status("edge", "mic", 4, 0)}},
               terminal{});
  for (const char* part : {"edge: talk", "gpu: talk", "http://10.0.0.5:9464: no route", "75 %",
                           "host  actor", "mic.audio to far", "disconnect 3", "silent"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part, " is missing in\n", text);
  CHECK(text.find("edge  mic") < text.find("gpu   model"));
}

TEST_CASE("top keeps a host that no longer answers, and tells one that only its peers know") {
  const std::string edge = R"({"graph":"talk","host":"edge","now_s":9,"sessions":1,"law_holds":true,
    "actors":[{"name":"mic","component":"c","state":"running"}],
    "peers":[{"name":"gpu","state":"lost","state_ms":3100,"reason":"silent"},
             {"name":"mind","state":"lost","state_ms":12500,"reason":"nobody listens"},
             {"name":"tv","state":"up","state_ms":9000}]})";
  const std::string gpu = R"({"graph":"talk","host":"gpu","now_s":6,"sessions":1,"law_holds":true,
    "actors":[{"name":"model","component":"c","state":"running","restarts":2}],
    "links":[{"from":"model.audio","to":"speaker.audio","sent":50}]})";
  const auto look = [&](const char* code) {
    return top_text({{"a", edge, edge}, {"b", gpu, "", {code, "b/hocket.sock: why"}, 3.2}},
                    terminal{});
  };
  auto text = look("status.dead");
  for (const char* part : {"gpu: talk  dead, last heard 3.2 s ago (b/hocket.sock: why)",
                           "gpu   model  c          dead", "mic    c          running",
                           "mind: lost for 12.5 s, says edge: nobody listens", "3.1"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part, " is missing in\n", text);
  // Its links say nothing any more; who is up, or stands there as dead, needs no peer's word.
  for (const char* part : {"speaker.audio", "tv: ", "gpu: lost"})
    CHECK_MESSAGE(text.find(part) == std::string::npos, part, " stands in\n", text);
  CHECK(look("status.no_run").find("gpu: talk  ended, last heard") != std::string::npos);
  CHECK(look("status.no_answer").find("gpu: talk  silent, last heard") != std::string::npos);
}
