#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "actors/http/server.hpp"

namespace hocket::testing {

using namespace hocket::http;

/// A client without manners: bytes as they are, over a socket of loopback.
class raw_client {
 public:
  explicit raw_client(int port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }
  raw_client(raw_client&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  raw_client& operator=(raw_client&&) = delete;
  ~raw_client() {
    if (fd_ >= 0) close(fd_);
  }

  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void half_close() const { shutdown(fd_, SHUT_WR); }
  /// Everything until the end, or until `until` was read; "" where nothing comes for 120 s.
  std::string read(std::string_view until = {}) const {
    std::string out;
    char block[4096];
    for (;;) {
      if (!until.empty() && out.find(until) != out.npos) return out;
      pollfd ready{fd_, POLLIN, 0};
      if (poll(&ready, 1, 120'000) != 1) return {};
      const auto n = recv(fd_, block, sizeof block, 0);
      if (n <= 0) return out;
      out.append(block, static_cast<std::size_t>(n));
    }
  }
  /// Whether the server has ended the connection.
  bool is_over() const {
    pollfd ready{fd_, POLLIN, 0};
    char byte;
    return poll(&ready, 1, 0) == 1 && recv(fd_, &byte, 1, MSG_PEEK) <= 0;
  }

 private:
  int fd_ = -1;
};

/// A file for as long as it lives.
class temporary_file {
 public:
  explicit temporary_file(const std::string& text)
      : path((std::filesystem::temp_directory_path() / "hocket-http-XXXXXX").string()) {
    close(mkstemp(path.data()));
    std::ofstream(path) << text;
  }
  temporary_file(const temporary_file&) = delete;
  ~temporary_file() { std::filesystem::remove(path); }
  std::string path;
};

/// Whether it comes true within 120 s: what a busy machine does late is not an error.
template <class Condition>
bool becomes(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

/// Answers `METHOD path?query body`, and WebSockets at /echo with what they say.
inline server_options echo_options() {
  server_options o;
  o.address = "tcp://127.0.0.1:0";
  o.counters = std::make_shared<server_counters>();
  o.handle = [](const request& r, const responder& reply) {
    reply({200, "text/plain", r.method + " " + r.path + "?" + r.query + " " + r.body, {}});
  };
  o.upgrade = [](const request& r) -> std::variant<response, websocket_accept> {
    if (r.path != "/echo") return response{404, "text/plain", "no such socket\n", {}};
    return websocket_accept{"", [](std::shared_ptr<websocket> s) {
                              websocket_events e;
                              e.message = [s](std::string_view m, bool is_text) {
                                s->send(std::string(m), is_text);
                              };
                              return e;
                            }};
  };
  return o;
}

inline std::unique_ptr<server> start(server_options o) {
  auto s = server::start(std::move(o));
  REQUIRE_MESSAGE(s.has_value(), (s ? "" : s.error().message));
  return std::move(*s);
}

inline std::size_t count(const std::string& in, std::string_view what) {
  std::size_t n = 0;
  for (auto at = in.find(what); at != in.npos; at = in.find(what, at + 1)) ++n;
  return n;
}

}  // namespace hocket::testing
