#include "actors/http/message.hpp"

#include <doctest/doctest.h>

#include "actors/http/address.hpp"
#include "actors/http/confidential.hpp"
#include "actors/http/host_rules.hpp"
#include "actors/http/url.hpp"

using namespace hocket;
using namespace hocket::http;

TEST_CASE("addresses are read, or refused with a reason") {
  for (const char* text :
       {"tcp://127.0.0.1:9464", "http://127.0.0.1:9464/metrics", "127.0.0.1:9464"}) {
    const auto a = parse_address(text);
    REQUIRE(a);
    CHECK(a->url() == "http://127.0.0.1:9464");
    CHECK(a->is_loopback());
  }
  CHECK(parse_address("[::1]:80")->is_loopback());
  CHECK(parse_address("[::1]:80")->url() == "http://[::1]:80");
  CHECK_FALSE(parse_address("0.0.0.0:80")->is_loopback());
  for (const char* name : {"127.evil.example:80", "localhost.evil.example:80", "127:80"})
    CHECK_FALSE(parse_address(name)->is_loopback());
  for (const char* bad : {"", "localhost", "localhost:", "localhost:x", "localhost:99999", ":80",
                          "https://localhost:80", "::1:80", "localhost:-1"})
    CHECK_MESSAGE(!parse_address(bad), bad);
}

TEST_CASE("a target is a clean path, or it is none") {
  const auto t = read_target("//ws//a%20b?key=%41+b&x");
  REQUIRE(t);
  CHECK(t->path == "/ws/a b");
  CHECK(t->query == "key=%41+b&x");
  request r;
  r.query = t->query;
  CHECK(r.parameter("key") == "A b");
  CHECK(r.parameter("x") == "");
  CHECK(!r.parameter("y"));
  const auto whole = read_target("http://host:80/a");
  REQUIRE(whole);
  CHECK(whole->authority == "host:80");
  CHECK(whole->path == "/a");
  CHECK(read_target("http://host?a")->path == "/");
  for (const char* bad : {"", "*", "a", "host:80", "/%", "/%4", "/%zz", "/%00", "/a%0a", "/../a",
                          "/a/..", "/a/%2e%2e/b", "/a\\b", "http:///a"})
    CHECK_MESSAGE(!read_target(bad), bad);
}

TEST_CASE("headers carry no line breaks out") {
  response r{200, "text/plain", "x", {{"A", "b\r\nEvil: 1"}, {"B\n", "c"}, {"C", "d"}}};
  const auto head = head_of(r, true);
  CHECK(head.find("Evil") == head.npos);
  CHECK(head.find("C: d\r\n") != head.npos);
  CHECK(head.find("Content-Length: 1\r\n") != head.npos);
  CHECK(head.substr(head.size() - 4) == "\r\n\r\n");
}

TEST_CASE("a server answers to loopback's names, its address and those it was given") {
  const host_rules rules({"talk.example.org", "*.lab.example", "192.0.2.7"});
  const auto answers = [&](const char* host) { return rules.answers(host, "10.0.0.5"); };
  for (const char* good :
       {"localhost", "LocalHost:80", "localhost.", "127.0.0.1:9464", "127.1.2.3", "[::1]",
        "[::1]:80", "[0:0::1]", "10.0.0.5", "10.0.0.5:80", "[::ffff:10.0.0.5]", "talk.example.org",
        "TALK.example.org:443", "a.lab.example", "192.0.2.7:1"})
    CHECK_MESSAGE(answers(good), good);
  for (const char* bad : {"",
                          ":80",
                          "evil.example",
                          "localhost.evil.example",
                          "127.0.0.1.evil.example",
                          "10.0.0.6",
                          "evil.example:80",
                          "lab.example",
                          "xlab.example",
                          "talk.example.org.evil",
                          "[::2]",
                          "[::1",
                          "[::1]x",
                          "localhost:x",
                          "localhost:123456",
                          "a@localhost",
                          "localhost/x",
                          "localhost ",
                          "localhost,evil",
                          "127.1",
                          "0x7f000001",
                          "2130706433",
                          "0.0.0.0",
                          "[evil]"})
    CHECK_MESSAGE(!answers(bad), bad);
}

TEST_CASE("pages of other origins are not admitted") {
  const host_rules rules({"talk.example.org"});
  const auto admits = [&](const char* origin) { return rules.admits_origin(origin, "127.0.0.1"); };
  CHECK(admits("http://localhost:3000"));
  CHECK(admits("https://talk.example.org"));
  for (const char* bad : {"null", "", "https://evil.example", "file://", "chrome-extension://abc",
                          "http://localhost.evil", "http://", "http://localhost/"})
    CHECK_MESSAGE(!admits(bad), bad);
}

TEST_CASE("URLs are read whole or refused") {
  const auto u = read_url("WSS://[::1]:8443/a/b?c=d#e");
  REQUIRE(u);
  CHECK(u->scheme == "wss");
  CHECK(u->host == "::1");
  CHECK(u->port == 8443);
  CHECK(u->target() == "/a/b?c=d");
  CHECK(u->authority() == "[::1]:8443");
  CHECK(u->without_query() == "wss://[::1]:8443/a/b");
  CHECK(read_url("https://example.org")->target() == "/");
  CHECK(read_url("https://example.org")->authority() == "example.org");
  CHECK(read_url("http://h?q")->target() == "/?q");
  for (const char* bad : {"", "example.org", "ftp://h/", "https://", "https://:80/", "https://h:0/",
                          "https://h:99999/", "https://h:x/", "https://user:secret@h/",
                          "https://h/a b", "https://h/\r\nX: y"}) {
    const auto read = read_url(bad);
    CHECK_MESSAGE(!read, bad);
    if (!read) CHECK(read.error().message.find("secret") == std::string::npos);
  }
}

TEST_CASE("what goes over TLS or stays on this machine is confidential") {
  for (const char* yes : {"https://host/v1", "wss://host", "http://127.0.0.1:8000", "ws://[::1]:1",
                          "http://localhost:8000/a"})
    CHECK_MESSAGE(http::is_confidential(yes), yes);
  for (const char* no : {"http://host", "ws://10.0.0.1", "http://127.0.0.1.example.org",
                         "http://localhost.example.org", "", "ftp://localhost", "https://"})
    CHECK_MESSAGE(!http::is_confidential(no), no);
}
