#include "actors/http/server.test.hpp"

using namespace hocket;
using namespace hocket::testing;

namespace {

std::string get(const char* path, const char* more = "") {
  return std::string("GET ") + path + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
}

std::string status_of(const std::string& sent) {
  const auto out = answers_to(echo_options(), sent);
  return out.size() > 12 ? out.substr(9, 3) : "none";
}

}  // namespace

TEST_CASE("requests are answered, however they are cut into pieces") {
  const auto sent = get("/a?b") +
                    "POST /c HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 3\r\n\r\nxyz" +
                    "POST /d HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" +
                    get("/e", "Connection: close\r\n") + get("/never");
  const auto whole = answers_to(echo_options(), sent);
  CHECK(whole.find("\r\n\r\nGET /a?b ") != whole.npos);
  CHECK(whole.find("\r\n\r\nPOST /c? xyz") != whole.npos);
  CHECK(whole.find("\r\n\r\nPOST /d? abc") != whole.npos);
  CHECK(whole.find("\r\n\r\nGET /e? ") != whole.npos);
  CHECK(whole.find("never") == whole.npos);
  CHECK(count(whole, "Connection: close") == 1);
  for (const std::size_t piece : {1, 2, 7, 64})
    CHECK(answers_to(echo_options(), sent, piece) == whole);
}

TEST_CASE("a hundred requests in one piece are answered in order") {
  std::string sent;
  for (int i = 0; i < 100; ++i) sent += get(("/" + std::to_string(i)).c_str());
  const auto out = answers_to(echo_options(), sent);
  std::size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    at = out.find("GET /" + std::to_string(i) + "? ", at);
    REQUIRE(at != out.npos);
  }
  auto few = echo_options();
  few.limits.requests_per_connection = 3;
  CHECK(count(answers_to(few, sent), "HTTP/1.1 200") == 3);
}

TEST_CASE("what is no request is refused with a reason, and the connection ends") {
  CHECK(status_of("nonsense\r\n\r\n") == "400");
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n") == "400");
  CHECK(status_of("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n") == "400");
  CHECK(status_of("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n") == "421");
  CHECK(status_of("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n") == "421");
  CHECK(status_of("GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n") == "421");
  CHECK(status_of("GET / HTTP/1.0\r\n\r\n") == "200");
  CHECK(status_of("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n") == "200");
  CHECK(status_of("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n") == "505");
  CHECK(status_of(get("/../x")) == "400");
  CHECK(status_of(get("/%00")) == "400");
  CHECK(status_of("CONNECT host:80 HTTP/1.1\r\nHost: localhost\r\n\r\n") == "400");
  CHECK(status_of(get("/", "Expect: gold\r\n")) == "417");
  CHECK(status_of(get("/", ("X: " + std::string(20'000, 'x') + "\r\n").c_str())) == "431");
  CHECK(status_of("GET /" + std::string(40'000, 'x')) == "431");
  CHECK(status_of(get("/", "Content-Length: 99999999\r\n")) == "413");
  CHECK(status_of(get("/", "Content-Length: -1\r\n")) == "400");
  CHECK(status_of(get("/", "Content-Length: 1\r\nContent-Length: 2\r\n")) == "400");
  // Two readings of where a request ends are how one is smuggled past a proxy.
  CHECK(status_of(get("/", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")) == "400");
  CHECK(status_of(get("/", "Transfer-Encoding: gzip\r\n")) == "501");
  CHECK(status_of(
            "POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") ==
        "501");
  const auto chunks = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(status_of(std::string(chunks) + "fffff\r\n" + std::string(70'000, 'x')) == "413");
  CHECK(status_of(std::string(chunks) + "zz\r\n") == "400");
  const auto out = answers_to(echo_options(), "nonsense\r\n\r\n" + get("/after"));
  CHECK(out.find("after") == out.npos);
}

TEST_CASE("HEAD has the head alone, and an expectation is met before the body") {
  const auto head = answers_to(echo_options(), "HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(head.find("Content-Length: 9\r\n") != head.npos);
  CHECK(head.substr(head.size() - 4) == "\r\n\r\n");
  const auto out =
      answers_to(echo_options(), get("/", "Expect: 100-continue\r\nContent-Length: 2\r\n") + "hi");
  CHECK(out.rfind("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", 0) == 0);
}

TEST_CASE("a handler that throws or forgets to answer is a 500") {
  auto o = echo_options();
  o.handle = [](const request& r, const responder&) {
    if (r.path == "/throw") throw std::runtime_error("secret of the machine");
  };
  for (const char* path : {"/throw", "/forget"}) {
    const auto out = answers_to(o, get(path));
    CHECK(out.rfind("HTTP/1.1 500", 0) == 0);
    CHECK(out.find("secret") == out.npos);
  }
}

TEST_CASE("an answer may come later, from another thread, and large") {
  auto o = echo_options();
  std::vector<std::thread> threads;
  o.handle = [&](const request&, const responder& reply) {
    threads.emplace_back([reply] { reply({200, "text/plain", std::string(5 << 20, 'x'), {}}); });
  };
  const auto s = start(std::move(o));
  const raw_client c(s->port());
  c.send(get("/", "Connection: close\r\n"));
  const auto out = c.read();
  CHECK(out.size() > (5u << 20));
  s->stop(0);
  for (auto& t : threads) t.join();
}

TEST_CASE("a client that has said its last word is still answered") {
  const auto s = start(echo_options());
  const raw_client c(s->port());
  c.send(get("/a") + get("/b"));
  c.half_close();
  const auto out = c.read();
  CHECK(count(out, "HTTP/1.1 200") == 2);
  CHECK(becomes([&] { return s->counters().open == 0; }));
}

TEST_CASE("a stopping server answers what was asked and takes nothing more") {
  auto o = echo_options();
  std::optional<responder> kept;
  std::atomic<bool> asked{false};
  o.handle = [&](const request&, const responder& reply) {
    kept = reply;
    asked = true;
  };
  auto s = start(std::move(o));
  const raw_client idle(s->port()), busy(s->port());
  busy.send(get("/"));
  REQUIRE(becomes([&] { return asked.load(); }));
  std::thread stopper([&] { s->stop(20'000); });
  CHECK(becomes([&] { return idle.is_over(); }));
  (*kept)({200, "text/plain", "late", {}});
  const auto out = busy.read();
  CHECK(out.find("late") != out.npos);
  CHECK(out.find("Connection: close") != out.npos);
  stopper.join();
  const raw_client other(start(echo_options())->port());  // stops at once: nobody waits for it
  CHECK(other.read().empty());
}
