#include "actors/gateway/door/app.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

const json clock_function = {{"type", "function"},
                             {"name", "clock"},
                             {"description", "The time."},
                             {"parameters", {{"type", "object"}}}};

/// An app with one function, in the middle of a conversation.
struct app_with_functions {
  app_with_functions(harness& harness_to_use, const char* path, const json& first,
                     const char* ready)
      : h(harness_to_use) {
    REQUIRE(h.open());
    a.connect(by, url_of(h) + path);
    REQUIRE(settles(h, [&] { return a.is_open(); }));
    a.send(first);
    REQUIRE(settles(h, [&] { return a.got(ready) && h.sessions().size() == 2; }));
    h.use_session(h.sessions().back());
  }
  void calls(std::uint64_t number) {
    REQUIRE(
        h.push("tool_calls", h.now(), hocket::tool_call{number, 1, "client.clock", "{\"a\":1}"}));
  }
  void ends(std::uint64_t number, outcome how) {
    REQUIRE(h.push("tool_results", h.now(),
                   hocket::tool_result{number, 1, "client.clock", how, "because"}));
  }
  std::size_t answers() { return h.values<hocket::tool_result>("answers").size(); }
  /// What the background was told in this role, one after the other.
  std::string told(const std::string& role) {
    std::string out;
    for (const auto& t : h.values<text>("client"))
      if (t.role == role) out += t.value + ";";
    return out;
  }
  harness& h;
  app a;
  http::websocket_client by;  ///< ends first: its events go to the app
};

json answer_of_call(const char* call, const char* text) {
  return {{"type", "tool.result"}, {"call", call}, {"text", text}};
}

}  // namespace

TEST_CASE("an app's functions and instructions go to the background, its answers back, once") {
  harness h(type_of<door>(), options());
  app_with_functions p(
      h, "/v1/realtime",
      {{"type", "session.update"},
       {"session", {{"tools", json::array({clock_function})}, {"instructions", "be short"}}}},
      "session.updated");
  REQUIRE(settles(h, [&] { return !p.told("tools").empty(); }));
  CHECK(p.told("tools").find("\"clock\"") != std::string::npos);
  CHECK(p.told("instructions") == "be short;");
  p.calls(7);
  REQUIRE(settles(h, [&] { return p.a.got("response.function_call_arguments.done"); }));
  const auto call = p.a.last("response.function_call_arguments.done");
  CHECK(call["name"] == "clock");
  CHECK(call["arguments"] == "{\"a\":1}");
  const auto output = [&](const char* id) {
    p.a.send({{"type", "conversation.item.create"},
              {"item", {{"type", "function_call_output"}, {"call_id", id}, {"output", "15:15"}}}});
    p.a.send({{"type", "response.create"}});
  };
  output("7");
  REQUIRE(settles(h, [&] { return p.answers() == 1; }));
  CHECK(h.values<hocket::tool_result>("answers")[0].content == "15:15");
  CHECK(h.values<hocket::tool_result>("answers")[0].call == 7);
  for (const char* wrong : {"7", "8", "x", "99999999999999999999999"}) output(wrong);
  REQUIRE(settles(h, [&] {
    (void)h.advance(std::chrono::milliseconds(200));
    return h.counter("late_answers") == 4;
  }));
  CHECK(p.answers() == 1);
  p.a.send({{"type", "conversation.item.create"},
            {"item",
             {{"type", "message"},
              {"role", "system"},
              {"content", json::array({json{{"type", "input_text"}, {"text", "he is late"}}})}}}});
  CHECK(settles(h, [&] { return p.told("context") == "he is late;"; }));
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("a call that nobody waits for any more is told, and its answer left out") {
  harness h(type_of<door>(), options());
  app_with_functions p(h, "/v1/hocket",
                       {{"type", "start"}, {"tools", json::array({clock_function})}}, "hello");
  p.calls(1);
  p.calls(2);
  REQUIRE(settles(h, [&] { return p.a.count("tool") == 2; }));
  p.ends(1, outcome::timed_out);
  REQUIRE(settles(h, [&] { return p.a.got("tool.cancelled"); }));
  CHECK(p.a.last("tool.cancelled")["call"] == "1");
  p.a.send(answer_of_call("1", "late"));
  p.a.send(answer_of_call("2", "in time"));
  REQUIRE(settles(h, [&] { return p.answers() == 1 && h.counter("late_answers") == 1; }));
  p.ends(2, outcome::ok);
  REQUIRE(settles(h, [&] { return p.a.count("tool.done") == 2; }));
  CHECK(p.a.count("tool.cancelled") == 1);
}

TEST_CASE("a call that is made while the connection is broken is made once, after it") {
  harness h(type_of<door>(), options());
  app b;
  app_with_functions p(h, "/v1/hocket",
                       {{"type", "start"}, {"tools", json::array({clock_function})}}, "hello");
  const auto key = p.a.last("hello")["resume"];
  p.calls(1);
  REQUIRE(settles(h, [&] { return p.a.count("tool") == 1; }));
  const auto seen = p.a.last("tool")["seq"];
  p.a.socket->abort();
  REQUIRE(settles(h, [&] { return h.counter("lingering") == 1; }));
  p.calls(2);
  p.calls(3);
  p.ends(3, outcome::cancelled);
  b.connect(p.by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return b.is_open(); }));
  b.send({{"type", "start"}, {"resume", {{"key", key}, {"after", seen}}}});
  REQUIRE(settles(h, [&] { return b.count("tool") == 1; }));
  CHECK(b.last("tool")["call"] == "2");
  b.send(answer_of_call("1", "one"));
  b.send(answer_of_call("2", "two"));
  CHECK(settles(h, [&] { return p.answers() == 2; }));
}

TEST_CASE("an app that works on delegations itself: notes to be said and to be known") {
  harness h(type_of<door>(), options());
  app_with_functions p(h, "/v1/live/sessions",
                       {{"type", "session.start"},
                        {"session", {{"model", "m"}, {"delegation", {{"type", "client"}}}}}},
                       "session.started");
  REQUIRE(settles(h, [&] { return p.told("delegations") == "client;"; }));
  delegation d;
  d.request = 4;
  d.task = "the time";
  REQUIRE(h.push("delegations", h.now(), d));
  REQUIRE(settles(h, [&] { return p.a.got("session.delegation.created"); }));
  const auto id = p.a.last("session.delegation.created")["delegation"]["id"];
  p.a.send({{"type", "session.thinking.append"}, {"content", "wait"}, {"delegation_id", id}});
  p.a.send({{"type", "session.commentary.append"}, {"content", "now"}, {"delegation_id", id}});
  REQUIRE(settles(h, [&] { return p.told("commentary") == "now;"; }));
  CHECK(p.told("thinking") == "wait;");
  CHECK(h.values<text>("client").back().request == 4);
  // Its background begins anew, and is told again, once.
  REQUIRE(h.control_packet("heard", {control::kind::input_recovered, "", 0}));
  CHECK(p.told("delegations") == "client;");
  for (const char* port : {"tool_calls", "results"})
    REQUIRE(h.control_packet(port, {control::kind::input_recovered, "", 0}));
  CHECK(p.told("delegations") == "client;client;");
  CHECK(p.told("commentary") == "now;");
}
