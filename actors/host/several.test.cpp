// One plan on several hosts: the same plan in one process is what it must equal.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include "actors/host/run_plan.test.hpp"
#include "graph/spec/replicas.hpp"
#include "tests/support/fake_network.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

using placement = std::map<std::string, std::string>;  // actor -> host

plan placed(const plan_maker& g, const placement& where) {
  auto p = g.make();
  p.hash = "same";
  std::set<std::string> names;
  for (auto& a : p.actors) {
    a.host = where.at(a.name);
    if (names.insert(a.host).second) p.hosts.push_back({a.host, "tcp://127.0.0.1:1", "", false});
  }
  return p;
}

/// All hosts of a plan, each with its runtime, on one fake network.
struct troupe {
  troupe(const plan_maker& g, const placement& where, bool virtual_time,
         fake_network::weather w = {}, runtime_options o = {})
      : troupe(placed(g, where), g.types, virtual_time, w, o) {}
  troupe(plan p, const registry& types, bool virtual_time, fake_network::weather w = {},
         runtime_options o = {})
      : graph(std::move(p)), net(w) {
    o.virtual_time = virtual_time;
    o.host.open = net.opener();
    for (const auto& h : graph.hosts) {
      o.host.name = h.name;
      auto r = runtime::start(graph, types, o);
      REQUIRE(r);
      hosts[h.name] = std::move(*r);
    }
  }
  ~troupe() { hosts.clear(); }
  std::map<std::string, run_summary> wait() {
    std::map<std::string, run_summary> out;
    for (auto& [name, r] : hosts) {
      out[name] = r->wait();
      CHECK(out[name].last.law_holds());
    }
    return out;
  }
  plan graph;
  fake_network net;
  std::map<std::string, std::unique_ptr<runtime>> hosts;
};

const link_account& row(const run_summary& s, const std::string& from, const std::string& to) {
  for (const auto& l : s.last.links)
    if (l.from == from && l.to == to) return l;
  FAIL("no row " << from << " > " << to);
  return s.last.links.front();
}

}  // namespace

TEST_CASE("several hosts: what goes in on one comes out on the other, all of it and in order") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("src", 0, 1, counter_source(100));
    g.source("src", 5);
    g.add("relay", 1, 1, relay());
    g.add("end", 1, 0, listener(book));
    g.link("src", 0, "relay", 0, {4, full_policy::block});
    g.link("relay", 0, "end", 0, {4, full_policy::block});
    troupe t(g, {{"src", "edge"}, {"relay", "gpu"}, {"end", "edge"}}, virtual_time,
             {.seed = 3, .delay_us = 300});
    auto done = t.wait();
    for (const auto& [name, s] : done) {
      CAPTURE(name);
      CHECK(s.why == end_reason::finished);
      CHECK(s.detail == "");
      for (const auto& l : s.last.links) CHECK(l.in_flight == 0);
    }
    CHECK(book->lines() == numbers(100));
    CHECK(row(done["edge"], "src.out0", "relay.in0 @gpu").delivered == 100);
    CHECK(row(done["gpu"], "src.out0 @edge", "relay.in0").delivered == 100);
    CHECK(row(done["edge"], "relay.out0 @gpu", "end.in0").delivered == 100);
    CHECK(done["edge"].last.links.size() == 2);
    CHECK(done["gpu"].last.actors.size() == 1);
  }
}

namespace {

/// A small conversation: a source of words, an actor of micro-turns that hears an echo from the
/// background, and somebody who listens. What is heard, and in which micro-turn, is the result.
struct conversation_plan {
  explicit conversation_plan(int words, instance_scope scope = instance_scope::shared) {
    g.add("mic", 0, 1, [words] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [words, n = 0](timestamp until,
                                     emitter& out) mutable -> result<source_state> {
        const auto ts = until - duration(1'000'000);
        if (n < words) out.emit(0, ts, word("w" + std::to_string(n)));
        if (++n % 4 == 0) {
          control bound;
          bound.what = control::kind::bound;
          out.emit(0, until, std::move(bound));
        }
        return n < words + 20 ? source_state::more : source_state::end_of_stream;
      };
      return c;
    });
    g.source("mic", 30);
    g.add("ears", 1, 1, relay());
    g.add("model", 2, 2, [heard = heard] {
       auto c = std::make_unique<lambda_component>();
       c->on_sets = [heard](std::span<const bundle> sets, emitter& out) -> result<void> {
         for (const auto& b : sets) {
           out.for_session(b.session);
           std::string said;
           for (std::size_t i = 0; i < b.inputs.size(); ++i) {
             said += b.missing[i] ? "-" : "+";
             for (const auto& p : b.inputs[i]) said += p.get_if<text>()->value + ",";
           }
           heard->add(std::to_string(static_cast<std::uint64_t>(b.session)) + " k" +
                      std::to_string(b.micro_turn) + " " + said);
           out.emit(0, b.to, word(said));
           if (b.micro_turn % 2 == 0) out.emit(1, b.to, word("ask" + std::to_string(b.micro_turn)));
         }
         return {};
       };
       return c;
     }).policy = input_policy::micro_turn;
    g.info("model").scope = scope;
    g.add("mind", 1, 1, relay());
    g.add("speaker", 1, 0, listener(said));
    g.link("mic", 0, "ears", 0);
    g.link("ears", 0, "model", 0);
    g.link("model", 1, "mind", 0, {}, true);
    g.link("mind", 0, "model", 1);
    g.link("model", 0, "speaker", 0, {4, full_policy::drop_oldest});
  }
  plan_maker g;
  std::shared_ptr<notebook> heard = std::make_shared<notebook>();
  std::shared_ptr<notebook> said = std::make_shared<notebook>();
};

const std::vector<placement> placements = {
    {{"mic", "a"}, {"ears", "a"}, {"model", "b"}, {"mind", "b"}, {"speaker", "a"}},
    {{"mic", "a"}, {"ears", "a"}, {"model", "b"}, {"mind", "c"}, {"speaker", "a"}},
    {{"mic", "z"}, {"ears", "y"}, {"model", "x"}, {"mind", "w"}, {"speaker", "v"}},
    {{"mic", "a"}, {"ears", "b"}, {"model", "a"}, {"mind", "b"}, {"speaker", "b"}},
};

}  // namespace

TEST_CASE(
    "several hosts, virtual time: every placement and every weather gives the same as one "
    "process") {
  for (const auto scope : {instance_scope::session, instance_scope::shared}) {
    for (const int sessions : {1, 3}) {
      conversation_plan one(40, scope);
      const auto alone = run_plan(one.g, true, {.sessions = sessions});
      REQUIRE(one.heard->size() > 6);
      for (std::size_t i = 0; i < placements.size(); ++i) {
        for (unsigned seed = 1; seed <= 3; ++seed) {
          CAPTURE(sessions);
          CAPTURE(i);
          CAPTURE(seed);
          conversation_plan many(40, scope);
          troupe t(many.g, placements[i], true, {.seed = seed, .delay_us = 200},
                   {.sessions = sessions});
          for (const auto& [name, s] : t.wait()) {
            CHECK(s.why == end_reason::finished);
            for (const auto& l : s.last.links) CHECK(l.in_flight == 0);
            CHECK(s.last.now == alone.last.now);
          }
          CHECK(many.heard->lines() == one.heard->lines());
          auto got = many.said->lines(), want = one.said->lines();
          std::sort(got.begin(), got.end());  // sessions of one instant have no order among them
          std::sort(want.begin(), want.end());
          CHECK(got == want);
        }
      }
    }
  }
}

TEST_CASE("several hosts, real time: a conversation ends by itself everywhere, echoes heard out") {
  conversation_plan many(20);
  troupe t(many.g, placements[1], false, {.seed = 7, .delay_us = 2000});
  for (const auto& [name, s] : t.wait()) {
    CAPTURE(name);
    CHECK(s.why == end_reason::finished);
    for (const auto& l : s.last.links) CHECK(l.in_flight == 0);
  }
  std::size_t words = 0, echoes = 0, asked = 0;
  for (const auto& line : many.heard->lines()) {
    for (std::size_t at = 0; (at = line.find('w', at)) != line.npos; ++at) ++words;
    for (std::size_t at = 0; (at = line.find("ask", at)) != line.npos; ++at) ++echoes;
    const auto k = std::stoi(line.substr(line.find('k') + 1));
    asked += k % 2 == 0 ? 1 : 0;
  }
  CHECK(words == 20);
  CHECK(echoes + 1 >= asked);  // the answer to the last question may come after the last bundle
}

TEST_CASE("several hosts: a slow receiver stops the sender of a `block` link on another host") {
  auto book = std::make_shared<notebook>();
  std::atomic<int> made{0};
  std::atomic<bool> open{false};
  plan_maker g;
  g.add("src", 0, 1, [&made] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [&made](timestamp until, emitter& out) -> result<source_state> {
      out.emit(0, until - duration(1), word(std::to_string(made.fetch_add(1))));
      return made.load() < 400 ? source_state::more : source_state::end_of_stream;
    };
    return c;
  });
  g.source("src", 1);
  g.add("slow", 1, 0, [&, book] {
     auto c = std::make_unique<lambda_component>();
     c->on_packet = [&, book](std::size_t, const packet& p, emitter&) -> result<void> {
       while (!open.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
       book->add(p.get_if<text>()->value);
       return {};
     };
     return c;
   }).watchdog_ms = 0;
  g.info("slow").blocking = true;
  g.link("src", 0, "slow", 0, {4, full_policy::block});
  troupe t(g, {{"src", "a"}, {"slow", "b"}}, false);
  // Its queue, the wire's credit, our queue and what each end has in hand: far from all of it.
  auto sent = [&] { return t.hosts["a"]->status().links.at(0).blocked_ns > 0 ? made.load() : -1; };
  (void)sent;
  REQUIRE(eventually([&] { return made.load() > 10; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(made.load() < 80);
  open.store(true);
  for (const auto& [name, s] : t.wait()) CHECK(s.why == end_reason::finished);
  CHECK(book->lines() == numbers(400));
}

TEST_CASE("several hosts: an interruption on one drops what is queued on the others") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("mic", 0, 1, counter_source(60));
    g.source("mic", 20);
    g.add("model", 1, 1, [] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [](std::size_t, const packet& p, emitter& out) -> result<void> {
        if (p.get_if<text>()->value == "35") out.interrupt();
        out.emit(0, p.header.ts, word(p.get_if<text>()->value));
        return {};
      };
      return c;
    });
    g.add("speaker", 1, 0, [book] {
       auto c = std::make_unique<lambda_component>();
       c->on_sets = [book](std::span<const bundle> sets, emitter&) -> result<void> {
         for (const auto& b : sets)
           for (const auto& p : b.inputs[0]) book->add(p.get_if<text>()->value);
         return {};
       };
       c->on_control_packet = [book](std::size_t, const packet& p, emitter&) -> result<void> {
         if (p.get_if<control>()->what == control::kind::interrupt) book->add("interrupted");
         return {};
       };
       return c;
     }).policy = input_policy::micro_turn;
    g.link("mic", 0, "model", 0);
    g.link("model", 0, "speaker", 0, {64, full_policy::block});
    troupe t(g, {{"mic", "a"}, {"model", "a"}, {"speaker", "b"}}, virtual_time, {.seed = 5});
    auto done = t.wait();
    CHECK(book->count("interrupted") == 1);
    const auto& here = row(done["b"], "model.out0 @a", "speaker.in0");
    CHECK(dropped(here, drop_reason::old_epoch) > 0);
    CHECK(book->count("35") == 1);
    CHECK(book->count("59") == 1);
    CHECK(book->size() - 1 + dropped(here, drop_reason::old_epoch) +
              dropped(row(done["a"], "model.out0", "speaker.in0 @b"), drop_reason::old_epoch) ==
          60);
  }
}

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
      troupe t(g, {{"src", "a"}, {"end", "b"}}, virtual_time);
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
  troupe t(g, {{"src", "a"}, {"end", "b"}}, false);
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
  runtime_options o;
  o.host.open = net.opener();
  o.host.name = "a";
  {
    auto alone = runtime::start(p, g.types, o);
    REQUIRE(alone);
    (*alone)->stop();
    CHECK((*alone)->wait().why == end_reason::stopped);
  }
  auto real = runtime::start(p, g.types, o);
  o.host.name = "b";
  o.virtual_time = true;
  auto other = runtime::start(p, g.types, o);
  REQUIRE(real);
  REQUIRE(other);
  for (const auto& r : {&*real, &*other}) {
    const auto done = (*r)->wait();
    CHECK(done.why == end_reason::failed);
    CHECK(done.detail.find("virtual time") != std::string::npos);
  }
  o.host.name = "nobody";
  CHECK(runtime::start(p, g.types, o).error().code == "placement.unknown_host");
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
    g.add("end", 1, 0, [book] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [book](std::size_t, const packet& p, emitter&) -> result<void> {
        book->add(p.get_if<text>()->value);
        return {};
      };
      c->on_control_packet = [book](std::size_t, const packet& p, emitter&) -> result<void> {
        const auto what = p.get_if<control>()->what;
        if (what == control::kind::input_lost) book->add("lost");
        if (what == control::kind::input_recovered) book->add("recovered");
        return {};
      };
      return c;
    });
    g.link("src", 0, "middle", 0, {8, full_policy::block});
    g.link("middle", 0, "end", 0, {8, full_policy::block});
    troupe t(g, {{"src", "a"}, {"middle", "b"}, {"end", "c"}}, false, {.seed = 9, .delay_us = 500});
    REQUIRE(eventually([&] { return book->size() > 20; }));
    const auto time_before = t.hosts["c"]->status().now;
    t.net.cut(victim);
    t.hosts[victim]->stop();
    (void)t.hosts[victim]->wait();
    t.hosts.erase(victim);
    if (victim == "b") REQUIRE(eventually([&] { return book->count("lost") == 1; }));
    runtime_options o;
    o.host.open = t.net.opener();
    o.host.name = victim;
    auto again = runtime::start(t.graph, g.types, o);
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

TEST_CASE("several hosts: conversations come and go at run time, opened by the leader") {
  auto book = std::make_shared<notebook>();
  plan_maker g;
  g.add("src", 0, 1, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [raw = c.get(), n = 0](timestamp until,
                                           emitter& out) mutable -> result<source_state> {
      const auto who = std::to_string(static_cast<std::uint64_t>(raw->where.session));
      out.emit(0, until - duration(1), word(who + ":" + std::to_string(n++)));
      return source_state::more;
    };
    return c;
  });
  g.source("src", 5);
  g.add("model", 1, 1, relay());
  g.info("model").scope = instance_scope::shared;
  g.add("end", 1, 0, listener(book));
  g.link("src", 0, "model", 0);
  g.link("model", 0, "end", 0);
  troupe t(g, {{"src", "a"}, {"model", "b"}, {"end", "c"}}, false, {.seed = 2, .delay_us = 1000});
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

TEST_CASE("several hosts: replicas share the conversations, and nobody hears a difference") {
  constexpr int sessions = 6;
  conversation_plan one(12);
  run_plan(one.g, true, {.sessions = sessions});
  for (const bool several : {false, true}) {
    CAPTURE(several);
    conversation_plan many(12);
    placement where = placements[1];
    auto p = placed(many.g, where);
    if (!several) {
      p.hosts.clear();
      for (auto& a : p.actors) a.host.clear();
    }
    const auto model = many.g.index_of("model");
    p.actors[model].replicas = 2;
    std::vector<std::vector<std::string>> hosts(p.actors.size());
    if (several) hosts[model] = {"b", "c"};
    spec::expand_replicas(p, hosts);
    REQUIRE(p.actors.size() == 6);
    std::map<std::string, run_summary> done;
    if (several) {
      troupe t(p, many.g.types, true, {.seed = 4, .delay_us = 100}, {.sessions = sessions});
      done = t.wait();
    } else {
      auto r = runtime::start(p, many.g.types, {.virtual_time = true, .sessions = sessions});
      REQUIRE(r);
      done[""] = (*r)->wait();
    }
    auto got = many.heard->lines(), want = one.heard->lines();
    std::sort(got.begin(), got.end());
    std::sort(want.begin(), want.end());
    CHECK(got == want);
    // Both had something to do, and each what the ring says.
    for (std::int32_t replica = 0; replica < 2; ++replica) {
      std::uint64_t mine = 0, handled = 0;
      for (int s = 1; s <= sessions; ++s)
        mine += replica_for(static_cast<session_id>(s), "model", 2) == replica ? 1 : 0;
      for (const auto& [name, s] : done) {
        CHECK(s.why == end_reason::finished);
        for (const auto& l : s.last.links)
          if (l.to == "model/" + std::to_string(replica + 1) + ".in0") handled += l.delivered;
      }
      CHECK(mine > 0);
      CHECK(handled == 12 * mine);
    }
  }
}
