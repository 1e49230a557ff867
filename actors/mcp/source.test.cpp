// A source with servers that are shell scripts, over real pipes; and one over HTTP.
#include "actors/mcp/source.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <fmt/ranges.h>

#include "actors/http/server.test.hpp"

using namespace hocket;

namespace {

struct opened {
  explicit opened(mcp::source::config c) : source(std::move(c)) {
    tool_source_context where;
    where.name = "s";
    where.log = [this](std::string_view line) {
      const std::lock_guard lock(mutex);
      lines.emplace_back(line);
    };
    where.count = [this](std::string_view name, std::int64_t n) {
      const std::lock_guard lock(mutex);
      counts[std::string(name)] += n;
    };
    const auto done = source.open(where);
    error = done ? "" : done.error().code + ": " + done.error().message;
  }
  std::string call(const std::string& tool, const std::string& arguments = "{}") {
    const auto said = source.call(tool, arguments, {});
    return said ? *said : said.error().code + ": " + said.error().message;
  }
  std::mutex mutex;
  std::vector<std::string> lines;
  std::map<std::string, std::int64_t> counts;
  mcp::source source;
  std::string error;
};

/// A handshake server in a shell; `on_call` answers a call whose id is in $id.
mcp::source::config script(const std::string& on_call, const std::string& before = "") {
  mcp::source::config c;
  c.command = {"sh", "-c",
               before + R"(
while read -r line; do
  id=$(printf '%s' "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
  case "$line" in
    *server/discover*) echo '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32601,"message":"no"}}';;
    *'"initialize"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}}';;
    *tools/list*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"tools":[{"name":"t","inputSchema":{"type":"object"}}]}}';;
    *tools/call*) )" +
                   on_call + R"(;;
  esac
done)"};
  return c;
}
std::string say(const std::string& text) {
  return R"(echo '{"jsonrpc":"2.0","id":'$id',"result":{"content":[{"type":"text","text":")" +
         text + R"("}]}}')";
}

}  // namespace

TEST_CASE("a child is spoken with over its pipes, and sees nothing of ours but what it is given") {
  setenv("HOCKET_MCP_SECRET", "mother", 1);
  setenv("HOCKET_MCP_GIVEN", "child", 1);
  auto c = script(
      say("'$HOCKET_MCP_SECRET-$HOCKET_MCP_GIVEN-$A-$(pwd)-$(for n in 0 1 2 3 4 5 6; do ( eval ': "
          ">&'$n ) 2>/dev/null && printf $n; done)'"),
      "echo hello on stdout; yes | head -c 300000 >&2;");
  c.environment = {"HOCKET_MCP_GIVEN", "A=b"};
  c.folder = "/";
  opened s(c);
  REQUIRE(s.error == "");
  const auto list = s.source.list();
  REQUIRE(list);
  REQUIRE(list->size() == 1);
  const auto said = s.call("t");
  CHECK_MESSAGE(said == "-child-b-/-012", said);
  CHECK(s.counts["mcp_junk"] == 1);
  CHECK(s.call("t", "[1]").starts_with("mcp.bad_arguments"));
}

TEST_CASE(
    "a child that cannot be started, ends at once, or lacks a variable is told with its words") {
  mcp::source::config none;
  none.command = {"/no/such/program"};
  CHECK(opened(none).error == "mcp.server_ended: /no/such/program: No such file or directory");
  mcp::source::config unknown;
  unknown.command = {"hocket-no-such-program"};
  CHECK(opened(unknown).error ==
        "mcp.server_ended: hocket-no-such-program: not found in the PATH that it gets");
  mcp::source::config ends;
  ends.command = {"sh", "-c", "echo no module named x >&2; exit 3"};
  CHECK(opened(ends).error == "mcp.server_ended: exit status 3; it said: no module named x\n");
  mcp::source::config both;
  both.command = {"x"};
  both.url = "http://x";
  CHECK(opened(both).error.starts_with("mcp.bad_config: either `command` or `url`"));
  auto lacks = script("");
  lacks.environment = {"HOCKET_NOT_SET"};
  CHECK(opened(lacks).error.starts_with("mcp.bad_config: the variable HOCKET_NOT_SET"));
}

TEST_CASE("a child that dies in a call loses that call, and serves the next one") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("hocket-mcp-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const auto mark = folder / "mark";
  auto c = script("if [ ! -e " + mark.string() + " ]; then : > " + mark.string() +
                  "; echo oops >&2; exit 9; fi; " + say("back"));
  c.writes = {folder.string()};
  opened s(c);
  REQUIRE(s.error == "");
  CHECK(s.call("t") == "mcp.server_ended: the server ended: exit status 9; it said: oops\n");
  CHECK(s.call("t") == "back");
  CHECK(s.counts["mcp_restarts"] == 1);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a call that nobody waits for is given up, and closing waits for nobody") {
  opened s(script("trap '' TERM; sleep 1000"));
  REQUIRE(s.error == "");
  std::atomic<bool> cancelled{false};
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    cancelled = true;
  });
  const auto said = s.source.call("t", "{}", {nullptr, &cancelled, {}});
  canceller.join();
  REQUIRE(!said);
  CHECK(said.error().code == "mcp.cancelled");
  s.source.close();  // it ignores the end of its input and SIGTERM
  CHECK(s.call("t").starts_with("mcp.not_there"));
}

TEST_CASE("a server behind a URL, of either era, with a stream or without") {
  for (const bool stateless : {false, true}) {
    auto options = testing::echo_options();
    options.handle = [stateless](const http::request& r, const http::responder& reply) {
      const auto in = mcp::json::parse(r.body, nullptr, false);
      const auto method = mcp::text_of(in, "method");
      if (r.method != "POST") return reply({405, "text/plain", "", {}});
      if (!in.contains("id")) return reply({202, "text/plain", "", {}});
      const auto answer = [&](const mcp::json& body, http::header_list headers = {}) {
        reply({200, "application/json", mcp::line_of(mcp::answer_of(in["id"], body)),
               std::move(headers)});
      };
      if (method == "server/discover") {
        if (stateless) return answer({{"supportedVersions", {"2026-07-28"}}});
        return reply({400,
                      "application/json",
                      R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"x"}})",
                      {}});
      }
      if (method == "initialize")
        return answer({{"protocolVersion", "2025-11-25"},
                       {"capabilities", {{"tools", {{"listChanged", true}}}}}},
                      {{"Mcp-Session-Id", "abc"}});
      if (!stateless && r.header("Mcp-Session-Id") != "abc")
        return reply({400, "text/plain", "no session", {}});
      if (method == "tools/list")
        return answer({{"tools", {{{"name", "t"}, {"inputSchema", {{"type", "object"}}}}}}});
      const auto token = in["params"]["_meta"]["progressToken"];
      reply({200,
             "text/event-stream",
             "id: 1\ndata:\n\ndata: " +
                 mcp::line_of(mcp::notification_of("notifications/progress",
                                                   {{"progressToken", token}, {"progress", 1}})) +
                 "\n\ndata: " +
                 mcp::line_of(mcp::answer_of(
                     in["id"], {{"content", {{{"type", "text"}, {"text", "done"}}}}})) +
                 "\n\n",
             {}});
    };
    const auto server = testing::start(std::move(options));
    mcp::source::config c;
    c.url = server->url() + "/mcp";
    opened s(c);
    REQUIRE(s.error == "");
    std::string progress;
    const auto said =
        s.source.call("t", "{}", {nullptr, nullptr, [&](std::string_view p) { progress += p; }});
    REQUIRE(said);
    CHECK(*said == "done");
    CHECK(progress == "1");
    s.source.close();
  }
}

TEST_CASE("a URL where nobody is, and one that wants a key") {
  mcp::source::config c;
  c.url = "http://127.0.0.1:1/mcp";
  CHECK(opened(c).error.starts_with("mcp.unreachable: http://127.0.0.1:1/mcp"));
  auto options = testing::echo_options();
  options.handle = [](const http::request& r, const http::responder& reply) {
    reply({r.header("Authorization") == "Bearer k3y" ? 418 : 401,
           "text/plain",
           "who? " + std::string(r.header("Authorization").value_or("")),
           {}});
  };
  const auto server = testing::start(std::move(options));
  c.url = server->url();
  CHECK(opened(c).error.find("HTTP status 401 (it asks who is there: `key_env`") !=
        std::string::npos);
  c.key_env = "HOCKET_MCP_KEY";
  CHECK(opened(c).error.starts_with("mcp.bad_config: the variable HOCKET_MCP_KEY"));
  setenv("HOCKET_MCP_KEY", "k3y", 1);
  const auto teapot = opened(c).error;
  CHECK(teapot.find("HTTP status 418") != std::string::npos);
  CHECK(teapot.find("who? Bearer [key]") != std::string::npos);
  CHECK(teapot.find("k3y") == std::string::npos);
}

TEST_CASE("a child reaches what the graph names, and nothing else; without a sandbox, all") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("hocket-mcp-confined-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder / "given");
  { std::ofstream(folder / "given" / "note") << "given"; }
  { std::ofstream(folder / "secret") << "secret"; }
  const auto at = folder.string();
  const auto tried = say("'$(cat " + at + "/given/note)-$(cat " + at +
                         "/secret 2>/dev/null || echo no)-$(echo x 2>/dev/null > " + at +
                         "/made && echo made || echo no)-$(/usr/bin/python3 -c 'import socket; "
                         "socket.socket()' 2>/dev/null && echo net || echo no)'");
  for (const bool confine : {true, false}) {
    auto c = script(tried);
    c.confine = confine;
    c.reads = {at + "/given"};
    opened s(c);
    REQUIRE(s.error == "");
    CHECK(s.call("t") == (confine ? "given-no-no-no" : "given-secret-made-net"));
    const auto said = fmt::format("{}", fmt::join(s.lines, "|"));
    CHECK((said.find("confine: false") != said.npos) == !confine);
  }
  std::filesystem::remove_all(folder);
  auto bad = script("");
  bad.network = {"https://example.org"};
  CHECK(opened(bad).error.starts_with("mcp.bad_config: `network`: `https://example.org`"));
  auto none = script("");
  none.reads = {"/nowhere/at/all"};
  CHECK(opened(none).error.find("/nowhere/at/all: No such file") != std::string::npos);
  mcp::source::config kept;
  kept.command = {"sh", "-c", "cat /etc/shadow"};
  CHECK(opened(kept).error.find("`reads`, `writes`, `runs` and `network`") != std::string::npos);
}
