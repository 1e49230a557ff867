// What happens to a node when the other side, or the way to it, is bad.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <atomic>
#include <thread>

#include "actors/wire/address.hpp"
#include "actors/wire/node.hpp"
#include "actors/wire/two_nodes.test.hpp"
#include "graph/schema/wire_messages.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

namespace {

sockaddr_in local(int port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<std::uint16_t>(port));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

int listen_at(int port, int& got) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto a = local(port);
  if (bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 || listen(fd, 16) != 0) {
    close(fd);
    return -1;
  }
  socklen_t size = sizeof a;
  getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size);
  got = ntohs(a.sin_port);
  return fd;
}

int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto a = local(port);
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
  return fd;
}

/// A cable that a test can cut or block: passes TCP connections on to a port. One per lane.
class cable {
 public:
  explicit cable(int to) : to_(to) {
    listener_ = listen_at(0, port_);
    REQUIRE(listener_ >= 0);
    thread_ = std::thread([this] { loop(); });
  }
  ~cable() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }
  int port() const { return port_; }
  /// All connections at once, once.
  void cut() {
    cut_ = true;
    while (cut_) std::this_thread::yield();
  }
  void block(bool on) { blocked_ = on; }  ///< half-open: nothing passes, nothing closes

 private:
  struct way {
    int a, b;
  };
  void loop() {
    std::vector<way> ways;
    auto drop = [&](way& w) {
      close(w.a);
      close(w.b);
      w.a = -1;
    };
    while (!stop_) {
      if (cut_) {
        for (auto& w : ways) drop(w);
        cut_ = false;
      }
      std::erase_if(ways, [](const way& w) { return w.a < 0; });
      std::vector<pollfd> fds{{listener_, POLLIN, 0}};
      const bool blocked = blocked_;
      if (!blocked)
        for (const auto& w : ways) fds.push_back({w.a, POLLIN, 0}), fds.push_back({w.b, POLLIN, 0});
      poll(fds.data(), fds.size(), 5);
      for (std::size_t i = 0; !blocked && i < ways.size(); ++i)
        if (!pass(fds[1 + 2 * i], ways[i].b) || !pass(fds[2 + 2 * i], ways[i].a)) drop(ways[i]);
      if ((fds[0].revents & POLLIN) != 0) {
        const int a = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const int b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto to = local(to_);
        if (connect(b, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0)
          ways.push_back({a, b});
        else
          close(a), close(b);
      }
    }
    for (auto& w : ways)
      if (w.a >= 0) drop(w);
  }
  static bool pass(const pollfd& from, int to) {
    if (from.revents == 0) return true;
    char block[65536];
    const auto n = recv(from.fd, block, sizeof block, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    for (ssize_t sent = 0; sent < n;) {
      const auto m = ::send(to, block + sent, static_cast<std::size_t>(n - sent), MSG_NOSIGNAL);
      if (m <= 0) return false;
      sent += m;
    }
    return true;
  }

  int to_, listener_ = -1, port_ = 0;
  std::atomic<bool> stop_{false}, cut_{false}, blocked_{false};
  std::thread thread_;
};

/// Two nodes whose control lane runs over a cable. The data lane goes directly.
struct cabled_nodes {
  recorder left_host, right_host;
  std::unique_ptr<node> left, right;
  std::unique_ptr<cable> control;

  explicit cabled_nodes(pair_of_options& o) {
    left = node::open(o.left, left_host).value();
    control = std::make_unique<cable>(address::parse(left->listening())->port);
    o.right.peers[0].address = "tcp://127.0.0.1:" + std::to_string(control->port());
    right = node::open(o.right, right_host).value();
    left->begin();
    right->begin();
    REQUIRE(left_host.wait_state(peer_state::up));
    REQUIRE(right_host.wait_state(peer_state::up));
  }
};

}  // namespace

TEST_CASE("cut and healed: lossless loses nothing and repeats nothing, bounded announces its gap") {
  for (const bool keys : {false, true}) {
    CAPTURE(keys);
    pair_of_options o(keys);
    cabled_nodes n(o);
    n.left_host.consumes = n.left.get();
    std::uint64_t sent = 0, other = 0;
    for (int round = 0; round < 5; ++round) {
      REQUIRE(n.left_host.wait_state(peer_state::up));
      REQUIRE(n.right_host.wait_state(peer_state::up));
      for (int i = 0; i < 30; ++i) {
        send_when_possible(*n.right, n.right_host, 2, words("x", sent++));
        n.right->send(1, words("y", other++));
        if (i == 15) n.control->cut();
      }
      REQUIRE(n.left_host.wait([&] { return n.left_host.arrived[2] == sent; }));
      const auto again = static_cast<std::uint64_t>(round) + 2;
      REQUIRE(eventually([&] { return n.right->status().peers[0].connects == again; }));
    }
    // Behind every gap.
    send_when_possible(*n.right, n.right_host, 1, words("last"));
    REQUIRE(n.left_host.wait(
        [&] { return n.left_host.packets.back().get_if<text>()->value == "last"; }));
    CHECK(n.right->flush(20'000));
    {
      std::lock_guard lock(n.left_host.mutex);
      std::uint64_t next = 0;
      for (const auto& p : n.left_host.packets)
        if (p.get_if<text>()->value == "x") REQUIRE(p.header.seq == next++);
      CHECK(next == sent);
      // Each came back to the same process: its sessions go on.
      for (std::size_t i = 1; i < n.left_host.changes.size(); ++i)
        if (n.left_host.changes[i].state == peer_state::up)
          CHECK_FALSE(n.left_host.changes[i].restarted);
    }
    const auto s = n.right->status();
    CHECK(s.law_holds());
    CHECK(account(s, 2).sent == sent);
    CHECK(account(s, 2).dropped_total() == 0);
    const auto left = n.left->status();
    CHECK(left.law_holds());
    CHECK(account(left, 1).gaps == account(s, 1).dropped[0]);
    CHECK(s.peers[0].connects == 6);
  }
}

TEST_CASE("half-open: nothing closes and nothing passes; both notice by silence and recover") {
  pair_of_options o(true);
  cabled_nodes n(o);
  send_when_possible(*n.right, n.right_host, 2, words("before"));
  REQUIRE(n.left_host.wait_packets(1));
  n.left->consumed(2);
  n.control->block(true);
  REQUIRE(n.right_host.wait([&] {
    return !n.right_host.changes.empty() && n.right_host.changes.back().state == peer_state::lost;
  }));
  REQUIRE(n.left_host.wait([&] {
    return !n.left_host.changes.empty() && n.left_host.changes.back().state == peer_state::lost;
  }));
  CHECK(n.right->send(1, words("nobody")) == sent_how::no_peer);
  bool was_suspect = false;
  std::unique_lock lock(n.left_host.mutex);
  for (const auto& c : n.left_host.changes)
    was_suspect = was_suspect || c.state == peer_state::suspect;
  CHECK(was_suspect);
  CHECK(n.left_host.changes.back().reason.find("silent: control lane for") == 0);
  lock.unlock();
  n.control->block(false);
  n.control->cut();
  REQUIRE(n.left_host.wait_state(peer_state::up));
  send_when_possible(*n.right, n.right_host, 2, words("after"));
  REQUIRE(n.left_host.wait_packets(2));
  CHECK(n.left->status().law_holds());
}

TEST_CASE(
    "a peer that restarts is a new one: numbering begins afresh, unconsumed packets come again") {
  pair_of_options o(false);
  o.left.listen = "ipc://" + o.place.path + "/lane";
  auto left_host = std::make_unique<recorder>();
  recorder right_host;
  auto left = node::open(o.left, *left_host).value();
  o.right.peers[0].address = left->listening();
  auto right = node::open(o.right, right_host).value();
  left->begin();
  right->begin();
  REQUIRE(right_host.wait_state(peer_state::up));
  for (std::uint64_t i = 0; i < 6; ++i) send_when_possible(*right, right_host, 2, words("x", i));
  REQUIRE(left_host->wait_packets(6));
  left->consumed(2, 4);  // due: told at once
  REQUIRE(eventually([&] { return account(right->status(), 2).in_flight == 2; }));
  left.reset();  // two of them die in its queue
  REQUIRE(right_host.wait_state(peer_state::lost));
  left_host = std::make_unique<recorder>();
  left = node::open(o.left, *left_host).value();
  left->begin();
  REQUIRE(right_host.wait_state(peer_state::up));
  CHECK(right_host.last_change().restarted);
  REQUIRE(left_host->wait_packets(2));
  CHECK(left_host->packets[0].header.seq == 4);
  CHECK(left_host->packets[1].header.seq == 5);
  left->consumed(2, 2);
  CHECK(right->flush(20'000));
  const auto s = right->status();
  CHECK(account(s, 2).delivered == 6);
  CHECK(account(s, 2).sent_again == 2);
  CHECK(s.law_holds());
}

TEST_CASE("a host that does not fit is refused on both sides, both values named") {
  pair_of_options o(true);
  std::string code;
  SUBCASE("graph") { o.right.graph_hash = "other graph", code = "wire.wrong_graph"; }
  SUBCASE("schema") { o.right.schema_hash = "other schema", code = "wire.wrong_schema"; }
  SUBCASE("name") { o.right.name = "stranger", code = "wire.wrong_name"; }
  CAPTURE(code);
  two_nodes n(o);
  REQUIRE(n.right_host.wait_state(peer_state::refused));
  const auto reason = n.right_host.last_change().reason;
  CHECK(reason.find(code) != std::string::npos);
  if (code == "wire.wrong_graph")
    CHECK(reason.find("left has graph, right has other graph") != std::string::npos);
  if (code != "wire.wrong_name") {
    REQUIRE(n.left_host.wait_state(peer_state::refused));
    CHECK(n.left_host.last_change().reason.find("differs") != std::string::npos);
  }
  CHECK(n.left->status().refused > 0);
}

TEST_CASE("a wrong key never gets as far as a handshake") {
  pair_of_options o(true);
  std::string expected;
  SUBCASE("ours is not on their list") {
    o.right.secret_key = make_keys()->secret_key;
    expected = "does not accept our key";
  }
  SUBCASE("theirs is not the one we know") {
    o.right.peers[0].public_key = make_keys()->public_key;
    expected = "another key than in our graph";
  }
  SUBCASE("plaintext against keys") {
    o.right.secret_key.clear();
    expected = "plaintext against keys";
  }
  two_nodes n(o);
  REQUIRE(n.right_host.wait_state(peer_state::refused));
  CHECK(n.right_host.last_change().reason.find(expected) != std::string::npos);
  std::lock_guard lock(n.left_host.mutex);
  CHECK(n.left_host.changes.empty());
}

TEST_CASE("garbage on the port does not disturb those who talk") {
  for (const bool keys : {false, true}) {
    pair_of_options o(keys);
    two_nodes n(o);
    n.wait_up();
    const auto at = *address::parse(n.left->listening());
    const std::string signature = std::string("\xff\0\0\0\0\0\0\0\x01\x7f", 10) + "\x03";
    for (const auto& junk : {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                             std::string(10'000, '\xff'), signature + std::string(200, '\x7f')}) {
      const int fd = connect_to(at.port);
      (void)!::send(fd, junk.data(), junk.size(), MSG_NOSIGNAL);
      close(fd);
    }
    send_when_possible(*n.right, n.right_host, 2, words("fine"));
    REQUIRE(n.left_host.wait_packets(1));
    CHECK(n.left->status().law_holds());
  }
}

TEST_CASE("a peer with a good handshake and bad messages is cut off and counted") {
  // Plaintext on loopback, so that the test can play the peer with a bare socket.
  pair_of_options o(false);
  recorder host;
  auto n = node::open(o.left, host).value();
  n->begin();
  void* context = zmq_ctx_new();
  auto dealer = [&](const std::string& where) {
    void* s = zmq_socket(context, ZMQ_DEALER);
    const int zero = 0;
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    REQUIRE(zmq_connect(s, where.c_str()) == 0);
    return s;
  };
  auto send = [](void* s, const std::string& bytes) {
    REQUIRE(zmq_send(s, bytes.data(), bytes.size(), 0) == static_cast<int>(bytes.size()));
  };
  const auto at = *address::parse(n->listening());
  void* control = dealer(at.to_string());
  send(control, "not a message");
  hello h;
  h.host = "right";
  h.incarnation = 9;
  h.graph_hash = "graph";
  h.schema_hash = "schema";
  send(control, encode(control_frame{77, h}));
  char block[4096];
  const int size = zmq_recv(control, block, sizeof block, 0);
  REQUIRE(size > 0);
  const auto answer =
      decode_control(std::as_bytes(std::span(block, static_cast<std::size_t>(size))));
  REQUIRE(answer);
  const auto* theirs = std::get_if<hello>(&answer->body);
  REQUIRE(theirs != nullptr);
  void* data = dealer(at.with_announced(theirs->data_lane)->to_string());
  data_frame f{77, {{0, beat{1, 0, 0, 0}}}};
  send(data, encode(f));
  REQUIRE(host.wait_state(peer_state::up));
  SUBCASE("an unknown link") { f.records = {{99, packet_record{0, "", {}}}}; }
  SUBCASE("a missing bulk frame") {
    packet_record p{0, "", {}};
    p.bulk.push_back({bulk_place::way::frame, "", 0, 0, 10});
    f.records = {{1, p}};
  }
  SUBCASE("an arena that there is not") {
    packet_record p{0, "", {}};
    p.bulk.push_back({bulk_place::way::arena, "", 0, 0, 10});
    f.records = {{1, p}};
  }
  SUBCASE("a flood beyond the credit") { f.records = {{1, packet_record{16, "x", {}}}}; }
  SUBCASE("credit for packets that were never sent") { f.records = {{3, ack_record{5, 5, 5}}}; }
  send(data, encode(f));
  REQUIRE(host.wait_state(peer_state::lost));
  CHECK(host.last_change().reason.find("it broke the protocol") == 0);
  const auto s = n->status();
  CHECK(s.peers[0].malformed > 0);
  CHECK(s.refused > 0);
  CHECK(s.law_holds());
  zmq_close(control);
  zmq_close(data);
  zmq_ctx_term(context);
}

TEST_CASE("a packet that does not decode is dropped and counted; the link goes on") {
  pair_of_options o(false);
  o.left.limits.head_bytes = 300;
  two_nodes n(o);
  n.wait_up();
  send_when_possible(*n.right, n.right_host, 2, words(std::string(1000, 'x')));
  send_when_possible(*n.right, n.right_host, 2, words("small"));
  REQUIRE(n.left_host.wait_packets(1));
  CHECK(n.left_host.packets[0].get_if<text>()->value == "small");
  n.left->consumed(2);
  CHECK(n.right->flush(20'000));
  const auto s = n.left->status();
  CHECK(account(s, 2).dropped[static_cast<std::size_t>(wire_drop::undecodable)] == 1);
  CHECK(s.law_holds());
}
