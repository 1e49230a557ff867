#include "actors/gateway/whip/machine.hpp"

#include <doctest/doctest.h>

using namespace hocket::gateway;

TEST_CASE("WHIP: sound both ways, an end, and nothing else") {
  whip::machine m;
  output out;
  m.begin(0, out);
  m.receive(R"({"type":"session.update"})", 0, out);
  m.on_graph(said{"hello", 0, 200}, 0, out);
  m.on_graph(voice{0, std::vector<float>(3200), false}, 0, out);
  m.advance(100, out);
  CHECK(out.messages.empty());
  CHECK(out.actions.empty());
  m.hear(std::vector<float>(320, 0.1f), 100, out);
  m.on_graph(voice{0, std::vector<float>(3200, 0.2f), true}, 200, out);
  m.end("over", 400, out);
  REQUIRE(out.actions.size() == 3);
  CHECK(std::get<hear_sound>(out.actions[0]).samples.size() == 320);
  CHECK(std::get<play_sound>(out.actions[1]).samples.size() == 3200);
  CHECK(std::get<hang_up>(out.actions[2]).code == 1001);
}

TEST_CASE("WHIP: a silence that nobody answers ends the call, unless somebody does in time") {
  whip::machine m("key");
  output out;
  m.on_graph(model_state{false, 60'000}, 1'000, out);
  m.advance(5'900, out);
  m.on_graph(model_state{true}, 5'950, out);
  m.advance(9'000, out);
  CHECK(out.actions.empty());
  m.on_graph(model_state{false, 60'000}, 10'000, out);
  m.advance(15'000, out);
  REQUIRE(out.actions.size() == 1);
  CHECK(std::get<hang_up>(out.actions[0]).code == 1011);
  CHECK(std::get<hang_up>(out.actions[0]).reason == "what answers is gone");
}

TEST_CASE("WHIP: another call goes on with the key, which is that call's own from then on") {
  whip::machine m("one");
  CHECK(m.resume_key() == "one");
  output out;
  m.resume("", {true, "two"}, 100, out);
  CHECK(m.resume_key() == "two");
  CHECK(out.actions.empty());
  m.on_graph(all_forgotten{}, 200, out);
  CHECK(m.resume_key().empty());
  CHECK(whip::machine().resume_key().empty());
}
