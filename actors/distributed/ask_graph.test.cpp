#include "actors/distributed/ask_graph.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "actors/distributed/hosts.test.hpp"
#include "actors/distributed/wire_transport.hpp"
#include "actors/wire/two_nodes.test.hpp"
#include "graph/spec/partition.hpp"

using namespace hocket;
using namespace hocket::distributed;
using namespace hocket::testing;
using namespace std::chrono_literals;

namespace {

/// Three hosts: `left` leads, `mid` and `right` only take part, and one of them asks. They are sockets, and no run.
struct asked_hosts {
  explicit asked_hosts(const std::string& asks = "mid") {
    for (const char* name : {"a", "b", "c"})
      g.add(name, 0, 1, [] { return std::make_unique<lambda_component>(); });
    whole = placed(g, {{"a", "left"}, {"b", "mid"}, {"c", "right"}});
    for (auto& h : whole.hosts) h.listen = "ipc://" + place.path + "/" + h.name;
    mine.name = asks;
    REQUIRE(partition(whole, asks)->leader == "left");
  }
  /// `next`: what it is about to have, said before it greets anybody.
  wire::node& open(const std::string& name, const std::string& graph,
                   const std::string& next = "") {
    wire::node_options o;
    o.name = name;
    o.graph_hash = graph;
    o.schema_hash = wire::schema_hash();
    o.shared_memory = false;
    std::map<std::string, std::string> listens;
    for (const auto& h : whole.hosts) listens[h.name] = h.listen;
    o.listen = listens[name];
    const auto& asks = listens[mine.name];
    o.peers = {{mine.name, wire::we_connect(name, o.listen, mine.name, asks) ? asks : "", ""}};
    nodes.push_back(wire::node::open(std::move(o), nothing).value());
    nodes.back()->set_next_graph(next);
    nodes.back()->begin();
    return *nodes.back();
  }
  result<bool> ask(std::chrono::milliseconds patience = 120s,
                   std::chrono::milliseconds leader_first = 5s,
                   const std::string& until_told = "") {
    const auto until = std::chrono::steady_clock::now() + patience;
    return has_graph(
        whole, mine, {"old", "new"},
        [&](const std::string& text) {
          if (!text.empty()) about = text;
          const bool is_told = !until_told.empty() && about.find(until_told) != about.npos;
          return std::chrono::steady_clock::now() < until && !is_told;
        },
        leader_first);
  }

  wire::testing::folder place;
  plan_maker g;  // owns the types that the plan points to
  plan whole;
  host_options mine;
  wire::testing::recorder nothing;
  std::vector<std::unique_ptr<wire::node>> nodes;
  std::string about;
};

}  // namespace

TEST_CASE("the leader's graph is the answer: the new one, or the one that this host had") {
  asked_hosts s;
  SUBCASE("it has the new one") {
    s.open("left", "new");
    CHECK(s.ask().value() == true);
  }
  SUBCASE("it is about to have it") {
    s.open("left", "old", "new");
    CHECK(s.ask().value() == true);
  }
  SUBCASE("it has the old one, whatever another says") {
    s.open("right", "new");
    s.open("left", "old");
    CHECK(s.ask().value() == false);
  }
}

TEST_CASE("a graph that is neither is no answer, and is told") {
  asked_hosts s;
  s.open("left", "third\x1b[2J");
  const auto got = s.ask(120s, 5s, "third");
  REQUIRE(!got);
  CHECK(got.error().code == "rewire.not-asked");
  CHECK(s.about ==
        "host left has graph third, which is neither the one that this host had (old) nor the "
        "one that it agreed to (new): start it with the newest file and --from-file");
}

TEST_CASE("where the leader is gone, hosts that may change the graph are believed") {
  asked_hosts s;
  bool believed = true;
  SUBCASE("all may") {}
  SUBCASE("this one may") { s.whole.hosts.back().rewires = true; }
  SUBCASE("others may") {
    s.whole.hosts.front().rewires = true;
    believed = false;
  }
  REQUIRE(s.whole.hosts.back().name == "right");
  s.open("right", "new");
  const auto got = s.ask(believed ? 120s : 1s, 0ms);
  CHECK(got.has_value() == believed);
  if (believed) CHECK(*got == true);
}

TEST_CASE("a leader asks what its word came to") {
  asked_hosts s("left");
  SUBCASE("one heard it") {
    s.open("mid", "old");
    s.open("right", "old", "new");
    CHECK(s.ask().value() == true);
  }
  SUBCASE("nobody did") {
    s.open("mid", "old");
    s.open("right", "old");
    CHECK(s.ask(120s, 120s).value() == false);
  }
  SUBCASE("one did not, and the other is silent") {
    s.open("mid", "old");
    CHECK(s.ask(120s, 5s).value() == false);
  }
  SUBCASE("one does not know yet") {
    auto& mid = s.open("mid", "old", wire::undecided_graph);
    s.open("right", "old");
    CHECK(!s.ask(500ms, 120s));
    mid.set_next_graph("new");
    CHECK(s.ask(120s, 120s).value() == true);
  }
  SUBCASE("one does not know yet for longer than the silent are waited for") {
    s.open("mid", "old", wire::undecided_graph);
    CHECK(s.ask(8s, 5s).error().code == "rewire.not-asked");
  }
  SUBCASE("one has a third graph") {
    s.open("mid", "third");
    CHECK(!s.ask(120s, 120s, "third"));
    CHECK(s.about.starts_with("host mid has graph third, which is neither"));
  }
  SUBCASE("one that may not change the graph says so, and one that may the opposite") {
    for (auto& h : s.whole.hosts) h.rewires = h.name == "mid";
    s.open("right", "new");
    s.open("mid", "old");
    CHECK(s.ask(120s, 120s).value() == false);
  }
  SUBCASE("all were killed") { CHECK(s.ask(120s, 200ms).value() == true); }
  SUBCASE("all were killed, and it is stopped meanwhile") {
    CHECK(s.ask(200ms, 120s).error().code == "rewire.not-asked");
    CHECK(s.about == "no answer yet of host mid, right");
  }
}

TEST_CASE("a leader that answered and died is not waited for") {
  asked_hosts s;
  s.open("left", "third");
  std::atomic<bool> asked{false};
  const auto until = std::chrono::steady_clock::now() + 120s;
  const auto got = has_graph(
      s.whole, s.mine, {"old", "new"},
      [&](const std::string& about) {
        // Only then is there another one: however slowly it answers, it is heard before.
        if (about.find("third") != std::string::npos && !asked.exchange(true)) {
          s.nodes.front().reset();
          s.open("right", "new");
        }
        return std::chrono::steady_clock::now() < until;
      },
      500ms);
  CHECK(asked.load());
  REQUIRE(got);
  CHECK(*got == true);
}

TEST_CASE("while votes are counted there is no answer yet, whichever host dials") {
  for (const bool dials : {true, false}) {
    CAPTURE(dials);
    asked_hosts s;
    if (dials)  // the leader does
      s.whole.hosts.front().listen.clear();
    else
      s.whole.hosts[1].listen.clear();
    auto& leader = s.open("left", "old", wire::undecided_graph);
    CHECK(!s.ask(1s));
    std::atomic<bool> over{false};
    std::thread decides([&] {
      std::this_thread::sleep_for(200ms);
      over.store(true);
      leader.set_next_graph("new");
    });
    CHECK(s.ask().value() == true);
    CHECK(over.load());
    decides.join();
  }
}

TEST_CASE("who asks is gone for the others before it is answered") {
  wire::testing::pair_of_options o(false);
  auto two = std::make_unique<wire::testing::two_nodes>(o);
  two->wait_up();
  // As after kill -9, before its silence is noticed.
  auto again = o.right;
  again.peers[0].address = two->left->listening();
  again.links.clear();
  again.asks = true;
  wire::testing::recorder nothing;
  const auto asks = wire::node::open(std::move(again), nothing).value();
  asks->begin();
  const auto& seen = two->left_host;
  REQUIRE(seen.wait([&] {
    return std::ranges::any_of(seen.changes,
                               [](const auto& c) { return c.reason == "it began anew"; });
  }));
  two->right.reset();  // it would connect again and again: here it still lives
  REQUIRE(wire::testing::eventually([&] { return asks->graph_of("left") == "graph"; }));
  for (const auto& p : asks->status().peers) CHECK(p.state != wire::peer_state::up);
}

TEST_CASE("what a handshake tells of a graph fits into it, however long the names are") {
  plan_maker g;
  const auto empty = [] { return std::make_unique<lambda_component>(); };
  placement where;
  for (int i = 0; i < 3000; ++i) {
    const auto name = "a" + std::to_string(i) + std::string(200, 'x');
    g.add(name, 0, 1, empty);
    where[name] = i % 2 ? "left" : "right";
  }
  const auto keys = told_keys(placed(g, where));
  std::size_t bytes = 0;
  for (const auto& k : keys) bytes += k.name.size();
  CHECK(keys.front().name == "name");
  CHECK(keys.size() > 1000);
  CHECK(bytes <= (256u << 10));
  CHECK(told_keys(placed(g, where)).back().digest == keys.back().digest);
}
