// One plan on several hosts: the same plan in one process is what it must equal.
#include "actors/start_run.hpp"
#include "actors/distributed/hosts.test.hpp"
#include "actors/distributed/remote_receiver.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::testing;

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
    host_group t(g, {{"src", "edge"}, {"relay", "gpu"}, {"end", "edge"}}, virtual_time,
                 {.seed = 3, .delay_us = 300});
    auto done = t.wait();
    for (const auto& [name, s] : done) {
      CAPTURE(name);
      CHECK(s.why == end_reason::finished);
      CHECK(s.detail == "");
      CHECK(s.last.host == name);
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

TEST_CASE("several hosts: packets that no fair host sends are refused, and harm no other") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("src", 0, 1, counter_source(20));
    g.source("src", 5);
    g.add("end", 1, 0, listener(book));
    g.link("src", 0, "end", 0, {4, full_policy::block});
    const auto forged = [](packet& p) {
      switch (p.header.seq) {
        case 3: p.header.ts = timestamp(9'000'000'000'000'000'000); return;
        case 5: p.header.ts = timestamp::min(); return;
        case 7: p.header.ts = p.header.ts + std::chrono::hours(2); return;
        case 9: p.header.epoch = UINT32_MAX; return;
        case 11: p.header.epoch = distributed::epochs_ahead_max + 1; return;
        case 13:
          p = make_packet(p.header.ts,
                          audio_chunk{16000, 1, 0, buffer::take(std::vector<float>(16))});
          return;
        case 15:
          p.header.micro_turn = INT64_MAX;
          return;  // it is told by the time: nothing follows from it
        default: return;
      }
    };
    host_group t(g, {{"src", "edge"}, {"end", "gpu"}}, virtual_time, {.forged = [&](packet& p) {
                   const auto before = p.header;
                   forged(p);
                   p.header.session = before.session;
                   p.header.seq = before.seq;
                 }});
    auto done = t.wait();
    CHECK(done["gpu"].why == end_reason::finished);
    CHECK(book->lines().size() == 14);
    const auto& in = row(done["gpu"], "src.out0 @edge", "end.in0");
    CHECK(in.sent == 20);
    CHECK(in.delivered == 14);
    CHECK(in.dropped[static_cast<std::size_t>(drop_reason::bad_packet)] == 6);
  }
}

namespace {

/// A small conversation: a source of words, an actor of micro-turns that gets back-edge packets
/// from the background, and somebody who listens. What is heard, and in which micro-turn, is the
/// result.
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
          // Now and then the model's host hears late what it may do, and its packets are there.
          const auto slow = seed == 3 ? placements[i].at("model") : "";
          host_group t(many.g, placements[i], true,
                       {.seed = seed, .delay_us = 200, .slow_for = slow, .slow_us = 1000},
                       {{.sessions = sessions}, {}});
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
  host_group t(many.g, placements[1], false, {.seed = 7, .delay_us = 2000});
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
  host_group t(g, {{"src", "a"}, {"slow", "b"}}, false);
  // Its queue, the wire's credit, our queue and what each end has taken: far from all of it.
  auto sent = [&] { return t.hosts["a"]->status().links.at(0).blocked_ns > 0 ? made.load() : -1; };
  (void)sent;
  REQUIRE(eventually([&] { return made.load() > 10; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(made.load() < 80);
  open.store(true);
  for (const auto& [name, s] : t.wait()) CHECK(s.why == end_reason::finished);
  CHECK(book->lines() == numbers(400));
}

// The limit that the README tells: credit is per link, so what waits for one session holds up the
// others of its own link. Nobody else is held up, and nothing is lost by it.
TEST_CASE("several hosts: a slow session holds up its own link only, and only until it is taken") {
  constexpr int packets = 600;
  std::atomic<bool> open{false};
  std::array<std::atomic<int>, 3> slow{}, quick{};  // by session
  plan_maker g;
  const auto sink = [](auto& counts, std::function<void(std::size_t)> wait) {
    return [&counts, wait] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [&counts, wait](std::size_t, const packet& p, emitter&) -> result<void> {
        const auto session = static_cast<std::size_t>(p.header.session);
        wait(session);
        ++counts[session];
        return {};
      };
      return c;
    };
  };
  for (const char* name : {"src", "other"}) {
    g.add(name, 0, 1, counter_source(packets));
    g.source(name, 1);
  }
  g.add("slow", 1, 0,
        sink(slow,
             [&](std::size_t session) {
               while (session == 1 && !open.load())
                 std::this_thread::sleep_for(std::chrono::milliseconds(1));
             }))
      .watchdog_ms = 0;
  g.info("slow").blocking = true;
  g.add("quick", 1, 0, sink(quick, [](std::size_t) {}));
  g.link("src", 0, "slow", 0, {4, full_policy::block});
  g.link("other", 0, "quick", 0, {4, full_policy::block});
  host_group t(g, {{"src", "a"}, {"other", "a"}, {"slow", "b"}, {"quick", "b"}}, false, {},
               {{.sessions = 2}, {}});
  REQUIRE(eventually([&] { return quick[1].load() == packets && quick[2].load() == packets; }));
  CHECK(slow[1].load() == 0);
  CHECK(slow[2].load() < packets);  // a credit per session would let it go on
  open.store(true);
  for (const auto& [name, s] : t.wait()) CHECK(s.why == end_reason::finished);
  for (const std::size_t s : {1, 2}) CHECK(slow[s].load() == packets);
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
    host_group t(g, {{"mic", "a"}, {"model", "a"}, {"speaker", "b"}}, virtual_time, {.seed = 5});
    auto done = t.wait();
    CHECK(book->count("interrupted") == 1);
    const auto& here = row(done["b"], "model.out0 @a", "speaker.in0");
    // In real time a machine that stands still may have been handed over all of it before.
    if (virtual_time) CHECK(dropped(here, drop_reason::old_epoch) > 0);
    CHECK(book->count("35") == 1);
    CHECK(book->count("59") == 1);
    CHECK(book->size() - 1 + dropped(here, drop_reason::old_epoch) +
              dropped(row(done["a"], "model.out0", "speaker.in0 @b"), drop_reason::old_epoch) ==
          60);
  }
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
      host_group t(p, many.g.types, true, {.seed = 4, .delay_us = 100},
                   {{.sessions = sessions}, {}});
      done = t.wait();
    } else {
      auto r = start_run(p, many.g.types, {{.virtual_time = true, .sessions = sessions}, {}});
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
