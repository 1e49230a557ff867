// Calls that meet locks from two sides: an observer that calls back, a shared actor that speaks
// while its session goes. What would lock up here does so at once, or is told by the thread
// sanitizer.
#include <atomic>

#include "actors/start_run.hpp"
#include "actors/distributed/hosts.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::testing;

namespace {

/// Does something at the first event of a kind, on the thread that tells of it.
struct reacts_once final : observer {
  std::string to;
  std::function<void()> action;
  std::atomic<bool> done{false};
  std::atomic<bool> began{false};
  void event(timestamp, std::string_view, std::string_view what, std::string_view) override {
    if (what != to || began.exchange(true)) return;
    action();
    done.store(true);
  }
};

/// A source that waits for `says`, says that once, and ends when `over`.
plan_maker::maker speaks(std::shared_ptr<std::atomic<bool>> begin,
                         std::shared_ptr<std::atomic<bool>> over, std::string says) {
  return [=] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [=, said = false](timestamp until,
                                      emitter& out) mutable -> result<source_state> {
      if (begin->load() && !std::exchange(said, true))
        out.emit(0, until - duration(1'000'000), word(says));
      return over->load() ? source_state::end_of_stream : source_state::more;
    };
    return c;
  };
}

std::shared_ptr<std::atomic<bool>> flag(bool value = false) {
  return std::make_shared<std::atomic<bool>>(value);
}

}  // namespace

TEST_CASE("an observer that hears of an interruption may interrupt") {
  plan_maker g;
  const auto over = flag();
  g.add("mic", 0, 1, speaks(flag(true), over, "0"));
  g.source("mic");
  g.add("end", 1, 0, relay(0));
  g.link("mic", 0, "end", 0);
  reacts_once again;
  again.to = "interrupted";
  const auto p = g.make();
  start_options o;
  o.observers = {&again};
  auto r = start_run(p, g.types, o);
  REQUIRE(r);
  again.action = [&] { (*r)->interrupt(session_id{1}); };
  std::thread elsewhere([&] { (*r)->interrupt(session_id{1}); });
  CHECK(eventually([&] { return again.done.load(); }));
  elsewhere.join();
  over->store(true);
  CHECK((*r)->wait().last.law_holds());
}

TEST_CASE("an observer that hears of a packet that the wire cannot carry may open a session") {
  plan_maker g;
  const auto begin = flag(), over = flag();
  g.add("mic", 0, 1, speaks(begin, over, "unfit"));
  g.source("mic");
  g.add("end", 1, 0, relay(0));
  g.link("mic", 0, "end", 0);
  reacts_once opens;
  opens.to = "unfit_packet";
  start_options o;
  o.observers = {&opens};
  fake_network::conditions w;
  w.unfit = "unfit";
  host_group t(g, {{"mic", "left"}, {"end", "right"}}, false, w, o);
  std::atomic<std::uint64_t> opened{0};
  opens.action = [&] {
    opened.store(static_cast<std::uint64_t>(t.hosts.at("left")->open_session()));
  };
  begin->store(true);
  CHECK(eventually([&] { return opens.done.load(); }));
  CHECK(opened.load() == 2);
  over->store(true);
  (void)t.wait();
}

TEST_CASE("a shared actor speaks to a session that has just gone: counted, and nobody waits") {
  plan_maker g;
  const auto inside = flag(), gone = flag();
  g.add("mic", 0, 1, counter_source(1'000'000));
  g.source("mic");
  g.add("hub", 1, 1, [inside, gone] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [=](std::size_t, const packet& p, emitter& out) -> result<void> {
      out.emit(0, p.header.ts, word("before"));
      inside->store(true);
      CHECK(eventually([&] { return gone->load(); }));
      out.emit(0, p.header.ts, word("after"));
      return {};
    };
    return c;
  });
  g.info("hub").scope = instance_scope::shared;
  g.info("hub").blocking = true;
  g.actor("hub").watchdog_ms = 60'000;
  g.add("end", 1, 0, relay(0));
  g.link("mic", 0, "hub", 0, {.size = 4, .full = full_policy::drop_oldest});
  g.link("hub", 0, "end", 0);
  const auto p = g.make();
  auto r = start_run(p, g.types, {});
  REQUIRE(r);
  REQUIRE(eventually([&] { return inside->load(); }));
  (*r)->close_session(session_id{1});
  CHECK(eventually([&] { return (*r)->status().sessions == 0; }));
  gone->store(true);
  const auto done = (*r)->wait();
  CHECK(done.last.law_holds());
  CHECK(dropped(done.last.links[1], drop_reason::session_closed) == 1);
  CHECK(done.last.links[1].delivered == 1);
}
