// A TURN server (RFC 8656) that relays nothing: it asks for name and password, and gives an address.
#include <arpa/inet.h>
#include <glib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "actors/gateway/webrtc/call.test.hpp"

using namespace hocket::gateway::webrtc;
using namespace hocket::gateway::webrtc::testing;
using hocket::testing::becomes;

namespace {

constexpr std::uint16_t allocate = 0x0003, refused = 0x0113, given = 0x0103;
constexpr std::uint16_t username = 0x0006, integrity = 0x0008, error_code = 0x0009,
                        lifetime = 0x000D, realm = 0x0014, nonce = 0x0015, relayed = 0x0016,
                        mapped = 0x0020;
constexpr char cookie[] = "\x21\x12\xA4\x42";

std::string two(std::size_t n) {
  return {static_cast<char>(n >> 8 & 255), static_cast<char>(n & 255)};
}

std::size_t two_at(std::string_view m, std::size_t at) {
  return static_cast<std::size_t>(static_cast<unsigned char>(m[at])) << 8 |
         static_cast<unsigned char>(m[at + 1]);
}

std::string attribute(std::uint16_t type, const std::string& value) {
  return two(type) + two(value.size()) + value + std::string((4 - value.size() % 4) % 4, '\0');
}

/// An IPv4 address and port, XORed as RFC 8489 has it.
std::string address(std::uint16_t port) {
  std::string out = {0, 1};
  out += two(port ^ 0x2112);
  const char loopback[] = {127, 0, 0, 1};
  for (int i = 0; i < 4; ++i) out += static_cast<char>(loopback[i] ^ cookie[i]);
  return out;
}

struct relay {
  relay() {
    socket = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    socklen_t size = sizeof at;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
    port = ntohs(at.sin_port);
    thread = std::thread([this] { run(); });
  }
  ~relay() {
    is_over = true;
    thread.join();
    ::close(socket);
  }

  /// HMAC-SHA1 with the key of a name and its password, over what comes before it.
  std::string sum(std::string message, const std::string& user) const {
    const auto secret = user + ":hocket:" + password;
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<const guchar*>(text.data());
    };
    guint8 key[16], out[20];
    gsize key_size = sizeof key, size = sizeof out;
    GChecksum* md5 = g_checksum_new(G_CHECKSUM_MD5);
    g_checksum_update(md5, bytes(secret), static_cast<gssize>(secret.size()));
    g_checksum_get_digest(md5, key, &key_size);
    g_checksum_free(md5);
    message.replace(2, 2, two(message.size() - 20 + 24));  // as if it were in it
    GHmac* sha1 = g_hmac_new(G_CHECKSUM_SHA1, key, key_size);
    g_hmac_update(sha1, bytes(message), static_cast<gssize>(message.size()));
    g_hmac_get_digest(sha1, out, &size);
    g_hmac_unref(sha1);
    return {reinterpret_cast<const char*>(out), size};
  }

  std::string answer(const std::string& m) {
    const std::string id = m.substr(4, 16);
    const auto whole = [&](std::uint16_t type, const std::string& body) {
      return two(type) + two(body.size()) + id + body;
    };
    std::string user, claimed, before;
    for (std::size_t at = 20; at + 4 <= m.size();) {
      const auto type = two_at(m, at), length = two_at(m, at + 2);
      if (at + 4 + length > m.size()) return {};
      if (type == username) user = m.substr(at + 4, length);
      if (type == integrity) claimed = m.substr(at + 4, length), before = m.substr(0, at);
      at += 4 + (length + 3) / 4 * 4;
    }
    if (user.empty())
      return whole(refused, attribute(error_code, std::string("\0\0\x04\x01", 4) + "who are you") +
                                attribute(realm, "hocket") + attribute(nonce, "once"));
    const bool is_right = user == name && claimed == sum(before, user);
    (is_right ? right : wrong) = true;
    if (!is_right) return {};
    auto out = whole(given, attribute(relayed, address(4242)) + attribute(mapped, address(4243)) +
                                attribute(lifetime, std::string("\0\0\x02\x58", 4)));
    const auto mark = sum(out, user);
    out.replace(2, 2, two(out.size() - 20 + 24));
    return out + attribute(integrity, mark);
  }

  void run() {
    while (!is_over) {
      pollfd p{socket, POLLIN, 0};
      if (::poll(&p, 1, 20) <= 0) continue;
      char bytes[2048];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto n =
          ::recvfrom(socket, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n < 20) continue;
      const std::string m(bytes, static_cast<std::size_t>(n));
      if (two_at(m, 0) != allocate) continue;
      if (const auto out = answer(m); !out.empty())
        ::sendto(socket, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  const std::string name = "hocket talks", password = "p@ss:word/%";
  int socket = -1;
  std::uint16_t port = 0;
  std::atomic<bool> right = false, wrong = false, is_over = false;
  std::thread thread;
};

}  // namespace

TEST_CASE(
    "a TURN server is told the name and the password, whatever letters they have; callers its "
    "address") {
  if (is_missing()) return;
  relay r;
  auto o = on_loopback();
  o.turn = "turn://hocket%20talks:p%40ss%3Aword%2F%25@127.0.0.1:" + std::to_string(r.port);
  side app;
  exchange e(o);
  // Whose machine is too busy for the relay's answer to come in time offers without: the next one tells it.
  CHECK(becomes([&] {
    app.locked([&] { app.sdp.clear(); });
    e.offer("oai-events", {}, app.done());
    REQUIRE(becomes([&] { return app.stands(); }));
    REQUIRE_MESSAGE(app.failed.empty(), app.failed);
    return app.sdp.find(" 127.0.0.1 4242 typ relay") != app.sdp.npos;
  }));
  CHECK(r.right);
  CHECK(!r.wrong);
  e.stop(0);
}
