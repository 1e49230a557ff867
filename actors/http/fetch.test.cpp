#include "actors/http/fetch.hpp"

#include <cstdlib>
#include <mutex>

#include "actors/http/server.test.hpp"

using namespace hocket;
using namespace hocket::testing;

namespace {

server_options odd_server() {
  auto o = echo_options();
  o.handle = [](const request& r, const responder& reply) {
    response out{200, "text/plain", r.method + " " + r.body, {}};
    if (r.path == "/large") out.body.assign(100'000, 'x');
    if (r.path == "/heads") out.headers = {{"X", std::string(100'000, 'x')}};
    if (r.path == "/never") return;
    if (r.path == "/status") out.status = 503;
    if (r.path == "/loop") out.status = 302, out.headers = {{"Location", "/loop"}};
    if (r.path == "/see") out.status = 303, out.headers = {{"Location", "/there"}};
    if (r.path == "/file") out.status = 302, out.headers = {{"Location", "file:///etc/passwd"}};
    if (r.path == "/away")
      out.status = 307, out.headers = {{"Location", std::string(*r.header("X-To"))}};
    if (r.path == "/show")
      out.body = std::string(r.header("Authorization").value_or("-")) +
                 std::string(r.header("X-Api-Key").value_or("-"));
    reply(out);
  };
  return o;
}

std::string code_of(const result<fetch_answer>& r) { return r ? "" : r.error().code; }

}  // namespace

TEST_CASE("what others answer is got whole, or not at all, and says why") {
  auto options = odd_server();
  // One that keeps an unanswered responder would answer 500.
  std::mutex mutex;
  std::vector<responder> kept;
  const auto handle = options.handle;
  options.handle = [&](const request& r, const responder& reply) {
    if (r.path == "/never") {
      std::lock_guard lock(mutex);
      kept.push_back(reply);
    }
    handle(r, reply);
  };
  const auto s = start(std::move(options));
  const auto ask = [&](const std::string& path) {
    fetch_request r;
    r.url = s->url() + path;
    return r;
  };
  auto post = ask("/x");
  post.method = "POST";
  post.body = "abc";
  post.headers = {{"X-Empty", ""}};
  const auto answer = fetch(post);
  REQUIRE(answer);
  CHECK(answer->body == "POST abc");
  CHECK(find_header(answer->headers, "content-type") == "text/plain");
  CHECK(fetch(ask("/status"))->status == 503);
  auto small = ask("/large");
  small.body_bytes = 99'999;
  CHECK(code_of(fetch(small)) == "http.too_large");
  small.body_bytes = 100'000;
  CHECK(fetch(small)->body.size() == 100'000);
  CHECK(code_of(fetch(ask("/heads"))) == "http.too_large");
  auto late = ask("/never");
  late.total_ms = 50;
  CHECK(code_of(fetch(late)) == "http.timeout");
  std::atomic<bool> cancelled{true};
  auto stopped = ask("/never");
  stopped.cancelled = &cancelled;
  CHECK(code_of(fetch(stopped)) == "http.cancelled");
  std::lock_guard lock(mutex);
  kept.clear();
}

TEST_CASE("a body may come in pieces, until there are enough") {
  const auto s = start(odd_server());
  fetch_request r;
  r.url = s->url() + "/large";
  r.body_bytes = 1;
  std::size_t got = 0;
  r.on_piece = [&](int status, std::string_view piece) {
    CHECK(status == 200);
    got += piece.size();
    return true;
  };
  CHECK(fetch(r).has_value());
  CHECK(got == 100'000);
  got = 0;
  r.on_piece = [&](int, std::string_view piece) {
    got += piece.size();
    return false;
  };
  CHECK(fetch(r).has_value());
  CHECK(got < 100'000);
}

TEST_CASE("a redirect leads no further than allowed, and takes no secret along") {
  const auto s = start(odd_server()), other = start(odd_server());
  fetch_request r;
  r.url = s->url() + "/see";
  r.method = "POST";
  CHECK(fetch(r)->status == 303);
  r.redirects = 2;
  CHECK(fetch(r)->body == "GET ");
  CHECK(fetch(r)->url == s->url() + "/there");
  r.url = s->url() + "/loop";
  CHECK(code_of(fetch(r)) == "http.not_allowed");
  r.url = s->url() + "/file";
  CHECK(code_of(fetch(r)) == "http.bad_url");
  r.url = s->url() + "/away";
  r.method = "GET";
  r.headers = {{"Authorization", "Bearer s"}, {"X-Api-Key", "k"}, {"X-To", other->url() + "/show"}};
  CHECK(fetch(r)->body == "--");
  r.headers.back().second = s->url() + "/show";
  CHECK(fetch(r)->body == "Bearer sk");
}

TEST_CASE("what may not be asked is not connected to") {
  const auto s = start(odd_server());
  fetch_request r;
  r.url = s->url() + "/x";
  std::string asked;
  r.may_connect = [&](const std::string& address) {
    asked = address;
    return false;
  };
  CHECK(code_of(fetch(r)) == "http.not_allowed");
  CHECK(asked == "127.0.0.1");
  CHECK(s->counters().accepted == 0);
  r.may_connect = nullptr;
  r.plain_too = false;
  CHECK(code_of(fetch(r)) == "http.bad_url");
  for (const char* bad :
       {"file:///etc/passwd", "ftp://localhost/", "localhost", "ws://localhost/"}) {
    fetch_request other;
    other.url = bad;
    CHECK_MESSAGE(code_of(fetch(other)) == "http.bad_url", bad);
  }
  fetch_request smuggling;
  smuggling.url = s->url() + "/x";
  smuggling.headers = {{"A", "b\r\nC: d"}};
  CHECK(code_of(fetch(smuggling)) == "http.bad_url");
  smuggling.headers.clear();
  smuggling.method = "GET / HTTP/1.1\r\nX:";
  CHECK(code_of(fetch(smuggling)) == "http.bad_url");
  fetch_request nobody;
  nobody.url = "http://127.0.0.1:1/";
  CHECK(code_of(fetch(nobody)) == "http.no_connection");
}

TEST_CASE("what goes to this machine goes through no proxy, however its address is written") {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);  // nobody is there
  auto o = odd_server();
  o.address = "tcp://127.0.0.2:0";
  const auto s = start(std::move(o));
  fetch_request r;
  r.url = s->url() + "/x";
  const auto direct = fetch(r);
  r.url = "http://192.0.2.1/";  // for documentation: nobody's
  const auto proxied = fetch(r);
  ::unsetenv("http_proxy");
  CHECK_MESSAGE(direct, direct.error().message);
  CHECK(code_of(proxied) == "http.no_connection");
}

TEST_CASE("Retry-After is a number of seconds or a date, and nothing else") {
  const auto said = [](const std::string& value) {
    return retry_after_ms({{"Retry-After", value}});
  };
  CHECK(retry_after_ms({}) == -1);
  CHECK(said("0") == 0);
  CHECK(said("120") == 120'000);
  for (const char* bad : {"", "-1", "1.5", "soon", "99999999999999999999", "12 apples"})
    CHECK_MESSAGE(said(bad) == -1, bad);
  CHECK(said("Wed, 21 Oct 2015 07:28:00 GMT") == 0);
  CHECK(said("Fri, 31 Dec 2199 23:59:59 GMT") == 86'400'000);
  CHECK(said("100000") == 86'400'000);
}
