#include "actors/replay/packet_store.hpp"

#include <doctest/doctest.h>

#include "actors/replay/tape.test.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;

namespace {

record::packet_name name(const std::string& output, std::uint64_t seq, int session = 1) {
  return {output, session_id{static_cast<std::uint64_t>(session)}, seq};
}

packet live(const std::string& what) { return make_packet(at_ms(1), word(what)); }

std::string words(const result<packet>& p) {
  REQUIRE_MESSAGE(p, (p ? "" : p.error().message));
  return p->get_if<text>()->value;
}

}  // namespace

TEST_CASE("packet_store: of a played actor a call is given what the recording has") {
  tape t;
  // Out of order in the file, and marks with the same numbers between them.
  t.say("mic.out0", at_ms(20), 1, word("second"));
  t.mark("mic.out0", at_ms(21), control::kind::bound);
  t.say("mic.out0", at_ms(10), 0, word("first"));
  t.say("mic.out0", at_ms(10), 0, word("other session"), 2);
  t.say("mic.out1", at_ms(10), 0, word("other output"));
  packet_store s(t.end());
  // In any order, and as often as one likes.
  CHECK(words(s.take(name("mic.out0", 1), false, at_ms(50))) == "second");
  CHECK(words(s.take(name("mic.out0", 0), false, at_ms(50))) == "first");
  CHECK(words(s.take(name("mic.out0", 0, 2), false, at_ms(50))) == "other session");
  CHECK(words(s.take(name("mic.out1", 0), false, at_ms(50))) == "other output");
  CHECK(words(s.take(name("mic.out0", 1), false, at_ms(50))) == "second");
}

TEST_CASE("packet_store: where numbers began anew, the newest before the call") {
  tape t;
  t.say("mic.out0", at_ms(100), 0, word("first life"));
  t.begins("mic.out0").say("mic.out0", at_ms(500), 0, word("second life"));
  t.begins("mic.out0").say("mic.out0", at_ms(900), 0, word("third life"));
  packet_store s(t.end());
  CHECK(words(s.take(name("mic.out0", 0), false, at_ms(100))) == "first life");
  CHECK(words(s.take(name("mic.out0", 0), false, at_ms(499))) == "first life");
  CHECK(words(s.take(name("mic.out0", 0), false, at_ms(500))) == "second life");
  CHECK(words(s.take(name("mic.out0", 0), false, at_ms(5000))) == "third life");
}

TEST_CASE("packet_store: what is missing is named with its place") {
  tape t;
  t.say("mic.out0", at_ms(100), 0, word("x"));
  packet_store s(t.end());
  for (const auto& n : {name("mic.out0", 1), name("mic.out0", 0, 2), name("ears.out0", 0)}) {
    const auto p = s.take(n, false, at_ms(1250));
    REQUIRE(!p);
    CHECK(p.error().code == "replay.gap");
  }
  CHECK(s.take(name("ears.out0", 7, 3), true, at_ms(1250)).error().message ==
        "session 3 packet 7 of ears.out0, which was taken at 1.250 s, is not in the recording");
}

TEST_CASE("packet_store: of a live actor a call is given what it says now") {
  tape t;
  t.say("ears.out0", at_ms(10), 0, word("then"));
  packet_store s(t.end());
  s.expect(name("ears.out0", 0));
  s.expect(name("ears.out0", 0));
  s.put(name("ears.out0", 0), live("now"));
  CHECK(words(s.take(name("ears.out0", 0), true, at_ms(50))) == "now");
  CHECK(words(s.take(name("ears.out0", 0), true, at_ms(50))) == "now");
  // Nobody else was to take it: it is gone, and the recording has its own.
  CHECK(words(s.take(name("ears.out0", 0), true, at_ms(50))) == "then");
}

TEST_CASE("packet_store: keeps nothing that nobody will take") {
  tape t;
  packet_store s(t.output("ears.out0").end());
  const auto body = std::make_shared<const payload>(word("big"));
  packet p;
  p.body = body;
  s.put(name("ears.out0", 0), p);
  CHECK(body.use_count() == 2);  // the test's two
  s.expect(name("ears.out0", 1));
  s.put(name("ears.out0", 1, 2), p);  // another session
  s.put(name("ears.out1", 1), p);     // another output
  CHECK(body.use_count() == 2);
  s.put(name("ears.out0", 1), p);
  CHECK(body.use_count() == 3);
  CHECK(s.take(name("ears.out0", 1), true, at_ms(1)));
  CHECK(body.use_count() == 2);
}

TEST_CASE("packet_store: a live actor's word is for those that take it live") {
  tape t;
  t.say("ears.out0", at_ms(10), 0, word("then"));
  packet_store s(t.end());
  s.expect(name("ears.out0", 0));
  s.put(name("ears.out0", 0), live("now"));
  CHECK(words(s.take(name("ears.out0", 0), false, at_ms(50))) == "then");
}

TEST_CASE("packet_store: the newest life of a live actor replaces what the one before said") {
  tape t;
  packet_store s(t.output("ears.out0").end());
  s.expect(name("ears.out0", 0));
  s.expect(name("ears.out0", 0));
  s.put(name("ears.out0", 0), live("first life"));
  CHECK(words(s.take(name("ears.out0", 0), true, at_ms(1))) == "first life");
  s.put(name("ears.out0", 0), live("second life"));
  CHECK(words(s.take(name("ears.out0", 0), true, at_ms(2))) == "second life");
}
