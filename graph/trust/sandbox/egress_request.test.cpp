#include "graph/trust/sandbox/egress_request.hpp"

#include <doctest/doctest.h>

using namespace hocket::trust;

namespace {

std::string asks(const std::string& line, const std::string& fields = "") {
  return line + "\r\n" + fields + "\r\n";
}

/// How much of a text belongs to a body, fed in pieces of `step` bytes; -1: it is bad.
int taken(request_body body, const std::string& text, std::size_t step) {
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size() && !body.done() && !body.bad(); at += step)
    n += body.take(std::string_view(text).substr(at, step));
  return body.bad() ? -1 : body.done() ? static_cast<int>(n) : -2;
}

}  // namespace

TEST_CASE("a plain request becomes the server's own form, for this host, and the last one") {
  const auto r = read_proxy_request(
      asks("GET http://a.example:81/x?y#z HTTP/1.1",
           "Host: other.example\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nX-Yours: 2\r\n"
           "Proxy-Authorization: Basic eA==\r\nUpgrade: websocket\r\nAccept: */*\r\n"));
  REQUIRE(r);
  CHECK(r->host == "a.example");
  CHECK(r->port == "81");
  CHECK(!r->tunnel);
  CHECK(r->body.done());
  CHECK(r->head ==
        "GET /x?y#z HTTP/1.1\r\nHost: a.example:81\r\nConnection: close\r\nX-Yours: 2\r\n"
        "Accept: */*\r\n\r\n");
  CHECK(read_proxy_request(asks("GET HTTP://a HTTP/1.0"))->head ==
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n");
  const auto c = read_proxy_request(asks("CONNECT [::1]:443 HTTP/1.1", "Host: x\r\n"));
  REQUIRE(c);
  CHECK(c->tunnel);
  CHECK(c->host == "::1");
}

TEST_CASE("requests that two readers would understand differently are none") {
  const std::string at = "POST http://a/ HTTP/1.1";
  for (const auto& bad : {
           asks(at, "Content-Length: 1\r\nContent-Length: 2\r\n"),
           asks(at, "Content-Length: 1\r\nContent-Length: 1\r\n"),
           asks(at, "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
           asks(at, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
           asks(at, "Transfer-Encoding: gzip, chunked\r\n"),
           asks(at, "Transfer-Encoding: identity\r\n"),
           asks(at, "Content-Length: -1\r\n"),
           asks(at, "Content-Length: +1\r\n"),
           asks(at, "Content-Length: 1, 1\r\n"),
           asks(at, "Content-Length: 99999999999999999999\r\n"),
           asks(at, "Content-Length:\r\n"),
           asks(at, "Content-Length : 1\r\n"),
           asks(at, "A: b\r\n folded\r\n"),
           asks(at, "A: b\rGET http://b/ HTTP/1.1\r\n"),
           asks(at, "A: b\nContent-Length: 3\r\n"),
           asks(at, std::string("A: b\0c\r\n", 8)),
           asks(at, "no colon\r\n"),
           asks("GET  http://a/ HTTP/1.1"),
           asks("GET http://a/ b HTTP/1.1"),
           asks("GET http://a/\tb HTTP/1.1"),
           asks("GET http://a/ HTTP/2.0"),
           asks("GET http://a/ HTTP/1.1 "),
           asks("G\tT http://a/ HTTP/1.1"),
           asks("GET http://u@a/ HTTP/1.1"),
           asks("GET http:///x HTTP/1.1"),
           asks("GET https://a/ HTTP/1.1"),
           asks("GET /path HTTP/1.1"),
           asks("CONNECT a HTTP/1.1"),
           asks("CONNECT a:123456 HTTP/1.1"),
           asks("CONNECT [::1:9 HTTP/1.1"),
           std::string("GET http://a/ HTTP/1.1"),
           std::string(),
       })
    CHECK_MESSAGE(!read_proxy_request(bad), bad);
}

TEST_CASE("a body ends where its length or its last chunk says, in whatever pieces it comes") {
  const std::string next = "GET http://b/ HTTP/1.1\r\n\r\n";
  for (const std::size_t step : {1, 2, 3, 5, 1000}) {
    CHECK(taken(request_body::of_size(0), next, step) == 0);
    CHECK(taken(request_body::of_size(4), "abcd" + next, step) == 4);
    CHECK(taken(request_body::of_size(4), "abc", step) == -2);
    for (const std::string body :
         {"0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "A;x=\"y\"\r\n0123456789\r\n0\r\nT: u\r\n\r\n",
          "3\r\n0\r\n\r\n0\r\n\r\n", "000\r\n\r\n"})  // one that holds what looks like an end
      CHECK(taken(request_body::in_chunks(), body + next, step) == static_cast<int>(body.size()));
    for (const std::string bad :
         {"\r\n", "x\r\n", "3 \r\nabc\r\n", "-1\r\n", "0x1\r\n", "ffffffffffffffffff\r\n",
          "3\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\rabc", "1\r\na\n\r\n"})
      CHECK_MESSAGE(taken(request_body::in_chunks(), bad, step) == -1, bad);
    CHECK(taken(request_body::in_chunks(), std::string(5000, '1'), step) == -1);
  }
}
