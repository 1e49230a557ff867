// Actors that change their host while the hosts run, with a fake network.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "actors/distributed/hosts.test.hpp"
#include "actors/rewire/rewire_plans.test.hpp"
#include "actors/start_run.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::rewire;
using namespace hocket::testing;

namespace {

/// src > mid > end, and on each of three hosts one that stays. The name of a "file" says where mid and
/// end are: "b c". Or src > mid > via > end: "b a c".
struct moving_stage {
  explicit moving_stage(bool has_via = false) {
    stage.g.add("src", 0, 1, numbers.source());
    stage.g.source("src", 5);
    stage.g.add("mid", 1, 1, [this] {
      auto c = stamper(0);
      c->on_open = [this](const context& where) -> result<void> {
        if (fails.load()) return fail("test.no", "no device");
        opened.add(where.actor);
        return {};
      };
      c->on_packet = [n = 0](std::size_t, const packet& p, emitter& out) mutable -> result<void> {
        // What it knows: how many it has passed on.
        out.emit(0, p.header.ts, word(std::to_string(n++) + ":" + p.get_if<text>()->value));
        return {};
      };
      return c;
    });
    stage.g.add("end", 1, 0, [this] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [this](std::size_t, const packet& p, emitter&) -> result<void> {
        book.add(p.get_if<text>()->value);
        return {};
      };
      return c;
    });
    for (const char* name : {"left", "right"})
      stage.g.add(name, 1, 0, [] { return std::make_unique<lambda_component>(); });
    stage.g.link("src", 0, "mid", 0, {.size = 4});
    if (has_via)
      stage.g.add("via", 1, 1, [] {
        auto c = std::make_unique<lambda_component>();
        c->on_packet = [](std::size_t, const packet& p, emitter& out) -> result<void> {
          out.emit(0, p.header.ts, word(p.get_if<text>()->value));
          return {};
        };
        return c;
      });
    stage.g.link("mid", 0, has_via ? "via" : "end", 0, {.size = 4});
    if (has_via) stage.g.link("via", 0, "end", 0, {.size = 4});
    stage.g.link("src", 0, "left", 0, {.size = 4});
    stage.g.link("src", 0, "right", 0, {.size = 4});
  }

  plan variant(const std::string& file) {
    placement where = {{"src", "a"},
                       {"mid", file.substr(0, 1)},
                       {"end", file.substr(file.size() - 1)},
                       {"left", "b"},
                       {"right", "c"}};
    if (file.size() > 3) where["via"] = file.substr(2, 1);
    auto p = placed(stage.g, where);
    // All hosts, in one order, wherever the actors are.
    p.hosts.clear();
    for (const char* name : {"a", "b", "c"})
      p.hosts.push_back({name, "tcp://127.0.0.1:1", "", false});
    p.hash = file;
    return p;
  }

  std::unique_ptr<host_group> start(const std::string& file, fake_network::conditions w = {}) {
    start_options o;
    o.load = [this](graph_text& t) -> result<plan> { return variant(t.file); };
    o.drain_limit_s = 60;
    auto all = std::make_unique<host_group>(variant(file), stage.g.types, false, w, o);
    flows();
    return all;
  }

  void flows() {
    const auto before = book.size();
    REQUIRE(in_time([&] { return book.size() > before + 10; }));
  }

  /// As a program does that finds the run busy: it asks again.
  rewire_outcome move(host_group& all, const std::string& asked, const std::string& file) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    for (;;) {
      const auto out = all.hosts[asked]->rewire({{file, ""}});
      if (out.code != "rewire.under-way" || std::chrono::steady_clock::now() > until) return out;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  /// It is done, nothing is told of it, and numbers flow again.
  void moves(host_group& all, const std::string& asked, const std::string& file) {
    const auto out = move(all, asked, file);
    CAPTURE(out.why);
    REQUIRE(out.state == rewire_state::committed);
    CHECK(out.notes.empty());
    flows();
  }

  std::map<std::string, run_summary> finish(host_group& all) {
    numbers.may_end->store(true);
    return all.wait();
  }

  /// Each number once and in order; what `mid` knows begins anew with each move.
  void check_book(std::size_t moves) const {
    const auto lines = book.lines();
    REQUIRE(lines.size() == static_cast<std::size_t>(numbers.total()));
    std::size_t begun = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto colon = lines[i].find(':');
      CHECK(lines[i].substr(colon + 1) == std::to_string(i));
      begun += lines[i].substr(0, colon) == "0" ? 1 : 0;
    }
    CHECK(begun == moves + 1);
  }

  /// What left a host on a link of one name, wherever its ends were, came to others, and nothing was
  /// dropped.
  static void check_rows(const std::map<std::string, run_summary>& all) {
    std::map<std::string, std::int64_t> under_way;
    for (const auto& [host, s] : all)
      for (const auto& l : s.last.links) {
        for (const auto n : l.dropped) CHECK(n == 0);
        const auto name = l.from.substr(0, l.from.find(" @")) + l.to.substr(0, l.to.find(" @"));
        if (l.to.find(" @") != l.to.npos) under_way[name] += static_cast<std::int64_t>(l.sent);
        if (l.from.find(" @") != l.from.npos)
          under_way[name] -= static_cast<std::int64_t>(l.delivered);
      }
    for (const auto& [name, n] : under_way) {
      CAPTURE(name);
      CHECK(n == 0);
    }
  }

  counting numbers;
  std::atomic<bool> fails{false};
  notebook book, opened;
  rewire_stage stage{false};
};

}  // namespace

TEST_CASE("an actor moves to every host and back, whoever is asked: each number once, in order") {
  for (const std::string end : {"a", "b", "c"}) {
    CAPTURE(end);
    moving_stage s;
    auto all = s.start("b " + end, {.seed = 5, .delay_us = 1500});
    std::size_t moves = 0;
    for (const auto& [asked, to] : {std::pair("a", "c "), {"b", "a "}, {"c", "b "}, {"c", "c "}}) {
      const auto out = s.move(*all, asked, to + end);
      CAPTURE(out.why);
      REQUIRE(out.state == rewire_state::committed);
      CHECK(out.notes.empty());
      ++moves;
      const auto mid = std::find_if(out.actors.begin(), out.actors.end(),
                                    [](const auto& a) { return a.name == "mid"; });
      REQUIRE(mid != out.actors.end());
      CHECK(mid->fate == actor_fate::replaced);
      REQUIRE(mid->why.size() == 1);
      CHECK(mid->why[0].ends_with("it begins there without what it knows"));
      s.flows();
    }
    const auto ended = s.finish(*all);
    s.check_book(moves);
    moving_stage::check_rows(ended);
  }
}

TEST_CASE("two actors change places: neither waits for the other for ever") {
  moving_stage s;
  auto all = s.start("b c", {.seed = 6, .delay_us = 1000});
  s.moves(*all, "b", "c b");
  s.finish(*all);
  s.check_book(1);
}

// While the host looks whether it may begin what has come, all that leaves it closes.
TEST_CASE("two actors change places: a host that is busy with the one tells of the other") {
  moving_stage s;
  auto all = s.start("b c", {.seed = 7, .slow_for = "c", .slow_status_us = 40'000});
  s.moves(*all, "a", "c b");
  s.finish(*all);
  s.check_book(1);
}

// Word that the old one has closed is much faster here than its last packets.
TEST_CASE("an actor comes to where its receiver is: what the old one said is heard before it") {
  moving_stage s;
  auto all = s.start(
      "b c",
      {.seed = 8, .slow_for = "c", .slow_us = 60'000, .slow_from = "b", .slow_packets = true});
  s.moves(*all, "a", "c c");
  const auto ended = s.finish(*all);
  s.check_book(1);
  moving_stage::check_rows(ended);
}

TEST_CASE("moves in any order, on any network: each number once, in order") {
  for (const unsigned seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    moving_stage s;
    std::string now = "b a";
    auto all = s.start(now, {.seed = seed, .delay_us = 3000});
    std::size_t moves = 0;
    const std::string hosts = "abc";
    for (int i = 0; i < 8; ++i) {
      std::string next = {hosts[random() % 3], ' ', hosts[random() % 3]};
      const auto out = s.move(*all, std::string(1, hosts[random() % 3]), next);
      CAPTURE(out.why);
      REQUIRE(out.state == (next == now ? rewire_state::unchanged : rewire_state::committed));
      moves += next[0] != now[0] ? 1 : 0;
      now = next;
      s.flows();
    }
    const auto ended = s.finish(*all);
    s.check_book(moves);
    moving_stage::check_rows(ended);
  }
}

// What mid still has when it goes comes to end through via, which is stopped by a full queue.
TEST_CASE("two actors move around one that stays: refused, and done in two changes in any order") {
  for (const std::string first : {"c a b", "b a c"}) {
    CAPTURE(first);
    moving_stage s(true);
    auto all = s.start("b a b", {.seed = 9, .delay_us = 1000});
    const auto both = s.move(*all, "a", "c a c");
    CHECK(both.state == rewire_state::refused);
    CHECK(both.why.find("end cannot move to `c` in the same change in which mid moves") !=
          std::string::npos);
    CHECK(both.why.find("[rewire.move-alone]") != std::string::npos);
    for (const auto& to : {first, std::string("c a c")}) {
      const auto out = s.move(*all, "a", to);
      CAPTURE(out.why);
      REQUIRE(out.state == rewire_state::committed);
      CHECK(out.notes.empty());
      s.flows();
    }
    s.finish(*all);
    s.check_book(1);
  }
}

TEST_CASE("whatever may move at once, of a chain of three: none waits for itself") {
  for (const unsigned seed : {1u, 2u}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    moving_stage s(true);
    std::string now = "b a c";
    auto all = s.start(now, {.seed = seed, .delay_us = 2000});
    std::size_t moves = 0;
    const std::string hosts = "abc";
    for (int done = 0; done < 6;) {
      std::string next = now;
      for (const int at : {0, 2, 4})
        if (random() % 2 == 0) next[at] = hosts[random() % 3];
      if (next == now) continue;
      const bool around = next[0] != now[0] && next[2] == now[2] && next[4] != now[4];
      const auto out = s.move(*all, std::string(1, hosts[random() % 3]), next);
      CAPTURE(out.why);
      REQUIRE(out.state == (around ? rewire_state::refused : rewire_state::committed));
      CHECK(out.notes.empty());
      if (around) continue;
      moves += next[0] != now[0] ? 1 : 0;
      now = next;
      ++done;
      s.flows();
    }
    const auto ended = s.finish(*all);
    s.check_book(moves);
    moving_stage::check_rows(ended);
  }
}

TEST_CASE("an actor that cannot open where it is to come to stays where it is") {
  moving_stage s;
  auto all = s.start("b a");
  s.fails = true;
  const auto out = s.move(*all, "a", "c a");
  CHECK(out.state == rewire_state::rolled_back);
  CHECK(out.host == "c");
  CHECK(out.code == "rewire.open_failed");
  s.flows();
  s.finish(*all);
  s.check_book(0);
}

TEST_CASE("the host that an actor leaves dies in the middle: it begins on the other one") {
  moving_stage s;
  const auto first = s.variant("b a");
  fake_network net({});
  dies_at_commit kill([&] { net.cut("b"); });
  std::map<std::string, std::unique_ptr<runtime>> hosts;
  for (const std::string name : {"a", "b", "c"}) {
    start_options o;
    o.host.name = name;
    o.host.open = net.opener();
    o.drain_limit_s = 1;
    o.load = [&](graph_text& t) -> result<plan> { return s.variant(t.file); };
    if (name == "b") o.observers = {&kill};
    hosts[name] = start_run(first, s.stage.g.types, o).value();
  }
  s.flows();
  const auto out = hosts["a"]->rewire({{"c a", ""}});
  CAPTURE(out.why);
  CHECK(out.state == rewire_state::committed);
  CHECK(s.opened.size() == 2);
  s.flows();  // through the one on c
  for (auto& [name, r] : hosts) r->stop();
  for (auto& [name, r] : hosts) (void)r->wait();
}
