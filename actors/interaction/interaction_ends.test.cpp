// How requests end: silently, at somebody else's, and with a failure, of which the model says its refusal.
#include <doctest/doctest.h>

#include "actors/interaction/fake_engine.hpp"
#include "actors/interaction/interaction.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;
using namespace hocket::interaction;

namespace {

fake_engine* ends_engine = nullptr;

struct ending_model final : interaction_model {
  explicit ending_model(config c)
      : interaction_model(std::move(c),
                          [](const engine_options&) -> result<std::unique_ptr<micro_turn_engine>> {
                            auto made = std::make_unique<fake_engine>();
                            ends_engine = made.get();
                            return made;
                          }) {}
};

struct asking {
  explicit asking(int requests, std::vector<setting> more = {})
      : h(type_of<ending_model>(), {.config = with_folder(std::move(more))}) {
    REQUIRE(h.open());
    for (int i = 0; i < requests; ++i)
      REQUIRE(h.push("keyboard", timestamp::of_ms(0), text{"delegate", "user"}));
    until(200 * (requests + 2));
    REQUIRE(asked() == static_cast<std::size_t>(requests));
    waits = said();
  }
  static value with_folder(std::vector<setting> more) {
    more.emplace_back("model", "none");
    return settings(std::move(more));
  }
  void until(std::int64_t ms) { REQUIRE(h.advance_to(timestamp::of_ms(ms))); }
  void tell(std::string word, std::string_view role, std::uint64_t request, bool final = true) {
    REQUIRE(h.push("text", h.now(), text{std::move(word), std::string(role), request, final}));
  }
  void lose_background() {
    REQUIRE(h.control_packet("text", {control::kind::input_lost, "mind: failed", 0}));
  }
  void find_background() {
    REQUIRE(h.control_packet("text", {control::kind::input_recovered, "", 0}));
  }
  std::size_t asked() { return h.values<delegation>("delegations").size(); }
  std::string said() {
    std::string all;
    for (const auto& t : h.values<text>("text")) all += t.value + " ";
    return all;
  }
  /// Since the requests were asked.
  std::string news() { return said().substr(waits.size()); }
  harness h;
  std::string waits;
};

constexpr auto refusal = "sorry i can't help with that ";

}  // namespace

TEST_CASE("a request that ended silently, or that an app works on, is not pending any more") {
  for (const auto role : {over_role, left_role}) {
    CAPTURE(role);
    asking a(2);
    a.tell("", role, 1, role == over_role);
    a.until(1200);
    a.lose_background();
    a.find_background();
    CHECK(a.h.counter("asked_again") == 1);
    CHECK(a.h.values<delegation>("delegations").back().request == 2);
    a.lose_background();
    a.until(14'000);
    CHECK(a.h.counter("given_up") == 1);
    a.find_background();
    CHECK(a.asked() == 3);
    // An app may still answer; what ended does not come back.
    a.tell("56", "background", 1);
    a.until(17'000);
    CHECK(a.news() == std::string(refusal) + "fifty six ");
  }
}

TEST_CASE("words of a request that ended silently are not read any more") {
  asking a(1);
  a.tell("one two three", "background", 1, false);
  a.until(a.h.now().ms() + 200);
  a.tell("", over_role, 1);
  a.until(3000);
  CHECK(a.news() == "one ");
  CHECK(a.h.counter("superseded_words") == 2);
}

TEST_CASE("of a request that failed the model says its refusal, once, and goes on") {
  asking a(2);
  a.tell("it", "background", 1, false);
  a.tell("no", failure_role, 1, false);
  a.tell("result", "background", 1);
  a.tell("no", failure_role, 2, false);
  a.tell("result", "background", 2);
  a.until(6000);
  CHECK(a.news() == refusal);
  CHECK(a.h.counter("refusals") == 1);
  CHECK(a.h.counter("replaced_words") == 1);
  // An answer that comes after all.
  a.tell("63", replacing_role, 1);
  a.until(8000);
  CHECK(a.news() == std::string(refusal) + "sixty three ");
  REQUIRE(a.h.close());
  CHECK(a.h.violations().empty());
}

TEST_CASE("a model that does not know the words of its refusal reads those of the failure") {
  for (const char* phrase : {"", "unheardof words", "rex"}) {
    CAPTURE(phrase);
    asking a(1, {{"refusal", phrase}});
    a.tell("no", failure_role, 1, false);
    a.tell("result", "background", 1);
    a.until(4000);
    CHECK(a.news() == "no result ");
    CHECK(a.h.counter("refusals") == 0);
  }
}

TEST_CASE("a refusal that somebody interrupts is not said to its end") {
  asking a(1);
  ends_engine->is_mute = true;
  a.tell("no", failure_role, 1);
  a.until(4000);
  CHECK(a.h.counter("refusals") == 0);
  CHECK(a.h.counter("refusals_cut") == 1);
  a.tell("63", "background", 7);
  a.until(6000);
  CHECK(a.news().ends_with("sixty three "));
}

TEST_CASE("what is pending for too long, or among too many, is forgotten and counted") {
  asking a(1);
  a.until(1'300'000);
  REQUIRE(a.h.push("keyboard", a.h.now(), text{"delegate", "user"}));
  a.until(1'300'800);
  CHECK(a.h.counter("forgotten_requests") == 1);
  a.lose_background();
  a.find_background();
  CHECK(a.h.counter("asked_again") == 1);
}

TEST_CASE("a scripted phrase waits for silence, not for ever, and for the model's pace") {
  const std::vector<std::string> tokens = {"a", "b"};
  turn_output loud, quiet, word;
  loud.gates[2] = 1;
  word.gates[0] = 1;
  scripted_phrase p;
  const auto script = [&] {
    turn_input in;
    p.put_into(in);
    return std::to_string(in.script.size()) + (in.script_due ? "!" : "");
  };
  p.took(quiet);
  CHECK(script() == "0");
  p.ask(tokens);
  for (int i = 0; i < 9; ++i) {
    p.took(loud);
    CHECK(script() == "0");
  }
  p.took(loud);
  CHECK(script() == "2!");
  word.text = {"a"};
  p.took(word);
  CHECK(script() == "1");
  for (int i = 0; i < 4; ++i) p.took(loud);
  CHECK(script() == "1!");
  p.ask(tokens);  // another failure meanwhile
  word.text = {"b", "c"};
  p.took(word);
  CHECK(p.said() == 1);
  CHECK(script() == "0");
  p.took(quiet);
  CHECK(script() == "2!");
  for (int i = 0; i < 3; ++i) p.took(quiet);
  CHECK(p.cut() == 1);
  CHECK(script() == "0");
}
