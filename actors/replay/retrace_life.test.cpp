#include "actors/replay/retrace_life.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;

namespace {

constexpr session_id one{1}, two{2}, three{3};

/// An emitter of one call, with everything that it may look at.
struct stage {
  component_info info;
  life who;
  std::vector<std::pair<std::size_t, packet>> said;
  retold_streams streams{
      [this](const life&, std::size_t port, packet p) { said.emplace_back(port, std::move(p)); }};
  std::map<session_id, epoch_number> epochs;
  raised_epochs raised;
  std::vector<session_id> sessions{one, two};
  micro_turn_grid grid;

  explicit stage(instance_scope scope = instance_scope::session) {
    info.scope = scope;
    info.outputs = {{"words", {.kind = payload_kind::text}, ""},
                    {"sound", {.kind = payload_kind::audio}, ""}};
    who.actor = "model";
    who.index = 4;
    who.session = scope == instance_scope::shared ? session_id::none : one;
  }
  retold_emitter call(timestamp at, epoch_number epoch = 0, const packet_header* from = nullptr,
                      std::span<const bundle> sets = {}) {
    return {streams,  epochs, raised,
            sessions, grid,   {&who, &info, who.session, epoch, at, from, sets}};
  }
  const packet_header& last() const {
    REQUIRE(!said.empty());
    return said.back().second.header;
  }
};

timestamp ms(std::int64_t n) { return timestamp::of_ms(n); }

audio_chunk sound() { return {16000, 1, 0, buffer::take(std::vector<float>{0.5f})}; }

bundle set_of(session_id session, epoch_number epoch, std::vector<std::int64_t> origins_ns) {
  bundle b;
  b.session = session;
  b.epoch = epoch;
  b.inputs.resize(1);
  for (const auto ns : origins_ns) {
    auto p = make_packet(ms(1), word("x"));
    p.header.origin_ns = ns;
    p.header.origin_ts = timestamp(ns);
    b.inputs[0].push_back(std::move(p));
  }
  return b;
}

}  // namespace

TEST_CASE("retold_clock: says what was said then, and the last of it from then on") {
  retold_clock c;
  CHECK(c.is_virtual());
  c.begin_call(ms(100), {ms(101), ms(103)});
  CHECK(c.now() == ms(101));
  CHECK(c.now() == ms(103));
  CHECK(c.now() == ms(103));
  c.begin_call(ms(200), {});
  CHECK(c.now() == ms(200));  // it was not asked then
  c.begin_call(ms(300), {ms(301)});
  CHECK(c.now() == ms(301));
}

TEST_CASE("retold_clock: threads of the component take nothing that a call was told") {
  retold_clock c;
  c.begin_call(ms(100), {ms(101), ms(102)});
  std::thread([&] { CHECK(c.now() == ms(100)); }).join();
  CHECK(c.now() == ms(101));
  std::thread([&] { CHECK(c.now() == ms(101)); }).join();
  CHECK(c.now() == ms(102));
}

TEST_CASE("retold_clock: may be asked from elsewhere while calls begin") {
  retold_clock c;
  std::atomic<bool> over{false};
  std::thread other([&] {
    timestamp before;
    while (!over) {
      const auto now = c.now();
      CHECK(now >= before);
      before = now;
    }
  });
  for (int i = 1; i <= 2000; ++i) {
    c.begin_call(ms(10 * i), {ms(10 * i + 1)});
    CHECK(c.now() == ms(10 * i + 1));
  }
  over = true;
  other.join();
}

TEST_CASE("retold_streams: packets are numbered by output and session, as the host does it") {
  stage s(instance_scope::shared);
  auto out = s.call(ms(450));
  for (const auto id : {one, two, one}) {
    out.for_session(id);
    out.emit(0, ms(420), word("x"));
    CHECK(s.last().session == id);
  }
  CHECK(s.last().seq == 1);
  out.emit(1, ms(420), sound());
  CHECK(s.last().seq == 0);
  CHECK(s.last().stream == 1);
  CHECK(s.last().micro_turn == 2);
  s.streams.forget(3);
  out.emit(1, ms(420), sound());
  CHECK(s.last().seq == 1);
  s.streams.forget(s.who.index);
  out.emit(1, ms(420), sound());
  CHECK(s.last().seq == 0);
}

TEST_CASE("retold_streams: what the host refuses has no number") {
  stage s;
  auto out = s.call(ms(1000));
  out.emit(0, ms(990), sound());                             // not what the port carries
  out.emit(0, packet{});                                     // no payload
  out.emit(0, ms(1000 + 3'600'001), word("in an hour"));     // no time
  out.emit(1, ms(990), audio_chunk{16000, 1, 0, buffer{}});  // no samples
  CHECK(s.said.empty());
  out.emit(1, ms(990), sound());
  out.emit(1, ms(980), sound());  // back in time
  CHECK(s.said.size() == 1);
  out.emit(1, ms(990), sound());
  CHECK(s.last().seq == 1);
  // Words may come from any time.
  out.emit(0, ms(990), word("x"));
  out.emit(0, ms(100), word("y"));
  CHECK(s.said.size() == 4);
  CHECK_THROWS_AS(out.emit(2, ms(990), word("x")), std::out_of_range);
}

TEST_CASE("retold_streams: marks are no packets, and nothing comes after the end") {
  stage s;
  auto out = s.call(ms(1000));
  out.emit(0, ms(990), control{control::kind::bound, "", 0});
  out.emit(0, ms(990), word("x"));
  out.emit(0, ms(990), control{control::kind::end_of_stream, "", 0});
  out.emit(0, ms(995), word("too late"));
  REQUIRE(s.said.size() == 1);
  CHECK(s.last().seq == 0);
  out.emit(1, ms(995), sound());  // the other output has not ended
  CHECK(s.said.size() == 2);
  // One that comes back begins anew.
  s.streams.forget(s.who.index);
  out.emit(0, ms(995), word("again"));
  CHECK(s.said.size() == 3);
  CHECK(s.last().seq == 0);
}

TEST_CASE("retold_streams: the origin is that of what a packet derives from, else its own") {
  stage s;
  auto out = s.call(ms(1000));
  out.emit(0, ms(990), word("x"));
  CHECK(s.last().origin_ts == ms(990));
  CHECK(s.last().origin_ns == ms(1000).ns());
  CHECK(s.last().way.count == 1);
  CHECK(s.last().way.hops[0].actor == 4);

  packet_header from;
  from.origin_ts = ms(50);
  from.origin_ns = 77;
  from.way.push({2, 1, 1, 1});
  auto next = s.call(ms(1100), 0, &from);
  next.emit(0, ms(990), word("x"));
  CHECK(s.last().origin_ts == ms(50));
  CHECK(s.last().origin_ns == 77);
  REQUIRE(s.last().way.count == 2);
  CHECK(s.last().way.hops[0].actor == 2);
  CHECK(s.last().way.hops[1].actor == 4);
  CHECK(from.way.count == 1);
}

TEST_CASE("retold_emitter: an actor of one session stays in it, with the epoch of its call") {
  stage s;
  s.epochs = {{one, 5}, {two, 9}};
  auto out = s.call(ms(100), 3);
  out.for_session(two);
  out.emit(0, ms(90), word("x"));
  REQUIRE(s.said.size() == 1);
  CHECK(s.last().session == one);
  CHECK(s.last().epoch == 3);
}

TEST_CASE("retold_emitter: a shared actor without a session speaks to everybody") {
  stage s(instance_scope::shared);
  s.epochs = {{one, 5}, {two, 9}};
  auto out = s.call(ms(100), 3);
  out.emit(0, ms(90), word("x"));
  REQUIRE(s.said.size() == 3);
  const std::vector<std::pair<session_id, epoch_number>> expected = {
      {one, 5}, {two, 9}, {session_id::none, 0}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& h = s.said[i].second.header;
    CHECK(h.session == expected[i].first);
    CHECK(h.epoch == expected[i].second);
    CHECK(s.said[i].second.body == s.said[0].second.body);
  }
  // And after it spoke to one, to everybody again.
  out.for_session(one);
  out.emit(0, ms(90), word("x"));
  out.for_session(session_id::none);
  out.emit(0, ms(90), word("x"));
  CHECK(s.said.size() == 7);
}

TEST_CASE("retold_emitter: of sets of several sessions each has its epoch and its oldest packet") {
  stage s(instance_scope::shared);
  s.epochs = {{one, 5}, {two, 9}, {three, 2}};
  const std::vector<bundle> sets = {set_of(one, 4, {300, 100, 200}), set_of(two, 8, {})};
  packet_header first;
  first.origin_ns = 1;
  auto out = s.call(ms(100), 4, &first, sets);
  out.for_session(one);
  out.emit(0, ms(90), word("x"));
  CHECK(s.last().epoch == 4);  // of the set, not what is now
  CHECK(s.last().origin_ns == 100);
  CHECK(s.last().origin_ts == timestamp(100));
  out.for_session(two);
  out.emit(0, ms(90), word("x"));
  CHECK(s.last().epoch == 8);
  CHECK(s.last().origin_ns == ms(100).ns());  // derives from nothing
  out.for_session(three);                     // has no set here
  out.emit(0, ms(90), word("x"));
  CHECK(s.last().epoch == 2);
}

TEST_CASE("retold_emitter: an interruption raises the epoch as it was raised then") {
  stage s;
  s.epochs[one] = 3;
  s.raised[{"model", one}] = {6, 8};
  s.raised[{"other", one}] = {50};
  auto out = s.call(ms(100), 3);
  out.interrupt();
  out.emit(0, ms(90), word("x"));
  CHECK(s.last().epoch == 6);
  out.interrupt();
  out.emit(0, ms(90), word("x"));
  CHECK(s.last().epoch == 8);
  CHECK(s.epochs[one] == 8);
  // What the recording does not tell is one more.
  out.interrupt();
  out.emit(0, ms(90), word("x"));
  CHECK(s.last().epoch == 9);
  CHECK(s.epochs[one] == 9);
  CHECK(s.epochs.count(two) == 0);
  CHECK(s.raised[{"other", one}].size() == 1);
}

TEST_CASE("retold_emitter: an interruption that others overtook does not lower the epoch") {
  stage s;
  s.epochs[one] = 7;
  s.raised[{"model", one}] = {6};
  auto out = s.call(ms(100), 5);
  out.interrupt();
  out.emit(0, ms(90), word("x"));
  CHECK(s.last().epoch == 6);
  CHECK(s.epochs[one] == 7);
}

TEST_CASE("retold_emitter: a shared actor that interrupted one session keeps that in its call") {
  stage s(instance_scope::shared);
  s.epochs = {{one, 4}, {two, 9}};
  const std::vector<bundle> sets = {set_of(one, 4, {1}), set_of(two, 9, {1})};
  auto out = s.call(ms(100), 0, nullptr, sets);
  out.interrupt();  // nobody at hand: nothing to raise
  CHECK(s.epochs[one] == 4);
  out.for_session(one);
  out.interrupt();
  out.for_session(two);
  out.emit(0, ms(90), word("x"));
  CHECK(s.last().epoch == 9);
  out.for_session(one);
  out.emit(0, ms(90), word("x"));
  CHECK(s.last().epoch == 5);
}
