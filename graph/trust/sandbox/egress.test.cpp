#include "graph/trust/sandbox/egress.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include <doctest/doctest.h>

#include "tests/support/skip.hpp"

#include "graph/trust/public_address.hpp"
#include "graph/trust/sandbox/sandbox.hpp"

using namespace hocket;
using namespace hocket::trust;

namespace {

/// What a client asks, in however many pieces it comes: a head, and three bytes where it says so.
std::string request_of(int client) {
  std::string out;
  char block[4096];
  for (;;) {
    const auto end = out.find("\r\n\r\n");
    const std::size_t body = out.find("Content-Length: 3\r\n") < end ? 3 : 0;
    if (end != std::string::npos && out.size() >= end + 4 + body) return out;
    const auto n = ::recv(client, block, sizeof block, 0);
    if (n <= 0) return out;
    out.append(block, static_cast<std::size_t>(n));
  }
}

/// Answers each connection with its port, and keeps what it was asked.
struct server {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port = 0;
  std::string heard;
  std::thread thread;
  explicit server(bool answers = true) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(fd, 4) == 0);
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port = ntohs(at.sin_port);
    if (!answers) return;
    thread = std::thread([this] {
      for (int client; (client = ::accept(fd, nullptr, nullptr)) >= 0; ::close(client)) {
        heard += request_of(client);
        const auto said = "HTTP/1.0 200 OK\r\n\r\nport " + std::to_string(port);
        (void)::send(client, said.data(), said.size(), MSG_NOSIGNAL);
      }
    });
  }
  ~server() {
    ::shutdown(fd, SHUT_RDWR);
    if (thread.joinable()) thread.join();
    ::close(fd);
  }
};

std::string said_by(const std::string& script, const sandbox_rules& rules) {
  auto child = spawn({"/usr/bin/python3", {"-c", script}}, rules);
  REQUIRE_MESSAGE(child, (child ? "" : child.error().message));
  child->close_in();
  std::string out;
  char block[4096];
  for (ssize_t n; (n = ::read(child->out(), block, sizeof block)) > 0;)
    out.append(block, static_cast<std::size_t>(n));
  return out;
}

}  // namespace

TEST_CASE("a sandbox with named addresses reaches these, over its door alone" *
          doctest::test_suite("kernel")) {
  if (!what_kernel_gives().namespaces) return testing::skipped("user namespaces");
  server named, other;
  sandbox_rules rules;
  rules.reaches = {"127.0.0.1:" + std::to_string(named.port), "localhost:7"};
  const auto n = std::to_string(named.port), o = std::to_string(other.port);
  // A client that knows proxies (both ways), one that does not, and one that names another host.
  const auto script =
      "import http.client, socket, urllib.request\n"
      "def get(port):\n"
      "  try: return urllib.request.urlopen('http://127.0.0.1:%s/path' % port).read().decode()\n"
      "  except OSError as e: return str(e)\n"
      "print(get(" +
      n +
      "))\n"
      "print(get(" +
      o +
      "))\n"
      "def tunnel(port):\n"
      "  c = http.client.HTTPConnection('127.0.0.1', 3128)\n"
      "  c.set_tunnel('127.0.0.1', port)\n"
      "  try:\n"
      "    c.request('GET', '/deep')\n"
      "    return c.getresponse().read().decode()\n"
      "  except OSError as e: return str(e)\n"
      "print(tunnel(" +
      n +
      "))\n"
      "print(tunnel(" +
      o +
      "))\n"
      "for port in (" +
      n + ", " + o +
      "):\n"
      "  try: socket.create_connection(('127.0.0.1', port), 5); print('straight')\n"
      "  except OSError: print('no way')\n";
  const auto said = said_by(script, rules);
  CHECK(said == "port " + n + "\nHTTP Error 403: Forbidden\nport " + n +
                    "\nTunnel connection failed: 403 Forbidden\nno way\nno way\n");
  CHECK(named.heard.starts_with("GET /path HTTP/1.1\r\n"));
  CHECK(named.heard.find("GET /deep") != std::string::npos);
  CHECK(other.heard.empty());
}

TEST_CASE("the door takes nonsense, and a crowd, and is there afterwards" *
          doctest::test_suite("kernel")) {
  if (!what_kernel_gives().namespaces) return testing::skipped("user namespaces");
  server named;
  sandbox_rules rules;
  rules.reaches = {"127.0.0.1:" + std::to_string(named.port)};
  const auto script =
      "import socket, os\n"
      "def say(b):\n"
      "  s = socket.create_connection(('127.0.0.1', 3128), 20)\n"
      "  try:\n"
      "    s.sendall(b); s.shutdown(1); return s.recv(100)[:12]\n"
      "  except OSError: return b'closed'\n"
      "for b in (b'', b'\\r\\n\\r\\n', b'GET / HTTP/1.1\\r\\n\\r\\n', b'CONNECT x "
      "HTTP/1.1\\r\\n\\r\\n',\n"
      "          b'CONNECT [::1:9 HTTP/1.1\\r\\n\\r\\n', b'CONNECT 127.0.0.1:%s@1.2.3.4:5 "
      "HTTP/1.1\\r\\n\\r\\n',\n"
      "          b'GET http://u@127.0.0.1:1/ HTTP/1.1\\r\\n\\r\\n', b'A' * 40000, "
      "os.urandom(5000)):\n"
      "  assert say(b) in (b'', b'closed', b'HTTP/1.1 400', b'HTTP/1.1 403'), b\n"
      "held = [socket.create_connection(('127.0.0.1', 3128), 20) for _ in range(60)]\n"
      "for s in held: s.close()\n"
      "print(say(b'GET http://127.0.0.1:" +
      std::to_string(named.port) + "/ HTTP/1.1\\r\\n\\r\\n'))\n";
  CHECK(said_by(script, rules) == "b'HTTP/1.0 200'\n");
}

TEST_CASE("of a plain connection one request is passed on, to the host that was judged" *
          doctest::test_suite("kernel")) {
  if (!what_kernel_gives().namespaces) return testing::skipped("user namespaces");
  server named;
  sandbox_rules rules;
  const auto n = std::to_string(named.port);
  rules.reaches = {"127.0.0.1:" + n};
  // Two at once, the second to somewhere else; a host name that is not the target's; too much body.
  const auto script =
      "import socket\n"
      "def say(b):\n"
      "  s = socket.create_connection(('127.0.0.1', 3128), 20)\n"
      "  s.sendall(b); out = b''\n"
      "  while True:\n"
      "    more = s.recv(1000)\n"
      "    if not more: return out[:12]\n"
      "    out += more\n"
      "at = b'http://127.0.0.1:" +
      n +
      "/'\n"
      "print(say(b'GET ' + at + b'one HTTP/1.1\\r\\nHost: inner\\r\\n\\r\\nGET http://10.0.0.1/two "
      "HTTP/1.1\\r\\n\\r\\n'))\n"
      "print(say(b'POST ' + at + b'three HTTP/1.1\\r\\nContent-Length: 3\\r\\n\\r\\nabcGET "
      "/four'))\n"
      "print(say(b'POST ' + at + b'five HTTP/1.1\\r\\nContent-Length: 3\\r\\nTransfer-Encoding: "
      "chunked\\r\\n\\r\\n0'))\n";
  CHECK(said_by(script, rules) == "b'HTTP/1.0 200'\nb'HTTP/1.0 200'\nb'HTTP/1.1 400'\n");
  const auto host = "Host: 127.0.0.1:" + n + "\r\nConnection: close\r\n";
  CHECK(named.heard == "GET /one HTTP/1.1\r\n" + host + "\r\nPOST /three HTTP/1.1\r\n" + host +
                           "Content-Length: 3\r\n\r\nabc");
}

TEST_CASE("a name that leads to this machine or network is not followed there" *
          doctest::test_suite("kernel")) {
  const std::vector<std::string> named = {"10.0.0.7:*", "192.168.*:80",   "[::1]:80",
                                          "*:443",      "a.example:5432", "localhost:7"};
  struct way {
    const char *host, *address, *port;
    bool may;
  };
  for (const auto& w : std::vector<way>{{"a.example", "93.184.216.34", "5432", true},
                                        {"a.example", "10.0.0.7", "5432", true},
                                        {"a.example", "10.0.0.8", "5432", false},
                                        {"a.example", "127.0.0.1", "5432", false},
                                        {"a.example", "169.254.169.254", "443", false},
                                        {"a.example", "192.168.3.4", "80", true},
                                        {"a.example", "192.168.3.4", "443", false},
                                        {"a.example", "::ffff:192.168.3.4", "80", false},
                                        {"a.example", "fe80::1", "443", false},
                                        {"a.example", "fd00:ec2::254", "443", false},
                                        {"a.example", "::1", "443", false},
                                        {"::1", "::1", "80", true},
                                        {"127.1", "127.0.0.1", "443", false},
                                        {"0", "0.0.0.0", "443", false},
                                        {"localhost", "127.0.0.1", "7", true},
                                        {"LocalHost", "::1", "7", true},
                                        {"localhost", "127.0.0.1", "443", false},
                                        {"localhost", "10.0.0.9", "7", false},
                                        {"a.example", "", "443", false}})
    CHECK_MESSAGE(may_lie_at(named, w.host, w.address, w.port) == w.may,
                  (std::string(w.host) + " " + w.address + ":" + w.port));
  for (const char* own : {"127.0.0.1", "::ffff:127.0.0.1", "", "a.example"})
    CHECK_MESSAGE(is_of_this_machine(own), own);
  for (const char* other : {"93.184.216.34", "2606:2800::1", "127.0.0.77"})
    CHECK_MESSAGE(!is_of_this_machine(other), other);
  if (!what_kernel_gives().namespaces) return testing::skipped("user namespaces");
  server inner;
  sandbox_rules rules;
  rules.reaches = {"*:" + std::to_string(inner.port)};
  const auto script =
      "import socket\n"
      "for host in (b'localhost', b'127.0.0.1', b'127.1', b'[::ffff:127.0.0.1]', b'0'):\n"
      "  for b in (b'CONNECT ' + host + b':%d HTTP/1.1\\r\\n\\r\\n', b'GET http://' + host + "
      "b':%d/ "
      "HTTP/1.1\\r\\n\\r\\n'):\n"
      "    s = socket.create_connection(('127.0.0.1', 3128), 20)\n"
      "    s.sendall(b % " +
      std::to_string(inner.port) +
      ")\n"
      "    print(s.recv(100)[:12].decode())\n";
  std::string all;
  for (int i = 0; i < 10; ++i) all += "HTTP/1.1 403\n";
  CHECK(said_by(script, rules) == all);
  CHECK(inner.heard.empty());
}

TEST_CASE("entries of a list of addresses") {
  for (const auto* good : {"a.example:443", "*.a.example:*", "10.0.0.1:1", "[::1]:80"})
    CHECK_MESSAGE(is_egress_entry(good), good);
  for (const auto* bad :
       {"", "a", "a:", ":1", "a:0", "a:70000", "a:x", "http://a:1", "::1:80", "a b:1"})
    CHECK_MESSAGE(!is_egress_entry(bad), bad);
  CHECK(lets_out("*.a.example:443", "x.A.example", "443"));
  CHECK(!lets_out("*.a.example:443", "a.example.evil.org", "443"));
  CHECK(!lets_out("a.example:443", "a.example", "80"));
  CHECK(lets_out("[::1]:80", "::1", "80"));
}

TEST_CASE("who takes nothing for a while holds up its own direction alone" *
          doctest::test_suite("kernel")) {
  if (!what_kernel_gives().namespaces) return testing::skipped("user namespaces");
  constexpr std::size_t much = 64 << 20;  // more than sockets keep
  // Says much, and listens meanwhile.
  server there(false);
  std::size_t taken = 0;
  std::thread both([&] {
    const int client = ::accept(there.fd, nullptr, nullptr);
    std::thread reads([&] {
      std::string block(64 << 10, ' ');
      for (ssize_t n; (n = ::recv(client, block.data(), block.size(), 0)) > 0;)
        taken += static_cast<std::size_t>(n);
    });
    const std::string all(much, 's');
    for (std::size_t at = 0; at < all.size();) {
      const auto n = ::send(client, all.data() + at, all.size() - at, MSG_NOSIGNAL);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    ::shutdown(client, SHUT_WR);
    reads.join();
    ::close(client);
  });
  sandbox_rules rules;
  rules.reaches = {"127.0.0.1:" + std::to_string(there.port)};
  // Says as much before it reads a byte.
  const auto script =
      "import socket\n"
      "s = socket.create_connection(('127.0.0.1', 3128), 60)\n"
      "s.sendall(b'CONNECT 127.0.0.1:" +
      std::to_string(there.port) +
      " HTTP/1.1\\r\\n\\r\\n')\n"
      "head = b''\n"
      "while b'\\r\\n\\r\\n' not in head: head += s.recv(1)\n"
      "s.sendall(b'c' * (64 << 20)); s.shutdown(1)\n"
      "n = 0\n"
      "while True:\n"
      "  b = s.recv(65536)\n"
      "  if not b: break\n"
      "  n += len(b)\n"
      "print(n)\n";
  CHECK(said_by(script, rules) == std::to_string(much) + "\n");
  both.join();
  CHECK(taken == much);
}

namespace {

/// A client of the door that said what it wants, and what is left of it then.
struct caller {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  caller(int port, const std::string& head) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::send(fd, head.data(), head.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(head.size()));
  }
  ~caller() { ::close(fd); }
  caller(const caller&) = delete;
  /// Its first line; what came of it where no more comes.
  std::string answer() const {
    std::string line;
    for (char c = 0; c != '\n' && ::recv(fd, &c, 1, 0) == 1;) line += c;
    return line;
  }
};

/// Listens, says nothing, and keeps whoever comes.
struct silent {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = 0;
  silent() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(fd, 256) == 0);
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port = ntohs(at.sin_port);
  }
};

}  // namespace

TEST_CASE("a client that is gone holds no place at a server that says nothing") {
  const silent far, door;
  const auto to = "127.0.0.1:" + std::to_string(far.port);
  const auto made = egress::start(door.fd, {to, "127.0.0.1:1"}, "a test", {600'000, 50});
  REQUIRE(made);
  const std::string tunnel = "CONNECT " + to + " HTTP/1.1\r\n\r\n";
  const std::string plain = "GET http://" + to + "/ HTTP/1.1\r\n\r\n";
  for (int i = 0; i < 40; ++i) {  // more than there are places, of each kind
    const caller one(door.port, tunnel), other(door.port, plain);
    CHECK(one.answer().starts_with("HTTP/1.1 200"));
    if (i % 2 == 0) ::shutdown(one.fd, SHUT_WR);
  }
  // Whoever comes then has one; nobody waited for ten minutes.
  const caller last(door.port, tunnel);
  CHECK(last.answer().starts_with("HTTP/1.1 200"));
  ::close(far.fd);
}
