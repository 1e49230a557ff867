// A call over a network that is late and loses packets.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "actors/gateway/webrtc/call.test.hpp"

using namespace hocket;
using namespace hocket::gateway::webrtc;
using namespace hocket::gateway::webrtc::testing;
using hocket::testing::becomes;

namespace {

/// Packets between a caller and one port; once it is bad, late by up to `most_ms` and some of them lost.
class bad_network {
 public:
  bad_network(std::uint16_t to, int most_ms, double loss) : most_ms_(most_ms), loss_(loss) {
    to_ = loopback(to);
    socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    auto at = loopback(0);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    socklen_t size = sizeof at;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size);
    port = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~bad_network() {
    is_over_ = true;
    thread_.join();
    ::close(socket_);
  }
  std::uint16_t port = 0;
  std::atomic<int> lost = 0;
  std::atomic<bool> is_bad = false;

 private:
  using clock = std::chrono::steady_clock;
  struct packet {
    std::string bytes;
    sockaddr_in to;
  };
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
  }
  void run() {
    std::mt19937 random(1);
    std::multimap<clock::time_point, packet> late;
    while (!is_over_) {
      pollfd p{socket_, POLLIN, 0};
      ::poll(&p, 1, 2);
      char bytes[2048];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      for (ssize_t n; (n = ::recvfrom(socket_, bytes, sizeof bytes, 0,
                                      reinterpret_cast<sockaddr*>(&from), &size)) > 0;) {
        const bool is_back = from.sin_port == to_.sin_port;
        if (!is_back) caller_ = from;
        if (is_bad && std::uniform_real_distribution<>(0, 1)(random) < loss_) {
          ++lost;
          continue;
        }
        const auto ms = is_bad ? std::uniform_int_distribution<>(0, most_ms_)(random) : 0;
        late.emplace(clock::now() + std::chrono::milliseconds(ms),
                     packet{{bytes, static_cast<std::size_t>(n)}, is_back ? caller_ : to_});
      }
      for (; !late.empty() && late.begin()->first <= clock::now(); late.erase(late.begin())) {
        const auto& due = late.begin()->second;
        (void)::sendto(socket_, due.bytes.data(), due.bytes.size(), 0,
                       reinterpret_cast<const sockaddr*>(&due.to), sizeof due.to);
      }
    }
  }

  const int most_ms_;
  const double loss_;
  int socket_ = -1;
  sockaddr_in to_{}, caller_{};
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

/// How many of the newest 100 blocks of 20 ms are loud.
int loud_blocks(side& e) {
  return e.locked([&] {
    constexpr std::size_t block = 320, blocks = 100;
    if (e.sound.size() < block * blocks) return 0;
    int out = 0;
    for (std::size_t b = 0; b < blocks; ++b) {
      double power = 0;
      for (std::size_t i = 0; i < block; ++i) {
        const double s = e.sound[e.sound.size() - block * (blocks - b) + i];
        power += s * s;
      }
      out += power / block > 0.005 ? 1 : 0;
    }
    return out;
  });
}

}  // namespace

TEST_CASE("300 ms of jitter and 5 % of loss: words come whole and in order, sound goes on") {
  if (is_missing()) return;
  pair_of_ends p;
  std::unique_ptr<bad_network> network;
  p.between = [&](description& answer) {
    // "candidate:1 1 UDP 2015363327 127.0.0.1 PORT typ host"
    auto& c = answer.candidates[0];
    const auto at = c.find("127.0.0.1 ") + 10, end = c.find(' ', at);
    network = std::make_unique<bad_network>(
        static_cast<std::uint16_t>(std::stoi(c.substr(at, end - at))), 300, 0.05);
    c.replace(at, end - at, std::to_string(network->port));
    answer.candidates.resize(1);
  };
  p.connect();
  REQUIRE(becomes([&] {
    return p.server.locked([&] { return p.server.is_open; }) &&
           p.client.locked([&] { return p.client.is_open; });
  }));
  network->is_bad = true;  // a handshake through it could take longer than the test
  for (int i = 0; i < 20; ++i) CHECK(p.client.line->send(std::to_string(i), true));
  std::size_t said = 0;
  const auto speaks = [&](side& from) {
    if (from.line->played() + 8'000 < said) return;
    from.line->play(tone(said, 3200));
    said += 3200;
  };
  for (auto* way : {&p.server, &p.client}) {
    auto& other = way == &p.server ? p.client : p.server;
    said = way->line->played();
    bool goes_on = false;
    for (int i = 0; i < 3 && !goes_on; ++i)
      goes_on = becomes([&] {
        speaks(*way);
        return loud_blocks(other) >= 85;
      });
    CHECK_MESSAGE(goes_on, loud_blocks(other));
  }
  CHECK(becomes([&] { return p.server.locked([&] { return p.server.messages.size() == 20; }); }));
  p.server.locked([&] {
    for (std::size_t i = 0; i < p.server.messages.size(); ++i)
      CHECK(p.server.messages[i] == std::to_string(i));
  });
  CHECK(network->lost > 0);
}
