// Recorded conversations with servers of both eras, and servers that do not behave.
#include "actors/mcp/conversation.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::mcp;

namespace {

/// Drives one conversation by hand; what it wants done is kept as short lines.
struct bench {
  explicit bench(conversation_settings s = {}) : talk(std::move(s)) {
    talk.start(now);
    collect();
  }
  void collect() {
    for (auto& a : talk.take()) {
      if (auto* s = std::get_if<send_action>(&a)) {
        sent.push_back(s->what);
        log += s->what.method.empty() ? "reply " : s->what.method + " ";
      } else if (std::holds_alternative<restart_action>(a)) {
        log += "RESTART ";
      } else if (std::holds_alternative<ready_action>(a)) {
        log += "READY ";
      } else if (std::holds_alternative<changed_action>(a)) {
        log += "CHANGED ";
      } else if (auto* x = std::get_if<abandon_action>(&a)) {
        log += "abandon(" + std::to_string(x->exchange) + ") ";
      } else if (auto* r = std::get_if<answered_action>(&a)) {
        log += (r->what ? "=" + *r->what
                        : "!" + r->what.error().code + ":" + r->what.error().message) +
               " ";
      } else if (auto* p = std::get_if<partial_action>(&a)) {
        log += "~" + p->text + " ";
      } else if (auto* b = std::get_if<broken_action>(&a)) {
        log += "BROKEN " + b->why.code + ":" + b->why.message + " ";
      } else if (auto* c = std::get_if<count_action>(&a)) {
        ++counts[c->counter];
      }
    }
  }
  void hear(const std::string& text, std::int64_t exchange = 0) {
    talk.receive(text, now, exchange);
    collect();
  }
  void answer(json body) { hear(line_of(answer_of(sent.back().body["id"], std::move(body)))); }
  void refuse(int code, json data = nullptr) {
    auto e = error_of(sent.back().body["id"], code, "no");
    if (!data.is_null()) e["error"]["data"] = std::move(data);
    hear(line_of(e));
  }
  void pass(std::int64_t ms) {
    now += ms;
    talk.tick(now);
    collect();
  }
  void call(std::uint64_t ticket, const std::string& tool, json arguments = json::object()) {
    talk.call(ticket, tool, arguments, now);
    collect();
  }
  std::string take() { return std::exchange(log, {}); }

  std::int64_t now = 1000;
  conversation talk;
  std::vector<outgoing> sent;
  std::string log;
  std::map<std::string, int> counts;
};

json a_tool(const std::string& name, json properties = json::object()) {
  return {{"name", name},
          {"description", "does " + name},
          {"inputSchema", {{"type", "object"}, {"properties", std::move(properties)}}}};
}
json tools(std::vector<std::string> names, const std::string& next = "") {
  json all = json::array();
  for (const auto& n : names) all.push_back(a_tool(n));
  json out = {{"tools", all}};
  if (!next.empty()) out["nextCursor"] = next;
  return out;
}
json discovered(json capabilities = {{"tools", json::object()}}) {
  return {{"supportedVersions", {"2026-07-28"}},
          {"capabilities", std::move(capabilities)},
          {"resultType", "complete"}};
}
json initialized(const std::string& version = "2025-11-25") {
  return {{"protocolVersion", version},
          {"capabilities", {{"tools", {{"listChanged", true}}}}},
          {"serverInfo", {{"name", "s"}, {"version", "1"}}}};
}
json words(const std::string& text) { return {{"content", {{{"type", "text"}, {"text", text}}}}}; }

/// One that has shaken hands and listed tool `echo`.
bench shaken() {
  bench b;
  b.refuse(-32601);
  b.answer(initialized());
  b.answer(tools({"echo"}));
  b.take();
  return b;
}
bench newest(bool http = false) {
  bench b({.http = http});
  b.answer(discovered());
  b.answer(tools({"echo"}));
  b.take();
  return b;
}

}  // namespace

TEST_CASE("a server of the newest era is found by one question, and told all in each") {
  bench b;
  b.answer(discovered());
  CHECK(b.take() == "server/discover tools/list ");
  const auto meta = b.sent.back().body["params"]["_meta"];
  CHECK(meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28");
  CHECK(meta["io.modelcontextprotocol/clientInfo"]["name"] == "hocket");
  b.answer(tools({"get_time", "convert"}));
  CHECK(b.take() == "READY ");
  b.call(7, "get_time", {{"timezone", "Europe/Berlin"}});
  CHECK(b.sent.back().body["params"]["arguments"]["timezone"] == "Europe/Berlin");
  b.answer({{"content", {{{"type", "text"}, {"text", "16:08"}}}},
            {"isError", false},
            {"resultType", "complete"},
            {"structuredContent", {{"is_dst", false}}}});
  b.call(8, "get_time");
  b.answer({{"content", {{{"type", "text"}, {"text", "timezone is missing"}}}}, {"isError", true}});
  b.call(9, "nope");
  CHECK(b.take() ==
        "tools/call =16:08 tools/call !mcp.tool_failed:timezone is missing "
        "!mcp.no_such_tool:the server has no tool `nope` ");
}

TEST_CASE("an older server is shaken hands with, whatever it says to the question") {
  const auto handshake = [](bench& b) {
    REQUIRE(b.take() == "server/discover initialize ");
    b.answer(initialized());
    CHECK(b.take() == "notifications/initialized tools/list ");
    CHECK(!b.sent.back().body["params"].contains("_meta"));
  };
  for (const int code : {-32601, -32602, -32000, -32700}) {
    bench b;
    b.refuse(code);
    handshake(b);
  }
  bench junk({.http = true});
  junk.hear("<html>", 1);
  handshake(junk);
  bench null_id({.http = true});
  null_id.hear(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request"}})", 1);
  handshake(null_id);
  bench status({.http = true});
  status.talk.exchange_ended(1, 400, "HTTP status 400", status.now);
  status.collect();
  handshake(status);
  bench no_version;
  no_version.answer({{"tools", json::array()}});
  handshake(no_version);
  bench silent({.probe_ms = 10'000});
  silent.pass(9'999);
  CHECK(silent.log == "server/discover ");
  silent.pass(1);
  handshake(silent);
}

TEST_CASE("a slow server of the newest era is recognised when it speaks at last") {
  bench b;
  b.pass(10'000);
  CHECK(b.take() == "server/discover initialize ");
  b.hear(line_of(answer_of(1, discovered())));
  CHECK(b.take() == "tools/list ");
  CHECK(b.talk.speaks() == era::stateless);
  bench other;
  other.pass(10'000);
  other.refuse(-32022);
  CHECK(other.take() == "server/discover initialize server/discover ");
}

TEST_CASE("versions that nobody shares end it, with both lists; a shared older one does not") {
  bench b;
  b.refuse(-32022, {{"supported", {"2031-01-01"}}});
  CHECK(b.log.find("BROKEN mcp.no_common_version:the server speaks 2031-01-01; spoken here are "
                   "2026-07-28, 2025-11-25") != b.log.npos);
  b.call(1, "echo");
  CHECK(b.log.ends_with("!mcp.not_there:the server is not there "));
  bench unsure;
  unsure.refuse(-32022, {{"supported", {"2026-07-28"}}});
  unsure.answer(discovered());
  CHECK(unsure.take() == "server/discover server/discover tools/list ");
  bench older;
  older.refuse(-32022, {{"supported", {"2025-06-18"}}});
  older.answer(initialized("2025-06-18"));
  CHECK(older.talk.version() == "2025-06-18");
  bench odd;
  odd.refuse(-32601);
  odd.answer(initialized("1.0"));
  CHECK(odd.log.find("mcp.no_common_version") != odd.log.npos);
}

TEST_CASE(
    "a server that dies of the question is started again and greeted; one that keeps dying is "
    "not") {
  bench b;
  b.talk.closed("exit status 1", b.now);
  b.pass(0);
  CHECK(b.take() == "server/discover RESTART initialize ");
  b.talk.closed("exit status 1", b.now);
  b.pass(1000);
  b.talk.closed("exit status 1; it said: no module", b.now);
  b.collect();
  CHECK(b.take() ==
        "RESTART initialize BROKEN mcp.server_ended:exit status 1; it said: no module ");
}

TEST_CASE("the network says nothing of the era") {
  bench b({.http = true});
  b.talk.exchange_ended(1, 0, "connection refused", b.now);
  b.collect();
  CHECK(b.take() == "server/discover BROKEN mcp.unreachable:connection refused ");
}

TEST_CASE("a list comes in pages, and one without an end is cut") {
  bench b;
  b.refuse(-32601);
  b.answer(initialized());
  b.answer(tools({"a"}, "p2"));
  CHECK(b.sent.back().body["params"]["cursor"] == "p2");
  b.answer(tools({"b"}, "p3"));
  b.answer(tools({"c"}, "p2"));
  CHECK(b.log.ends_with("READY "));
  CHECK(b.talk.tools().size() == 3);
}

TEST_CASE("changes of the list are asked for once, and told where they are some") {
  auto b = shaken();
  const std::string changed = R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})";
  for (int i = 0; i < 5; ++i) b.hear(changed);
  b.pass(99);
  CHECK(b.take() == "");
  b.pass(1);
  CHECK(b.take() == "tools/list ");
  b.answer(tools({"echo"}));
  CHECK(b.take() == "");
  b.hear(changed);
  b.pass(100);
  b.answer(tools({"echo", "more"}));
  CHECK(b.take() == "tools/list CHANGED ");
}

TEST_CASE("what a server asks meanwhile is answered: ids of both sides may be the same") {
  auto b = shaken();
  b.call(3, "echo");
  const auto id = b.sent.back().body["id"].get<int>();
  b.take();
  b.hear(R"({"id":0,"jsonrpc":"2.0","method":"ping"})");
  CHECK(b.sent.back().body == json{{"jsonrpc", "2.0"}, {"id", 0}, {"result", json::object()}});
  b.hear(line_of(request_of(id, "roots/list", json::object())));
  CHECK(b.sent.back().body["error"]["code"] == -32601);
  b.hear(
      R"({"jsonrpc":"2.0","id":"e","method":"elicitation/create","params":{"message":"name?"}})");
  CHECK(b.sent.back().body["result"]["action"] == "decline");
  b.hear(R"({"jsonrpc":"2.0","id":"s","method":"sampling/createMessage","params":{}})");
  CHECK(b.sent.back().body["error"]["code"] == -32601);
  CHECK(b.take() == "reply reply reply reply ");
  b.hear(line_of(answer_of(id, words("done"))));
  CHECK(b.take() == "=done ");
}

TEST_CASE("forms get their defaults where the graph says so, and only whole") {
  bench b({.fills_in_defaults = true});
  b.refuse(-32601);
  const auto ask = [&](json properties, json required) {
    b.hear(line_of(request_of(
        5, "elicitation/create",
        {{"requestedSchema",
          {{"properties", std::move(properties)}, {"required", std::move(required)}}}})));
    return b.sent.back().body["result"];
  };
  const json with = {{"n", {{"type", "integer"}, {"default", 3}}}, {"s", {{"type", "string"}}}};
  CHECK(ask(with, {"n"}) == json{{"action", "accept"}, {"content", {{"n", 3}}}});
  CHECK(ask(with, {"n", "s"}) == json{{"action", "decline"}});
}

TEST_CASE("progress, cancellation, and answers that come too late") {
  auto b = shaken();
  b.call(3, "echo");
  CHECK(b.sent.back().body["params"]["_meta"]["progressToken"] == 3);
  const auto id = b.sent.back().body["id"];
  b.hear(
      R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":3,"progress":1,"total":4,"message":"reading"}})");
  b.hear(
      R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":99,"progress":1}})");
  CHECK(b.take() == "tools/call ~1 of 4: reading ");
  b.talk.cancel(3, b.now);
  b.collect();
  CHECK(b.take() == "notifications/cancelled abandon(" + line_of(id) +
                        ") !mcp.cancelled:nobody waits for it any more ");
  CHECK(b.sent.back().body["params"]["requestId"] == id);
  b.hear(line_of(answer_of(id, words("late"))));
  CHECK(b.take() == "");
  CHECK(b.counts["late_answers"] == 1);
  auto http = newest(true);  // over HTTP the newest era has no such message: the stream is closed
  http.call(4, "echo");
  http.talk.cancel(4, http.now);
  http.collect();
  CHECK(http.take().starts_with("tools/call abandon("));
}

TEST_CASE("a server that ends loses its calls, comes back, and is given longer pauses") {
  auto b = shaken();
  b.call(1, "echo");
  b.call(2, "echo");
  b.take();
  b.talk.closed("signal 11", b.now);
  b.collect();
  CHECK(b.take() ==
        "!mcp.server_ended:the server ended: signal 11 !mcp.server_ended:the server ended: signal "
        "11 ");
  b.call(3, "echo");  // waits for it
  CHECK(b.take() == "");
  b.pass(250);
  CHECK(b.take() == "RESTART initialize ");
  b.answer(initialized());
  b.answer(tools({"echo"}));
  CHECK(b.take() == "notifications/initialized tools/list READY tools/call ");
  b.answer(words("here"));
  CHECK(b.take() == "=here ");
  b.talk.closed("again", b.now);
  b.pass(499);
  CHECK(b.take() == "");
  b.pass(1);
  CHECK(b.take() == "RESTART initialize ");
}

TEST_CASE("a session that a server forgot is begun anew, and its call asked once more") {
  bench b({.http = true});
  b.refuse(-32601);
  b.answer(initialized());
  b.answer(tools({"echo"}));
  b.take();
  b.call(1, "echo");
  const auto lose = [&] {
    b.talk.exchange_ended(b.sent.back().exchange, 404, "HTTP status 404", b.now);
    b.collect();
  };
  lose();
  CHECK(b.take() == "tools/call RESTART initialize ");
  b.answer(initialized());
  b.answer(tools({"echo"}));
  CHECK(b.take() == "notifications/initialized tools/list READY tools/call ");
  lose();
  CHECK(b.take() == "!mcp.no_answer:HTTP status 404 ");
}

TEST_CASE("input that a server requires goes back with its state unchanged") {
  auto b = newest();
  b.call(1, "echo", {{"x", 1}});
  b.answer(
      {{"resultType", "input_required"},
       {"requestState", "opaque=="},
       {"inputRequests", {{"q", {{"method", "elicitation/create"}, {"params", json::object()}}}}}});
  const auto& params = b.sent.back().body["params"];
  CHECK(params["requestState"] == "opaque==");
  CHECK(params["inputResponses"]["q"]["action"] == "decline");
  CHECK(params["arguments"]["x"] == 1);
  for (int i = 0; i < 9; ++i) b.answer({{"resultType", "input_required"}, {"requestState", "x"}});
  CHECK(b.log.ends_with("!mcp.refused:the server asks for more and more "));
}

TEST_CASE("tasks are followed to their end, in both eras") {
  auto b = newest();
  b.call(1, "echo");
  b.answer({{"resultType", "task"},
            {"taskId", "t1"},
            {"status", "working"},
            {"pollIntervalMs", 500},
            {"statusMessage", "at it"}});
  b.pass(499);
  CHECK(b.take() == "tools/call ~at it ");
  b.pass(1);
  CHECK(b.take() == "tasks/get ");
  b.answer({{"taskId", "t1"}, {"status", "completed"}, {"result", words("forty two")}});
  CHECK(b.take() == "=forty two ");
  b.call(2, "echo");
  b.answer({{"resultType", "task"}, {"taskId", "t2"}, {"status", "working"}});
  b.talk.cancel(2, b.now);
  b.collect();
  CHECK(b.take().starts_with("tools/call tasks/cancel !mcp.cancelled"));
  auto old = shaken();
  old.call(1, "echo");
  old.answer({{"task", {{"taskId", "t"}, {"status", "working"}, {"pollInterval", 100}}}});
  old.pass(100);
  old.answer({{"taskId", "t"}, {"status", "completed"}});
  CHECK(old.take() == "tools/call tasks/get tasks/result ");
  old.answer(words("old"));
  CHECK(old.take() == "=old ");
  old.call(2, "echo");
  old.answer({{"task", {{"taskId", "u"}, {"status", "failed"}, {"statusMessage", "no disk"}}}});
  CHECK(old.take() == "tools/call !mcp.tool_failed:no disk ");
}

TEST_CASE("lines that are no messages are skipped") {
  auto b = shaken();
  for (const char* line :
       {"Server running on stdio", "{", "[]", "42", "null", R"({"jsonrpc":"2.0"})",
        R"({"id":1,"id":2,"result":{}})", R"({"method":5,"id":1})"})
    b.hear(line);
  b.call(1, "echo");
  b.answer(words("fine"));
  CHECK(b.take() == "tools/call =fine ");
}

TEST_CASE("over HTTP a call's arguments become headers where the tool asks for it") {
  bench b({.http = true});
  b.answer(discovered());
  json list = {
      {"tools",
       {a_tool("good", {{"region", {{"type", "string"}, {"x-mcp-header", "Region"}}},
                        {"n", {{"type", "integer"}, {"x-mcp-header", "N"}}},
                        {"v", {{"type", "boolean"}, {"x-mcp-header", "V"}}}}),
        a_tool("number", {{"x", {{"type", "number"}, {"x-mcp-header", "X"}}}}),
        a_tool("empty", {{"x", {{"type", "string"}, {"x-mcp-header", ""}}}}),
        a_tool("space", {{"x", {{"type", "string"}, {"x-mcp-header", "a b"}}}}),
        a_tool("deep", {{"o",
                         {{"type", "object"},
                          {"properties", {{"x", {{"type", "string"}, {"x-mcp-header", "D"}}}}}}}}),
        a_tool("twice", {{"x", {{"type", "string"}, {"x-mcp-header", "A"}}},
                         {"y", {{"type", "string"}, {"x-mcp-header", "a"}}}})}}};
  b.answer(list);
  REQUIRE(b.talk.tools().size() == 1);
  b.call(1, "good", {{"region", " \xC3\xA4"}, {"n", 5}, {"v", nullptr}});
  const auto& headers = b.sent.back().headers;
  CHECK(http::find_header(headers, "Mcp-Param-Region") == "=?base64?IMOk?=");
  CHECK(http::find_header(headers, "Mcp-Param-N") == "5");
  CHECK(!http::find_header(headers, "Mcp-Param-V"));
  CHECK(http::find_header(headers, "Mcp-Method") == "tools/call");
  CHECK(http::find_header(headers, "Mcp-Name") == "good");
  CHECK(http::find_header(headers, "MCP-Protocol-Version") == "2026-07-28");
}

TEST_CASE("results of every kind become bounded text") {
  const json content = {{{"type", "text"}, {"text", "one"}},
                        {{"type", "image"}, {"data", "AAAAAAAA"}, {"mimeType", "image/png"}},
                        {{"type", "resource_link"}, {"uri", "file:///a"}, {"name", "a"}},
                        {{"type", "resource"}, {"resource", {{"uri", "u"}, {"text", "inside"}}}},
                        {{"type", "resource"}, {"resource", {{"uri", "u"}, {"blob", "AAAA"}}}},
                        {{"type", "smell"}, {"of", "roses"}}};
  CHECK(text_of_result({{"content", content}}, 10'000) ==
        "one\n[image: image/png, 6 bytes]\n[link: a file:///a]\ninside\n[file: u, unknown type, 3 "
        "bytes]\n{\"of\":\"roses\",\"type\":\"smell\"}");
  CHECK(text_of_result({{"structuredContent", {{"a", 1}}}, {"content", json::array()}}, 100) ==
        "{\"a\":1}");
  CHECK(text_of_result(words(std::string(100, 'x')), 10).starts_with("xxxxxxxxxx [cut"));
  CHECK(text_of_result(nullptr, 10).empty());
}
