#include "actors/start_run.hpp"
#include "actors/rewire/report.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "actors/rewire/rewire_plans.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::rewire;
using namespace hocket::testing;

namespace {

/// src > mid > end, all lossless; `mid` says "<value>:<text>".
void chain(rewire_stage& s, int total, std::shared_ptr<notebook> book,
           std::vector<std::int64_t> pauses_ms = {0}) {
  s.g.add("src", 0, 1, s.paced(counter_source(total), std::move(pauses_ms)));
  s.g.source("src", 5);
  s.add_valued("mid", 1, 1, [](std::int64_t value) { return stamper(value); });
  s.g.add("end", 1, 0, listener(std::move(book)));
  s.g.link("src", 0, "mid", 0, {.size = 4});
  s.g.link("mid", 0, "end", 0, {.size = 4});
}

std::string number_of(const std::string& line) { return line.substr(line.find(':') + 1); }

void check_nothing_lost(const std::vector<std::string>& lines, int total) {
  REQUIRE(lines.size() == static_cast<std::size_t>(total));
  for (int i = 0; i < total; ++i)
    CHECK(number_of(lines[static_cast<std::size_t>(i)]) == std::to_string(i));
}

}  // namespace

TEST_CASE("a replaced actor: nothing lost, order kept, the change at the boundary") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    rewire_stage s(virtual_time);
    chain(s, 400, book);
    s.start();
    s.offer("next", [&](plan& p) { s.set_value(p, "mid", 2); });
    const auto out = s.rewire("next", 1000);
    CAPTURE(out.why);
    REQUIRE(out.state == rewire_state::committed);
    CHECK(out.revision == 2);
    CHECK(out.at >= timestamp(1'000'000'000));
    CHECK(out.at.ns() % 200'000'000 == 0);
    REQUIRE(out.actors.size() == 1);
    CHECK(out.actors[0].fate == actor_fate::replaced);
    CHECK(out.actors[0].why == std::vector<std::string>{"value: 1 -> 2"});
    const auto done = s.wait();
    const auto lines = book->lines();
    check_nothing_lost(lines, 400);
    // All of the old instance before all of the new one.
    const auto first_new =
        std::find_if(lines.begin(), lines.end(), [](const auto& l) { return l.starts_with("2:"); });
    REQUIRE(first_new != lines.end());
    CHECK(first_new != lines.begin());
    CHECK(std::all_of(first_new, lines.end(), [](const auto& l) { return l.starts_with("2:"); }));
    if (virtual_time) {
      // What was emitted before the boundary went through the old one.
      const auto expected = out.at.ns() / 5'000'000;
      CHECK(first_new - lines.begin() == expected);
    }
    CHECK(done.last.actors.size() == 3);
    CHECK(done.last.links.size() == 2);
    for (const auto& l : done.last.links) {
      CHECK(l.sent == 400);
      CHECK(l.delivered == 400);
    }
  }
}

TEST_CASE("what is queued in front of a replaced actor is handed over in order") {
  // The old instance is busy when the boundary comes: its queue is full.
  auto book = std::make_shared<notebook>();
  rewire_stage s(false);
  auto gate = std::make_shared<std::atomic<bool>>(false);
  s.g.add("src", 0, 1, counter_source(60));
  s.g.source("src", 5);
  s.add_valued("mid", 1, 1, [gate](std::int64_t value) {
    auto c = stamper(value);
    if (value != 1) return c;
    c->on_packet = [gate, say = c->on_packet](std::size_t port, const packet& p,
                                              emitter& out) -> result<void> {
      while (!gate->load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return say(port, p, out);
    };
    return c;
  });
  s.g.info("mid").blocking = true;
  s.g.add("end", 1, 0, listener(book));
  s.g.link("src", 0, "mid", 0, {.size = 8});
  s.g.link("mid", 0, "end", 0, {.size = 8});
  s.start();
  REQUIRE(in_time([&] { return s.run->status().links[0].waiting_ms > 0; }));
  s.offer("next", [&](plan& p) { s.set_value(p, "mid", 2); });
  s.on_committed = [gate] { gate->store(true); };
  const auto out = s.rewire("next");
  CAPTURE(out.why);
  REQUIRE(out.state == rewire_state::committed);
  REQUIRE(out.packets.size() >= 1);
  CHECK(out.packets[0].link == "src.out0 > mid.in0");
  CHECK(out.packets[0].handed_over >= 7);
  CHECK(out.packets[0].dropped == 0);
  s.wait();
  check_nothing_lost(book->lines(), 60);
}

TEST_CASE("an actor that waits (a model) opens on trial too: one that cannot changes nothing") {
  for (const bool blocking : {false, true}) {
    CAPTURE(blocking);
    auto book = std::make_shared<notebook>();
    rewire_stage s(false);
    s.g.add("src", 0, 1, counter_source(60));
    s.g.source("src", 5);
    s.add_valued("mid", 1, 1, [](std::int64_t value) {
      auto c = stamper(value);
      if (value == 2)
        c->on_open = [](const context&) -> result<void> {
          return fail("test.no_model", "no model");
        };
      return c;
    });
    s.g.info("mid").blocking = blocking;
    s.g.add("end", 1, 0, listener(book));
    s.g.link("src", 0, "mid", 0, {.size = 8});
    s.g.link("mid", 0, "end", 0, {.size = 8});
    s.start();
    s.offer("next", [&](plan& p) { s.set_value(p, "mid", 2); });
    const auto out = s.rewire("next");
    CHECK(out.state == rewire_state::rolled_back);
    CHECK(out.why.find("no model") != std::string::npos);
    s.wait();
    check_nothing_lost(book->lines(), 60);
  }
}

TEST_CASE("actors that come and go; those that stay keep their instance and their state") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto main = std::make_shared<notebook>();
    auto side = std::make_shared<notebook>();
    auto last_words = std::make_shared<notebook>();
    rewire_stage s(virtual_time);
    chain(s, 400, main, {0, 800});
    s.g.add("side", 1, 1, [last_words] {
      auto c = relay()();
      dynamic_cast<lambda_component&>(*c).on_close = [last_words](emitter&) -> result<void> {
        last_words->add("closed");
        return {};
      };
      return c;
    });
    s.g.add("ear", 1, 0, listener(side));
    s.g.link("mid", 0, "side", 0, {.size = 4});
    s.g.link("side", 0, "ear", 0, {.size = 4});
    s.without("short", {"side", "ear"});
    s.start("short");
    const auto there = s.rewire("full", 400);
    CAPTURE(there.why);
    REQUIRE(there.state == rewire_state::committed);
    CHECK(there.actors.size() == 3);  // side, ear, and mid, rewired
    if (!virtual_time) REQUIRE(in_time([&] { return side->size() > 20; }));
    const auto back = s.rewire("short", 1200);
    REQUIRE(back.state == rewire_state::committed);
    CHECK(back.revision == 3);
    CHECK(last_words->count("closed") == 1);
    const auto done = s.wait();
    check_nothing_lost(main->lines(), 400);
    // The side path heard a stretch without a hole, and all that was sent to it.
    const auto heard = side->lines();
    REQUIRE(!heard.empty());
    const auto first = std::stoi(number_of(heard.front()));
    for (std::size_t i = 0; i < heard.size(); ++i)
      CHECK(number_of(heard[i]) == std::to_string(first + static_cast<int>(i)));
    if (virtual_time)
      CHECK(heard.size() == static_cast<std::size_t>((back.at - there.at).count() / 5'000'000));
    CHECK(s.opened("mid") == 1);
    CHECK(s.opened("src") == 1);
    CHECK(s.opened("side") == 1);
    CHECK(done.last.links.size() == 4);  // what went keeps its row
  }
}

TEST_CASE("what does not open is rolled back, and the old graph has not noticed") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    auto closed = std::make_shared<notebook>();
    rewire_stage s(virtual_time);
    chain(s, 300, book, {0, 800});
    s.g.add("good", 1, 1, [closed] {
      auto c = std::make_unique<lambda_component>();
      c->on_close = [closed](emitter& out) -> result<void> {
        closed->add("closed");
        out.emit(0, timestamp::of_ms(500), testing::word("last words of one that never took part"));
        return {};
      };
      return c;
    });
    s.g.add("more", 0, 1, counter_source(1 << 30));
    s.g.source("more", 5);
    s.g.add("bad", 2, 0, [] {
      auto c = std::make_unique<lambda_component>();
      c->on_open = [](const context&) -> result<void> { return fail("test.no", "no device"); };
      return c;
    });
    s.g.link("mid", 0, "good", 0, {.size = 4});
    s.g.link("mid", 0, "bad", 0, {.size = 4});
    s.g.link("more", 0, "bad", 1, {.size = 4});
    s.without("short", {"good", "bad", "more"});
    s.start("short");
    const auto out = s.rewire("full", 400);
    CHECK(out.state == rewire_state::rolled_back);
    CHECK(out.code == "rewire.open_failed");
    CHECK(out.why == "bad (test.bad) did not open: no device [test.no]");
    CHECK(out.revision == 1);
    CHECK(out.hash_after == out.hash_before);
    CHECK(closed->size() == 1);  // what opened was closed again
    const auto again = s.rewire("short", 600);
    CHECK(again.state == rewire_state::unchanged);
    s.release();
    const auto done = s.wait();
    CHECK(done.why == end_reason::finished);
    CHECK(done.last.actors.size() == 3);
    check_nothing_lost(book->lines(), 300);
    CHECK(s.opened("mid") == 1);
  }
}

TEST_CASE("an actor that hangs while it opens is rolled back") {
  auto book = std::make_shared<notebook>();
  rewire_stage s(false);
  chain(s, 1 << 30, book);
  auto& bad = s.g.add("bad", 1, 0, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_open = [](const context&) -> result<void> {
      std::this_thread::sleep_for(std::chrono::hours(1));
      return {};
    };
    return c;
  });
  bad.watchdog_ms = 20;
  s.g.link("mid", 0, "bad", 0);
  s.without("short", {"bad"});
  s.start("short");
  const auto out = s.rewire("full");
  CHECK(out.state == rewire_state::rolled_back);
  CHECK(out.why.find("host.hang") != std::string::npos);
  const auto seen = book->size();
  CHECK(in_time([&] { return book->size() > seen + 10; }));
  s.run->stop();
  s.wait();
}

TEST_CASE("a queue changes its policy in place") {
  auto book = std::make_shared<notebook>();
  rewire_stage s(true);
  chain(s, 300, book);
  s.start();
  s.offer("next",
          [](plan& p) { p.links[1].queue = {.size = 2, .full = full_policy::drop_oldest}; });
  const auto out = s.rewire("next", 400);
  REQUIRE(out.state == rewire_state::committed);
  REQUIRE(out.links.size() == 1);
  CHECK(out.links[0].fate == link_fate::requeued);
  CHECK(out.links[0].why == "block 4 -> drop_oldest 2");
  CHECK(s.run->status().links[1].full == full_policy::drop_oldest);
  s.wait();
  check_nothing_lost(book->lines(), 300);
  CHECK(s.opened("end") == 1);
}

TEST_CASE("a source that is replaced goes on at the boundary, not before and not twice") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto book = std::make_shared<notebook>();
    std::atomic<std::uint64_t> emitted{0};
    rewire_stage s(virtual_time);
    s.add_valued("src", 0, 1, [&](std::int64_t value) {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [value, &s, &emitted, told = false](
                          timestamp until, emitter& out) mutable -> result<source_state> {
        s.pause(until, {0});
        // A live source may begin with what it kept: that is from before it took part.
        for (int i = 0; value == 2 && !told && i < 5; ++i, ++emitted)
          out.emit(0, timestamp::of_ms(i), word("2:past"));
        told = true;
        ++emitted;
        const auto at = until - duration(1'000'000);
        out.emit(0, at, word(std::to_string(value) + ":" + std::to_string(at.ns())));
        return until.ns() < 2'000'000'000 ? source_state::more : source_state::end_of_stream;
      };
      return c;
    });
    s.g.source("src", 10);
    s.g.add("end", 1, 0, listener(book));
    s.g.link("src", 0, "end", 0);
    s.start();
    s.offer("next", [&](plan& p) { s.set_value(p, "src", 2); });
    const auto out = s.rewire("next", 600);
    REQUIRE(out.state == rewire_state::committed);
    const auto done = s.wait();
    CHECK(done.last.links[0].sent == emitted);
    CHECK(dropped(done.last.links[0], drop_reason::late) == 5);
    std::int64_t last = -1;
    for (const auto& l : book->lines()) {
      const auto at = std::stoll(number_of(l));
      CHECK(at > last);
      last = at;
      CHECK(l.starts_with(at < out.at.ns() ? "1:" : "2:"));
    }
    CHECK(book->size() == 200);
  }
}

TEST_CASE("an agenda: rewires known beforehand come at their boundaries, nobody waits for them") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    std::vector<std::string> before;
    for (int round = 0; round < (virtual_time ? 2 : 1); ++round) {
      auto book = std::make_shared<notebook>();
      rewire_stage s(virtual_time);
      chain(s, 400, book, {});
      s.offer("a", [&](plan& p) { s.set_value(p, "mid", 2); });
      s.offer("wrong", [&](plan& p) { p.name = "another"; });
      s.offer("b", [&](plan& p) { s.set_value(p, "mid", 3); });
      s.options.planned_rewires = {{"a", timestamp(400'000'000)},
                                   {"wrong", timestamp(600'000'000)},
                                   {"b", timestamp(900'000'000)}};
      std::vector<rewire_outcome> outcomes;
      s.options.rewired = [&](const rewire_request&, const rewire_outcome& o) {
        outcomes.push_back(o);
      };
      s.start();
      if (!virtual_time) CHECK(s.rewire("a").code == "rewire.under-way");
      s.wait();
      s.run.reset();
      REQUIRE(outcomes.size() == 3);
      if (virtual_time) {
        CHECK(outcomes[0].at == timestamp(400'000'000));
        CHECK(outcomes[2].at == timestamp(1'000'000'000));  // the boundary behind 900 ms
      }
      for (const auto& o : outcomes) CHECK(o.at.ns() % 200'000'000 == 0);
      CHECK(outcomes[0].at >= timestamp(400'000'000));  // a busy machine is ready later
      CHECK(outcomes[1].state == rewire_state::refused);
      CHECK(outcomes[2].at >= timestamp(1'000'000'000));
      CHECK(outcomes[2].revision == 3);
      const auto lines = book->lines();
      check_nothing_lost(lines, 400);
      if (!virtual_time) continue;
      const auto of = [&](const char* stamp) {
        return std::count_if(lines.begin(), lines.end(),
                             [&](const auto& l) { return l.starts_with(stamp); });
      };
      CHECK(of("1:") == 80);
      CHECK(of("2:") == 120);
      if (round == 0)
        before = lines;
      else
        CHECK(lines == before);
    }
  }
}

TEST_CASE("dry run, wrong files and the wrong moment touch nothing") {
  auto book = std::make_shared<notebook>();
  rewire_stage s(false);
  chain(s, 1 << 30, book);
  s.start();
  s.offer("next", [&](plan& p) { s.set_value(p, "mid", 2); });
  s.offer("other", [&](plan& p) { p.name = "another"; });
  rewire_request dry{{"next", ""}};
  dry.dry_run = true;
  CHECK(s.run->rewire(dry).state == rewire_state::planned);
  auto no = s.run->rewire({{"broken", ""}});
  CHECK(no.state == rewire_state::refused);
  CHECK(no.code == "test.wrong");
  no = s.run->rewire({{"other", ""}});
  CHECK(no.state == rewire_state::refused);
  CHECK(no.why.find("rewire.other-graph") != std::string::npos);
  CHECK(s.opened("mid") == 1);
  s.run->stop();
  s.wait();
  no = s.run->rewire({{"next", ""}});
  CHECK(no.state == rewire_state::refused);
  CHECK(no.code == "rewire.not-running");
}

TEST_CASE("a change of a revision that does not run any more is refused, and touches nothing") {
  auto book = std::make_shared<notebook>();
  rewire_stage s(false);
  chain(s, 1 << 30, book);
  s.start();
  for (const int value : {2, 3})
    s.offer(std::to_string(value), [&](plan& p) { s.set_value(p, "mid", value); });
  // Where another one is still under way, as who asks does: again.
  const auto change = [&](const std::string& file, int revision) {
    rewire_request r{{file, ""}};
    r.revision = revision;
    auto out = s.run->rewire(r);
    while (out.code == "rewire.under-way") out = s.run->rewire(r);
    return out;
  };
  // Two at once, of the same revision: one is done, and the other learns of it.
  rewire_outcome theirs;
  std::thread other([&] { theirs = change("3", 2); });
  const auto ours = change("2", 2);
  other.join();
  const bool we = ours.state == rewire_state::committed;
  CHECK((we ? ours : theirs).state == rewire_state::committed);
  CHECK((we ? theirs : ours).code == "rewire.changed_meanwhile");
  CHECK((we ? theirs : ours).revision == 2);
  CHECK(s.opened("mid") == 2);
  CHECK(change("full", 3).revision == 3);
  s.run->stop();
  s.wait();
}

TEST_CASE("virtual time: the same rewire gives the same packets, run after run") {
  const auto once = [] {
    auto book = std::make_shared<notebook>();
    rewire_stage s(true);
    s.g.add("src", 0, 1, s.paced(counter_source(500, 3), {0, 700}));
    s.g.source("src", 10);
    s.add_valued("mid", 2, 2, [](std::int64_t value) { return stamper(value, 2); });
    s.add_valued("echo", 1, 1, [](std::int64_t value) { return stamper(value); });
    s.g.add("end", 1, 0, listener(book));
    s.g.link("src", 0, "mid", 0, {.size = 4});
    s.g.link("mid", 0, "end", 0, {.size = 4});
    s.start();
    s.offer("next", [&](plan& p) { s.set_value(p, "mid", 2); });
    s.rewire("next", 300);
    s.offer("after", [&](plan& p) { s.set_value(p, "mid", 3); });
    s.rewire("after", 900);
    s.wait();
    return book->lines();
  };
  const auto first = once();
  CHECK(first.size() == 500);
  CHECK(once() == first);
}
