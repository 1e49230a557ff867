#include "actors/http/host_rules.hpp"
#include "actors/http/server.hpp"
#include "actors/http/url.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the size of the pieces in which it arrives (one byte; 0: all at once), then what a client
// sends over one connection: requests, an upgrade, frames.
namespace hocket::fuzz {
namespace {

using namespace hocket::http;

server_options options() {
  server_options o;
  o.limits.header_bytes = 2048;
  o.limits.body_bytes = 1024;
  o.limits.socket.message_bytes = 1024;
  o.handle = [](const request& r, const responder& reply) {
    HOCKET_ASSERT(!r.path.empty() && r.path.front() == '/' && r.body.size() <= 1024);
    const auto host = r.header("Host");
    HOCKET_ASSERT(!host || host_rules().answers(*host, "127.0.0.1"));
    response out{r.path == "/empty" ? 204 : 200, "text/plain", r.parameter("a").value_or(""), {}};
    for (const auto& [name, value] : r.headers) out.headers.emplace_back("X-" + name, value);
    reply(out);
  };
  o.upgrade = [](const request& r) -> std::variant<response, websocket_accept> {
    if (r.path != "/echo") return response{404, "text/plain", "", {}};
    return websocket_accept{"", [](std::shared_ptr<websocket> s) {
                              websocket_events e;
                              e.message = [s](std::string_view m, bool is_text) {
                                HOCKET_ASSERT(m.size() <= 1024);
                                if (m == "bye") s->close(1000, std::string(m));
                                s->send(std::string(m), is_text);
                              };
                              return e;
                            }};
  };
  return o;
}

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::string sent(bytes.begin() + 1, bytes.end());
  const auto out = answers_to(options(), sent, bytes[0]);
  HOCKET_ASSERT(out.empty() || out.rfind("HTTP/1.1 ", 0) == 0);
  if (const auto u = read_url(sent)) {
    const auto again = read_url(u->scheme + "://" + u->authority() + u->target());
    HOCKET_ASSERT(again && again->host == u->host && again->target() == u->target());
  }
}

std::string masked(char first, std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(text[i] ^ "abcd"[i % 4]);
  return std::string{first, static_cast<char>(0x80 | text.size())} + "abcd" + text;
}

std::vector<std::string> seeds() {
  const std::string host = "Host: localhost:80\r\n";
  const std::string upgrade = "GET /echo HTTP/1.1\r\n" + host +
                              "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\nOrigin: http://localhost\r\n\r\n";
  const std::string all(1, '\0');
  return {all + "GET /a%20b?a=%41+x HTTP/1.1\r\n" + host + "\r\nGET /empty HTTP/1.1\r\n" + host +
              "\r\n",
          "\x03POST http://[::1]/p HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc",
          all + "POST / HTTP/1.1\r\n" + host +
              "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: "
              "u\r\n\r\n",
          "\x05" + upgrade + masked('\x81', "hello") + masked('\x82', "\xff") +
              masked('\x89', "p") + masked('\x88', "\x03\xe8"),
          all + upgrade + masked('\x01', "by") + masked('\x80', "e") + masked('\x81', "more"),
          all + "https://[::1]:8443/a?b=c#d"};
}

}  // namespace

extern const target http;
const target http = {"http", run, seeds};

}  // namespace hocket::fuzz
