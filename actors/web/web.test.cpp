// A server on loopback that plays what a hostile page and network would try, and pages as they are.
#include "actors/web/source.hpp"

#include <zlib.h>

#include "actors/http/server.test.hpp"
#include "actors/web/address_rules.hpp"
#include "actors/web/page_text.hpp"
#include "actors/web/robots.hpp"
#include "graph/core/clock.hpp"

using namespace hocket;
using namespace hocket::web;

namespace {

std::string gzip(const std::string& text) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

/// Answers each connection with the same bytes, as they are; drips them where told so.
class raw_server {
 public:
  explicit raw_server(std::string bytes, int drip_ms = 0) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    socklen_t n = sizeof at;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &n);
    port = ntohs(at.sin_port);
    listen(fd_, 16);
    thread_ = std::thread([this, bytes = std::move(bytes), drip_ms] { run(bytes, drip_ms); });
  }
  ~raw_server() {
    over_ = true;
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  int port = 0;

 private:
  void run(const std::string& bytes, int drip_ms) {
    while (!over_) {
      const int c = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (c < 0) return;
      char block[8192];
      if (recv(c, block, sizeof block, 0) > 0) {
        if (drip_ms == 0) send(c, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        for (std::size_t i = 0; drip_ms > 0 && i < bytes.size() && !over_; ++i) {
          if (send(c, &bytes[i], 1, MSG_NOSIGNAL) != 1) break;
          std::this_thread::sleep_for(std::chrono::milliseconds(drip_ms));
        }
      }
      close(c);
    }
  }
  int fd_ = -1;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

/// What `fetch` gives, with servers of loopback that count as inside.
std::string fetch(const std::string& url, const std::vector<int>& inside, source::config c = {}) {
  for (const int port : inside) c.inside.push_back("127.0.0.1:" + std::to_string(port));
  source s(std::move(c));
  REQUIRE(s.open({}));
  const auto said = s.call("fetch", "{\"url\":\"" + url + "\"}", {});
  return said ? *said : said.error().code + ": " + said.error().message;
}

}  // namespace

TEST_CASE("addresses: only those of the public internet, in whatever form") {
  for (const char* a :
       {"8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"})
    CHECK_MESSAGE(is_public(a), a);
  for (const char* a : {"127.0.0.1",
                        "127.8.8.8",
                        "0.0.0.0",
                        "10.1.2.3",
                        "172.16.0.1",
                        "172.31.255.255",
                        "192.168.1.1",
                        "169.254.169.254",
                        "100.64.0.1",
                        "100.100.100.200",
                        "198.18.0.1",
                        "224.0.0.1",
                        "255.255.255.255",
                        "192.0.0.192",
                        "168.63.129.16",
                        "::",
                        "::1",
                        "fe80::1",
                        "fc00::1",
                        "fd00:ec2::254",
                        "ff02::1",
                        "::ffff:127.0.0.1",
                        "::ffff:10.0.0.1",
                        "::127.0.0.1",
                        "64:ff9b::7f00:1",
                        "64:ff9b:1::1",
                        "2002:7f00:1::",
                        "2002:a9fe:a9fe::",
                        "2001:0:1::",
                        "2001:db8::1",
                        "fec0::1",
                        "",
                        "localhost",
                        "x"})
    CHECK_MESSAGE(!is_public(a), a);
}

TEST_CASE("hosts: denied wins, an empty list is everybody, globs hold the name itself") {
  CHECK(host_allowed("a.org", {}, {}));
  CHECK(host_allowed("A.org.", {"*.a.org"}, {}));
  CHECK(host_allowed("x.a.org", {"*.a.org"}, {}));
  CHECK(!host_allowed("xa.org", {"*.a.org"}, {}));
  CHECK(!host_allowed("x.a.org", {"*.a.org"}, {"X.a.org"}));
  CHECK(!host_allowed("b.org", {"a.org"}, {}));
  CHECK(!host_allowed(".", {}, {}));
}

TEST_CASE("robots.txt: the group of the agent, the longest rule, and rules that go on for ever") {
  const std::string r =
      "User-agent: *\nDisallow: /private\nAllow: /private/open$\nDisallow: /*.pdf\n\n"
      "User-agent: other\nUser-agent: Hocket # us\nDisallow: /us\n";
  CHECK(!robots_allow(r, "hocket", "/us/x"));
  CHECK(robots_allow(r, "hocket", "/private"));
  CHECK(!robots_allow(r, "stranger", "/private/x"));
  CHECK(robots_allow(r, "stranger", "/private/open"));
  CHECK(!robots_allow(r, "stranger", "/private/open/not"));
  CHECK(!robots_allow(r, "stranger", "/a/b.pdf?x"));
  CHECK(robots_allow("", "x", "/"));
  CHECK(robots_allow("User-agent: *\nDisallow:\n", "x", "/"));
  CHECK(!robots_allow("user-agent:*\r\ndisallow:/\r\n", "x", "/"));
  const auto stars = "User-agent: *\nDisallow: /" + std::string(2000, '*') + "x\n";
  CHECK(robots_allow(stars, "x", "/" + std::string(2000, 'a')));
}

TEST_CASE("pages: what a person would read, and nothing that is hidden from them") {
  const auto text = [](std::string_view html, const std::string& charset = "") {
    return text_of_html(html, charset, 10'000);
  };
  CHECK(
      text("<title>T &amp; U</title><body><h1>Head</h1><p>One <b>two</b>\n three.</p><ul><li>a<li>b"
           "</ul><script>evil()</script><style>p{}</style><!-- no --><noscript>x</noscript>") ==
      "T & U\nHead\nOne two three.\n- a\n- b");
  for (const char* hidden :
       {"<p hidden>x</p>", "<p aria-hidden=TRUE>x</p>", "<p style='display : none'>x</p>",
        "<div style=\"VISIBILITY:hidden\"><p>x</div>", "<p style='font-size:0'>x</p>",
        "<p style='opacity:0'>x</p>", "<p style='position:absolute;left:-9999px'>x</p>",
        "<template>x</template>", "<textarea>x</textarea>", "<svg><text>x</text></svg>"})
    CHECK_MESSAGE(text(std::string("<body>seen") + hidden) == "seen", hidden);
  CHECK(text("<p>\xC3\xA4") == "\xC3\xA4");
  CHECK(text("<p>\xE4", "iso-8859-1") == "\xC3\xA4");
  CHECK(text("<meta charset=iso-8859-1><p>\xE4") == "\xC3\xA4");
  CHECK(text("<p>a&#x202E;b\x1b[31mc&#8203;d").find("\xE2\x80\xAE") == std::string::npos);
  CHECK(text("<table><tr><td>1<td>2<tr><td>3</table>") == "1 2\n3");
  CHECK(text("") == "");
  CHECK(text("just words") == "just words");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<div>";
  CHECK(text(deep + "end").size() < 10);
  CHECK(text_of_html("<p>" + std::string(1'000'000, 'x'), "", 100).size() < 200);
}

TEST_CASE("25 attacks of a server on who reads it") {
  std::atomic<int> secret_reads{0};
  auto inner = testing::echo_options();
  inner.handle = [&](const http::request&, const http::responder& reply) {
    ++secret_reads;
    reply({200, "text/plain", "the secret", {}});
  };
  const auto secret = testing::start(std::move(inner));
  const auto port = std::to_string(secret->port());
  const auto bomb = gzip(std::string(50'000'000, 'a'));
  auto outer = testing::echo_options();
  outer.handle = [&](const http::request& r, const http::responder& reply) {
    const auto to = [&](const std::string& where, int status = 302) {
      reply({status, "text/plain", "", {{"Location", where}}});
    };
    if (r.path == "/robots.txt") return reply({404, "text/plain", "", {}});
    if (r.path == "/ok") return reply({200, "text/html", "<p>fine</p>", {}});
    if (r.path == "/to") return to(*r.parameter("u"), r.parameter("s") ? 307 : 302);
    if (r.path == "/loop") return to("/loop");
    if (r.path == "/chain") return to("/chain?n=" + r.query + "1");
    if (r.path == "/bomb") return reply({200, "text/html", bomb, {{"Content-Encoding", "gzip"}}});
    if (r.path == "/badzip")
      return reply({200, "text/html", "no gzip", {{"Content-Encoding", "gzip"}}});
    if (r.path == "/large") return reply({200, "text/html", std::string(5'000'000, 'x'), {}});
    if (r.path == "/binary")
      return reply({200, "application/octet-stream", std::string(10, '\0'), {}});
    if (r.path == "/exe") return reply({200, "video/mp4", "x", {}});
    if (r.path == "/empty") return reply({200, "text/html", "", {}});
    if (r.path == "/heads")
      return reply({200, "text/html", "x", {{"X", std::string(100'000, 'h')}}});
    reply({404, "text/plain", "no", {}});
  };
  const auto server = testing::start(std::move(outer));
  const auto base = server->url();
  const auto get = [&](const std::string& path, source::config c = {}) {
    return fetch(base + path, {server->port()}, std::move(c));
  };
  CHECK(get("/ok") == "fine");
  CHECK(get("/to?u=/ok") == "fine");

  // Ways inside: by a redirect, in every spelling of an address, and past the lists.
  for (const std::string& where : std::vector<std::string>{
           "http://127.0.0.1:" + port + "/", "http://localhost:" + port + "/",
           "http://[::1]:" + port + "/", "http://0x7f.1:" + port + "/",
           "http://2130706433:" + port + "/", "http://017700000001:" + port + "/",
           "http://0.0.0.0:" + port + "/", "http://[::ffff:127.0.0.1]:" + port + "/",
           "http://127.0.0.1.:" + port + "/", "//127.0.0.1:" + port + "/"}) {
    const auto said = get("/to?u=" + where);
    const bool refused = said.starts_with("web.not_allowed") || said.starts_with("web.no_page");
    CHECK_MESSAGE(refused, where << " -> " << said);
  }
  CHECK(get("/to?s=1&u=http://169.254.169.254/latest/meta-data").starts_with("web.not_allowed"));
  CHECK(get("/to?u=file:///etc/passwd").starts_with("web.bad_url"));
  CHECK(get("/to?u=gopher://127.0.0.1:" + port).starts_with("web.bad_url"));
  CHECK(get("/to?u=http://user:pw@127.0.0.1/").starts_with("web.bad_url"));
  CHECK(get("/to?u=http://127.0.0.1:25/").starts_with("web.not_allowed: port 25"));
  CHECK(get("/ok", {.deny = {"127.0.0.1"}}).starts_with("web.not_allowed: the graph"));
  CHECK(get("/ok", {.allow = {"example.org"}}).starts_with("web.not_allowed: the graph"));
  CHECK(secret_reads == 0);

  // Without an end, or far too much.
  CHECK(get("/loop") == "web.too_many_redirects: more than 5 redirects");
  CHECK(get("/chain").starts_with("web.too_many_redirects"));
  const auto unpacked = get("/bomb", {.page_bytes = 100'000});
  CHECK(unpacked.size() < 17'000);
  CHECK(unpacked.ends_with("[the page is longer than 100000 bytes]"));
  CHECK(get("/large", {.page_bytes = 10'000}).ends_with("[the page is longer than 10000 bytes]"));
  CHECK(get("/badzip").starts_with("web.no_page"));
  CHECK(get("/heads").starts_with("web.no_page"));
  CHECK(get("/binary") == "web.bad_type: the page is application/octet-stream, which is not read");
  CHECK(get("/exe").starts_with("web.bad_type"));
  CHECK(get("/empty") == "web.no_page: the page holds no text");
  CHECK(get("/gone").starts_with("web.status: 127.0.0.1 answers with status 404"));

  // Bytes that are no good HTTP. Robots are left out: the same bytes would answer for them.
  const auto raw = [&](const std::string& bytes, int drip_ms = 0) {
    const raw_server s(bytes, drip_ms);
    return fetch("http://127.0.0.1:" + std::to_string(s.port) + "/", {s.port},
                 {.robots = false, .time_limit_ms = drip_ms > 0 ? 500 : 60'000});
  };
  CHECK(raw("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nshort")
            .starts_with("web.no_page"));
  CHECK(raw("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nokbehind") ==
        "ok");
  CHECK(raw("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx").starts_with("web."));
  CHECK(raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx")
            .starts_with("web.no_page"));
  CHECK(raw("SSH-2.0-OpenSSH_9\r\n").starts_with("web."));
  CHECK(raw("").starts_with("web.no_page"));
  const auto begun = monotonic_ns();
  CHECK(raw("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + std::string(1000, 'x'), 20)
            .starts_with("web.no_page"));
  CHECK((monotonic_ns() - begun) / 1'000'000 < 15'000);
}

TEST_CASE("robots are asked once, and what they forbid is not read") {
  std::atomic<int> asked{0};
  auto o = testing::echo_options();
  o.handle = [&](const http::request& r, const http::responder& reply) {
    if (r.path == "/robots.txt") {
      ++asked;
      return reply({200, "text/plain", "User-agent: hocket\nDisallow: /no\n", {}});
    }
    reply({200, "text/plain", r.path, {}});
  };
  const auto server = testing::start(std::move(o));
  source s({.inside = {"127.0.0.1:" + std::to_string(server->port())}});
  REQUIRE(s.open({}));
  const auto get = [&](const std::string& path) {
    return s.call("fetch", "{\"url\":\"" + server->url() + path + "\"}", {});
  };
  CHECK(*get("/yes") == "/yes");
  CHECK(get("/no/x").error().code == "web.not_allowed");
  CHECK(*get("/else") == "/else");
  CHECK(asked == 1);
  CHECK(s.call("fetch", "{}", {}).error().code == "web.bad_url");
  CHECK(s.call("search", R"({"query":"x"})", {}).error().code == "web.no_such_tool");
}

TEST_CASE("robots.txt that lies elsewhere is read there, and a redirect leads nowhere else") {
  auto outer = testing::echo_options();
  std::atomic<bool> inside{false};
  outer.handle = [&](const http::request& r, const http::responder& reply) {
    if (r.path == "/robots.txt")
      return reply({301, "", "", {{"Location", inside ? "http://169.254.169.254/r" : "/r"}}});
    if (r.path == "/r")
      return reply({200, "text/plain", "User-agent: *\nDisallow: /private\n", {}});
    reply({200, "text/html", "<p>fine</p>", {}});
  };
  const auto server = testing::start(std::move(outer));
  const auto get = [&](const std::string& path) {
    return fetch(server->url() + path, {server->port()}, {});
  };
  CHECK(get("/open") == "fine");
  CHECK(get("/private").starts_with("web.not_allowed"));
  inside = true;
  CHECK(get("/open").starts_with("web.not_allowed"));
}

TEST_CASE("search: a SearXNG-compatible endpoint") {
  auto o = testing::echo_options();
  o.handle = [&](const http::request& r, const http::responder& reply) {
    if (*r.parameter("q") == "none")
      return reply({200, "application/json", R"({"results":[]})", {}});
    if (*r.parameter("q") == "html") return reply({200, "text/html", "<p>x", {}});
    reply({200,
           "application/json",
           R"({"results":[{"title":"A","url":"https://a","content":"about )" + *r.parameter("q") +
               R"("},{"title":"B","url":"https://b"},{"title":"C","url":"https://c"}]})",
           {}});
  };
  const auto server = testing::start(std::move(o));
  source s({.search_url = server->url() + "/", .results = 2});
  REQUIRE(s.open({}));
  CHECK(s.list()->size() == 2);
  const auto find = [&](const std::string& q) {
    return s.call("search", "{\"query\":\"" + q + "\"}", {});
  };
  CHECK(*find("a & b") == "1. A\nhttps://a\nabout a & b\n2. B\nhttps://b\n\n");
  CHECK(*find("none") == "nothing was found");
  CHECK(find("html").error().code == "web.status");
}
