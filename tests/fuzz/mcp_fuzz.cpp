#include "actors/http/event_stream.hpp"
#include "actors/mcp/conversation.hpp"
#include "tests/fuzz/targets.hpp"

// Input: lines. The first byte of the first says whether it is HTTP and which era is remembered. A
// line is a message of the server; `!` ends the server, `#` lets ten seconds pass, `$` asks tool `t`,
// `%` cancels, `@404` ends the newest exchange with a status.
namespace hocket::fuzz {
namespace {

using namespace mcp;

/// Every ticket is answered at most once; requests that are sent have ids of their own.
struct watcher {
  conversation& talk;
  std::set<std::uint64_t> open;
  std::int64_t newest = 0;
  bool broken = false;

  void look() {
    for (auto& a : talk.take()) {
      if (auto* s = std::get_if<send_action>(&a)) {
        (void)line_of(s->what.body);
        if (s->what.exchange != 0 && s->what.exchange <= newest) __builtin_trap();
        newest = std::max(newest, s->what.exchange);
      } else if (auto* r = std::get_if<answered_action>(&a)) {
        if (open.erase(r->ticket) == 0) __builtin_trap();
      } else if (std::holds_alternative<broken_action>(a)) {
        broken = true;
      }
    }
    if (broken && !open.empty()) __builtin_trap();
  }
};

void run(std::span<const std::uint8_t> bytes) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const int mode = rest.empty() ? 0 : rest.front();
  http::event_stream stream(4096);
  stream.push(rest);
  conversation talk({.http = (mode & 1) != 0, .fills_in_defaults = (mode & 2) != 0});
  watcher w{talk, {}, 0, false};
  std::int64_t now = 1;
  std::uint64_t ticket = 0;
  talk.start(now);
  w.look();
  for (int lines = 0; !rest.empty() && lines < 1000; ++lines) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const char what = line.empty() ? '#' : line.front();
    if (what == '!') {
      talk.closed("ended", ++now);
    } else if (what == '#') {
      talk.tick(now += 10'000);
    } else if (what == '$') {
      w.open.insert(++ticket);
      talk.call(ticket, "t", {{"a", "b"}}, ++now);
    } else if (what == '%') {
      talk.cancel(ticket, ++now);
    } else if (what == '@') {
      talk.exchange_ended(w.newest, std::atoi(std::string(line.substr(1, 3)).c_str()), "over",
                          ++now);
    } else {
      talk.receive(line, ++now, (mode & 1) != 0 ? w.newest : 0);
    }
    w.look();
  }
  while (!w.open.empty()) {
    talk.cancel(*w.open.begin(), now);
    const auto before = w.open.size();
    w.look();
    if (w.open.size() >= before) __builtin_trap();
  }
}

std::vector<std::string> seeds() {
  const std::string handshake =
      "0\n"
      R"({"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}})"
      "\n"
      R"({"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}}}})"
      "\n";
  const std::string tools =
      R"({"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"t","inputSchema":{"type":"object"}}],"nextCursor":"x"}})"
      "\n"
      R"({"jsonrpc":"2.0","id":4,"result":{"tools":[]}})"
      "\n";
  return {
      handshake + tools + "$\n" +
          R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}})"
          "\n"
          R"({"jsonrpc":"2.0","id":5,"result":{"content":[{"type":"text","text":"x"}]}})"
          "\n$\n%\n!\n#\n$\n!\n!\n",
      "1\n"
      R"({"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}}}})"
      "\n"
      R"({"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"t","inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}]}})"
      "\n$\n"
      R"({"jsonrpc":"2.0","id":4,"result":{"resultType":"task","taskId":"a","status":"working"}})"
      "\n#\n"
      R"({"jsonrpc":"2.0","id":5,"result":{"status":"completed","result":{"content":[]}}})"
      "\n$\n"
      R"({"jsonrpc":"2.0","id":6,"result":{"resultType":"input_required","requestState":"s","inputRequests":{"a":{"method":"elicitation/create"}}}})"
      "\n@500\n$\n@404\n",
      "3\n"
      R"([{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{"requestedSchema":{"properties":{"a":{"default":1}}}}},{"jsonrpc":"2.0","id":"x","method":"ping"}])"
      "\n#\n#\n#\n",
      "0\n!\n#\n!\n#\n!\n"};
}

}  // namespace

extern const target mcp;
const target mcp = {"mcp", run, seeds};

}  // namespace hocket::fuzz
