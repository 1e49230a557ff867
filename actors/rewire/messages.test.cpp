#include "actors/rewire/messages.hpp"

#include <doctest/doctest.h>

#include "actors/rewire/report.hpp"
#include "graph/schema/wire_messages.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::rewire;

namespace {

rewire_outcome whole_outcome() {
  rewire_outcome o;
  o.state = rewire_state::rolled_back;
  o.graph = "talk";
  o.revision = 3;
  o.hash_before = "before";
  o.hash_after = "after";
  o.at = timestamp::of_ms(1400);
  o.prepared_ms = 12.5;
  o.settled_ms = 7.25;
  o.host = "gpu";
  o.code = "rewire.open_failed";
  o.why = "no device";
  o.actors = {{"a", "test.a", "edge", actor_fate::replaced, {"x: 1 -> 2", "y"}},
              {"b", "test.b", "", actor_fate::removed, {}}};
  o.links = {{"a.out > b.in", link_fate::requeued, "size 4 -> 8"},
             {"c > d", link_fate::removed, ""}};
  o.others = {"clock"};
  o.actors_kept = 5;
  o.links_kept = 6;
  o.packets = {{"a.out > b.in", 7, 8}};
  o.notes = {"one", "two"};
  return o;
}

template <class Event>
Event over_the_wire(Event event) {
  const wire::control_frame f{1, wire::numbered_message{4, 0, {std::move(event)}}};
  const auto bytes = wire::encode(f);
  const auto back = wire::decode_control(std::as_bytes(std::span(bytes)));
  REQUIRE(back);
  return std::get<Event>(std::get<wire::numbered_message>(back->body).message.event);
}

}  // namespace

TEST_CASE("a rewire's outcome comes back from the wire as it was") {
  const auto o = whole_outcome();
  const auto m = over_the_wire(wire::rewire_done{9, to_message(o)});
  CHECK(m.number == 9);
  const auto back = from_message(*m.outcome);
  CHECK(rewire::to_json(back) == rewire::to_json(o));
  CHECK(back.at == o.at);
  for (const auto s : {rewire_state::refused, rewire_state::unchanged, rewire_state::planned,
                       rewire_state::rolled_back, rewire_state::committed}) {
    auto one = o;
    one.state = s;
    CHECK(from_message(*over_the_wire(wire::rewire_vote{1, to_message(one)}).outcome).state == s);
  }
}

TEST_CASE("a rewire's request comes back from the wire as it was") {
  rewire_request r{{"/x/new.yaml", "hocket: 1", {{"/x/part.yaml", "actors:"}}}};
  r.dry_run = true;
  r.prepare_limit_s = 17;
  r.hash = "hash";
  r.revision = 4;
  for (const auto t : {timestamp::min(), timestamp::of_ms(250)}) {
    r.not_before = t;
    const auto back = from_message(*over_the_wire(wire::rewire_prepare{3, to_message(r)}).request);
    CHECK(back.graph.file == r.graph.file);
    CHECK(back.graph.text == r.graph.text);
    CHECK(back.graph.includes == r.graph.includes);
    CHECK(back.not_before == r.not_before);
    CHECK(back.dry_run);
    CHECK(back.prepare_limit_s == 17);
    CHECK(back.hash == "hash");
    CHECK(back.revision == 4);
  }
}
