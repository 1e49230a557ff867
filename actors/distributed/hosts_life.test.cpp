// Several hosts: beginnings, ends, failures, and hosts and conversations that come and go.
#include "actors/start_run.hpp"
#include "actors/distributed/hosts.test.hpp"

#include <algorithm>
#include <atomic>

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::testing;

TEST_CASE("several hosts: stop and failure on one end all of them, and they know why") {
  for (const bool fails : {false, true}) {
    for (const bool virtual_time : {false, true}) {
      CAPTURE(fails);
      CAPTURE(virtual_time);
      if (virtual_time && !fails) continue;  // it would be over before we stop it
      plan_maker g;
      g.add("src", 0, 1, counter_source(1'000'000));
      g.source("src", 5);
      g.add("end", 1, 0, [fails] {
         auto c = std::make_unique<lambda_component>();
         c->on_packet = [fails](std::size_t, const packet& p, emitter&) -> result<void> {
           if (fails && p.get_if<text>()->value == "50") return fail("test.broken", "it broke");
           return {};
         };
         return c;
       }).restart.when = restart_policy::mode::never;
      g.link("src", 0, "end", 0);
      host_group t(g, {{"src", "a"}, {"end", "b"}}, virtual_time);
      if (!fails) {
        REQUIRE(eventually([&] {
          const auto s = t.hosts["b"]->status();
          return !s.links.empty() && s.links[0].delivered > 10;
        }));
        t.hosts["b"]->stop();
      }
      auto done = t.wait();
      CHECK(done["b"].why == (fails ? end_reason::failed : end_reason::stopped));
      CHECK(done["a"].why == (fails ? end_reason::failed : end_reason::stopped));
      if (fails) CHECK(done["a"].detail.find("host b: end is lost") != std::string::npos);
    }
  }
}

TEST_CASE("several hosts: what does not open on one ends the start on all") {
  plan_maker g;
  g.add("src", 0, 1, counter_source(10));
  g.source("src", 5);
  g.add("end", 1, 0, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_open = [](const context&) -> result<void> { return fail("test.no_device", "no device"); };
    return c;
  });
  g.link("src", 0, "end", 0);
  host_group t(g, {{"src", "a"}, {"end", "b"}}, false);
  auto done = t.wait();
  for (const auto& [name, s] : done) {
    CHECK(s.why == end_reason::failed);
    CHECK(s.detail.find("no device") != std::string::npos);
  }
}

TEST_CASE("several hosts: one alone waits, and can be stopped; a different clock is refused") {
  plan_maker g;
  g.add("src", 0, 1, counter_source(10));
  g.source("src", 5);
  g.add("end", 1, 0, listener(std::make_shared<notebook>()));
  g.link("src", 0, "end", 0);
  const auto p = placed(g, {{"src", "a"}, {"end", "b"}});
  fake_network net({});
  start_options o;
  o.host.open = net.opener();
  o.host.name = "a";
  {
    auto alone = start_run(p, g.types, o);
    REQUIRE(alone);
    (*alone)->stop();
    CHECK((*alone)->wait().why == end_reason::stopped);
  }
  auto real = start_run(p, g.types, o);
  o.host.name = "b";
  o.virtual_time = true;
  auto other = start_run(p, g.types, o);
  REQUIRE(real);
  REQUIRE(other);
  for (const auto& r : {&*real, &*other}) {
    const auto done = (*r)->wait();
    CHECK(done.why == end_reason::failed);
    CHECK(done.detail.find("virtual time") != std::string::npos);
  }
  o.host.name = "nobody";
  CHECK(start_run(p, g.types, o).error().code == "placement.unknown_host");
}

TEST_CASE("several hosts: who is lost and found again before the run began need not greet twice") {
  for (const std::string victim : {"a", "b"}) {
    CAPTURE(victim);
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("src", 0, 1, counter_source(10));
    g.source("src", 5);
    g.add("middle", 1, 1, relay());
    g.add("end", 1, 0, listener(book));
    g.link("src", 0, "middle", 0);
    g.link("middle", 0, "end", 0);
    const auto p = placed(g, {{"src", "a"}, {"middle", "b"}, {"end", "c"}});
    fake_network net({});
    start_options o;
    o.host.open = net.opener();
    std::map<std::string, std::unique_ptr<runtime>> hosts;
    for (const std::string name : {"a", "b", "c"}) {
      if (name == "c") {
        REQUIRE(eventually([&] { return net.idle(); }));
        net.reconnect(victim);
      }
      o.host.name = name;
      auto r = start_run(p, g.types, o);
      REQUIRE(r);
      hosts[name] = std::move(*r);
    }
    for (auto& [name, r] : hosts) CHECK(r->wait().why == end_reason::finished);
    CHECK(book->size() == 10);
  }
}

TEST_CASE(
    "several hosts: a host that comes back goes on with the conversation, and so does the leader") {
  for (const std::string victim : {"b", "a"}) {
    CAPTURE(victim);
    auto book = std::make_shared<notebook>();
    std::atomic<int> made{0};
    std::atomic<bool> enough{false};
    plan_maker g;
    g.add("src", 0, 1, [&] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [&](timestamp until, emitter& out) -> result<source_state> {
        out.emit(0, until - duration(1), word(std::to_string(made.fetch_add(1))));
        return enough.load() ? source_state::end_of_stream : source_state::more;
      };
      return c;
    });
    g.source("src", 5);
    g.add("middle", 1, 1, relay());
    g.add("end", 1, 0, notes(book, of_input));
    g.link("src", 0, "middle", 0, {8, full_policy::block});
    g.link("middle", 0, "end", 0, {8, full_policy::block});
    host_group t(g, {{"src", "a"}, {"middle", "b"}, {"end", "c"}}, false,
                 {.seed = 9, .delay_us = 500});
    REQUIRE(eventually([&] { return book->size() > 20; }));
    const auto time_before = t.hosts["c"]->status().now;
    t.net.cut(victim);
    t.hosts[victim]->stop();
    (void)t.hosts[victim]->wait();
    t.hosts.erase(victim);
    if (victim == "b") REQUIRE(eventually([&] { return book->count("lost") == 1; }));
    start_options o;
    o.host.open = t.net.opener();
    o.host.name = victim;
    auto again = start_run(t.graph, g.types, o);
    REQUIRE(again);
    t.hosts[victim] = std::move(*again);
    if (victim == "b") REQUIRE(eventually([&] { return book->count("recovered") == 1; }));
    const auto heard = book->size();
    REQUIRE(eventually([&] { return book->size() > heard + 20; }));
    // Stream time went on; it did not begin anew.
    CHECK(t.hosts[victim]->status().now > time_before);
    enough.store(true);
    for (const auto& [name, s] : t.wait()) {
      CAPTURE(name);
      CHECK(s.why == end_reason::finished);
    }
    // In order, and nothing twice.
    int last = -1;
    for (const auto& line : book->lines()) {
      if (line == "lost" || line == "recovered") continue;
      CHECK(std::stoi(line) > last);
      last = std::stoi(line);
    }
  }
}

TEST_CASE(
    "several hosts: what waited for a dead process on a lossless link comes to the next one") {
  auto book = std::make_shared<notebook>();
  std::atomic<bool> dead{false};
  plan_maker g;
  g.add("src", 0, 1, counter_source(60));
  g.source("src", 5);
  // The first life takes five and stands still over the sixth, with its queue full behind it.
  g.add("end", 1, 0, [&dead, book] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [&dead, book, first = book->size() == 0](std::size_t, const packet& p,
                                                            emitter&) -> result<void> {
      while (first && book->size() == 5 && !dead.load()) std::this_thread::yield();
      if (!first || !dead.load()) book->add(p.get_if<text>()->value);
      return {};
    };
    return c;
  });
  g.link("src", 0, "end", 0, {8, full_policy::block});
  host_group t(g, {{"src", "a"}, {"end", "b"}}, false, {.seed = 5, .delay_us = 300});
  // Its queue, and as much again on the way: nobody takes any more.
  REQUIRE(eventually([&] {
    const auto links = t.hosts["b"]->status().links;
    return book->size() == 5 && links.size() == 1 && links[0].in_flight >= 8;
  }));
  t.net.cut("b");
  dead.store(true);
  t.hosts["b"]->stop();
  (void)t.hosts["b"]->wait();
  t.hosts.erase("b");
  start_options o;
  o.host.open = t.net.opener();
  o.host.name = "b";
  auto again = start_run(t.graph, g.types, o);
  REQUIRE(again);
  t.hosts["b"] = std::move(*again);
  for (const auto& [name, s] : t.wait()) CHECK(s.why == end_reason::finished);
  // None is missing. Of the first five, those come twice whose confirmation was still on its way.
  auto lines = book->lines();
  const std::vector<std::string> first(lines.begin(), lines.begin() + 5);
  const std::vector<std::string> second(lines.begin() + 5, lines.end());
  const auto all = numbers(60);
  CHECK(first == std::vector<std::string>(all.begin(), all.begin() + 5));
  REQUIRE(second.size() >= 55);
  REQUIRE(second.size() <= 60);
  CHECK(std::equal(second.rbegin(), second.rend(), all.rbegin()));
}

TEST_CASE("several hosts: conversations come and go at run time, opened by the leader") {
  auto book = std::make_shared<notebook>();
  plan_maker g;
  g.add("src", 0, 1, of_its_session);
  g.source("src", 5);
  g.add("model", 1, 1, relay());
  g.info("model").scope = instance_scope::shared;
  g.add("end", 1, 0, listener(book));
  g.link("src", 0, "model", 0);
  g.link("model", 0, "end", 0);
  host_group t(g, {{"src", "a"}, {"model", "b"}, {"end", "c"}}, false,
               {.seed = 2, .delay_us = 1000});
  REQUIRE(eventually([&] { return book->count("1:5") == 1; }));
  CHECK(t.hosts["b"]->open_session() == session_id::none);
  const auto id = t.hosts["a"]->open_session();
  CHECK(id == session_id{2});
  REQUIRE(eventually([&] { return book->count("2:20") == 1; }));
  t.hosts["a"]->close_session(id);
  REQUIRE(eventually([&] {
    return t.hosts["a"]->status().sessions == 1 && t.hosts["b"]->status().sessions == 1 &&
           t.hosts["c"]->status().sessions == 1;
  }));
  const auto heard = book->size();
  REQUIRE(eventually([&] { return book->size() > heard + 10; }));  // the first one goes on
  t.hosts["c"]->stop();
  for (const auto& [name, s] : t.wait()) CHECK(s.why == end_reason::stopped);
  // Nothing of its beginning is missing.
  for (int n = 0; n <= 20; ++n) CHECK(book->count("2:" + std::to_string(n)) == 1);
}
