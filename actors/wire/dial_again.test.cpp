// Connections that end before a handshake, and hosts that only ask.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "actors/wire/address.hpp"
#include "actors/wire/two_nodes.test.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

namespace {

/// Takes every connection at a free port, says `greeting`, waits for a word where it `listens`, and
/// closes.
class other_program {
 public:
  explicit other_program(std::string greeting = "", bool listens = false)
      : greeting_(std::move(greeting)), listens_(listens) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int yes = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    // Below the ports of outgoing connections: nobody takes it between two who listen there in turns.
    std::mt19937 random(std::random_device{}());
    bool bound = false;
    for (int tries = 0; tries < 200 && !bound; ++tries) {
      port = 20'000 + static_cast<int>(random() % 12'000);
      at.sin_port = htons(static_cast<std::uint16_t>(port));
      bound =
          ::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 && ::listen(fd_, 16) == 0;
    }
    REQUIRE(bound);
    thread_ = std::thread([this] { serve(); });
  }
  ~other_program() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    stop_.store(true);
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }

  int port = 0;
  std::atomic<int> taken = 0;

 private:
  void serve() {
    while (!stop_.load()) {
      const int one = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (one < 0) continue;
      ++taken;
      if (!greeting_.empty()) (void)!::send(one, greeting_.data(), greeting_.size(), MSG_NOSIGNAL);
      char word = 0;
      if (listens_) (void)!::recv(one, &word, 1, 0);
      ::close(one);
    }
  }
  std::string greeting_;
  bool listens_;
  int fd_ = -1;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

bool ever_refused(const recorder& host) {
  std::lock_guard lock(host.mutex);
  for (const auto& c : host.changes)
    if (c.state == peer_state::refused) return true;
  return false;
}

}  // namespace

TEST_CASE("a forwarder that takes connections before its backend is there is dialled on") {
  for (const bool keys : {false, true}) {
    CAPTURE(keys);
    pair_of_options o(keys);
    other_program forwarder;
    o.right.peers[0].address = "tcp://127.0.0.1:" + std::to_string(forwarder.port);
    o.left.listen = o.right.peers[0].address;
    recorder right_host, left_host;
    auto right = node::open(o.right, right_host).value();
    right->begin();
    // Each attempt and each look at who answers is one connection.
    REQUIRE(eventually([&] { return forwarder.taken.load() >= 8; }));
    CHECK_FALSE(ever_refused(right_host));
    CHECK(right_host.last_change().reason.find("a forwarder") != std::string::npos);
    forwarder.stop();
    auto left = node::open(o.left, left_host).value();
    left->begin();
    CHECK(right_host.wait_state(peer_state::up));
    CHECK_FALSE(ever_refused(right_host));
  }
}

TEST_CASE("another program than hocket is refused, whether it speaks first or waits") {
  pair_of_options o(true);
  std::string greeting;
  bool listens = false;
  SUBCASE("it speaks first") { greeting = "SSH-2.0-OpenSSH_9.2p1\r\n"; }
  SUBCASE("it waits for a request") { listens = true; }
  other_program program(greeting, listens);
  o.right.peers[0].address = "tcp://127.0.0.1:" + std::to_string(program.port);
  recorder host;
  auto n = node::open(o.right, host).value();
  n->begin();
  REQUIRE(host.wait_state(peer_state::refused));
  CHECK(host.last_change().reason.find("no hocket at all") != std::string::npos);
}

TEST_CASE("a host that asks learns the graph of the run, and nobody learns that it is back") {
  for (const bool asker_listens : {false, true}) {
    CAPTURE(asker_listens);
    pair_of_options o(true);
    auto& asker = asker_listens ? o.left : o.right;
    auto& runs = asker_listens ? o.right : o.left;
    asker.asks = true;
    asker.graph_hash = "of before";
    two_nodes n(o);
    auto& asks = asker_listens ? n.left : n.right;
    auto& runner = asker_listens ? n.right : n.left;
    auto& host = asker_listens ? n.right_host : n.left_host;
    REQUIRE(eventually([&] { return asks->graph_of(runs.name) == "graph"; }));
    // What is decided and not reached yet counts.
    runner->set_next_graph("next");
    REQUIRE(eventually([&] { return asks->graph_of(runs.name) == "next"; }));
    runner->set_next_graph("");
    REQUIRE(eventually([&] { return asks->graph_of(runs.name) == "graph"; }));
    CHECK(asks->graph_of("nobody").empty());
    std::lock_guard lock(host.mutex);
    for (const auto& c : host.changes) CHECK(c.state == peer_state::connecting);
  }
}

TEST_CASE("a host that asks was killed: its connection of before counts no longer") {
  pair_of_options o(true);
  two_nodes n(o);
  n.wait_up();
  auto again = o.right;
  again.asks = true;
  again.peers[0].address = n.left->listening();
  recorder nothing;
  auto asks = node::open(again, nothing).value();
  asks->begin();
  REQUIRE(n.left_host.wait([&] {
    for (const auto& c : n.left_host.changes)
      if (c.state == peer_state::lost && c.reason == "it began anew") return true;
    return false;
  }));
  n.right.reset();  // it would dial again, as nobody does who was killed
  CHECK(eventually([&] { return asks->graph_of("left") == "graph"; }));
}
