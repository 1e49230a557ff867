// Adapters of the model are taken between two micro-turns.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "actors/interaction/fake_engine.hpp"
#include "actors/interaction/interaction.hpp"
#include "actors/trainer/adapters/adapters_told.test.hpp"
#include "actors/trainer/adapters/governed_adapter.test.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;
using namespace hocket::interaction;

namespace {

fake_engine* engine_of_test = nullptr;

struct faked final : interaction_model {
  explicit faked(config c)
      : interaction_model(std::move(c),
                          [](const engine_options&) -> result<std::unique_ptr<micro_turn_engine>> {
                            auto made = std::make_unique<fake_engine>();
                            engine_of_test = made.get();
                            return made;
                          }) {}
};

struct rig {
  std::unique_ptr<harness> h;
  explicit rig(std::vector<setting> more = {}, int sessions = 2, const std::string& out = "out") {
    if (std::ranges::find(more, "model", &setting::key) == more.end())
      more.emplace_back("model", "none");
    harness_options o{.config = settings(std::move(more)), .output_dir = out};
    o.sessions.clear();
    for (int s = 1; s <= sessions; ++s) o.sessions.push_back(session_id(s));
    h = std::make_unique<harness>(type_of<faked>(), std::move(o));
  }
  void give(const std::string& name, int session = 1, const std::string& card = "{}") const {
    h->use_session(session_id(session));
    const auto bytes = name.empty() ? buffer{} : buffer::take(std::vector<char>{1});
    REQUIRE(h->push("adapters", h->now(), adapter{name, card, bytes}));
  }
  /// Its sound ends; what comes next is another conversation.
  void begin_anew(int session) const {
    h->use_session(session_id(session));
    REQUIRE(h->control_packet("audio", {control::kind::end_of_stream, "", 0}));
  }
  void pass() const { REQUIRE(h->advance(std::chrono::milliseconds(200))); }
  std::string of(int session) const { return engine_of_test->adapters[session_id(session)]; }
  std::vector<std::string> told() const { return trainer::test::adapters_told(*h); }
};

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("an adapter is taken by all conversations at the next micro-turn, once") {
  const rig r;
  REQUIRE(r.h->open());
  r.pass();
  CHECK(r.of(1) == "");
  r.give("one"), r.give("one", 2);  // each conversation has a copy of what is nobody's
  r.pass();
  CHECK((r.of(1) == "one" && r.of(2) == "one"));
  CHECK(r.h->counter("adapters_taken") == 1);
  r.give("one"), r.pass();  // said again
  CHECK(r.h->counter("adapters_taken") == 1);
  r.give("misfit"), r.pass();
  r.give("misfit"), r.pass();
  CHECK(r.of(1) == "one");
  CHECK(r.h->counter("adapters_refused") == 1);
  r.give("", 1, R"({"restored_after": "one"})"), r.pass();  // the model by itself
  CHECK((r.of(1) == "" && r.of(2) == ""));
  CHECK(r.told() == names{"one", ""});
  CHECK(r.h->violations().empty());
}

TEST_CASE("an adapter without a name and a card is none that was refused") {
  const rig r;
  REQUIRE(r.h->open());
  r.give("one"), r.pass();
  r.give("", 1, ""), r.pass();
  CHECK(r.of(1) == "");
  CHECK(r.told() == names{"one", ""});
}

TEST_CASE("conversations that are pinned keep the adapter they began with, unless it is frozen") {
  const rig r({{"adapter_swap", "pinned"}}, 3);
  REQUIRE(r.h->open());
  r.pass();
  r.give("one"), r.pass();
  CHECK(r.h->counter("pinned") == 3);
  r.begin_anew(2), r.begin_anew(3);
  r.pass();
  CHECK((r.of(1) == "" && r.of(2) == "one" && r.of(3) == "one"));
  r.give("two"), r.pass();
  r.begin_anew(3), r.pass();
  CHECK((r.of(1) == "" && r.of(2) == "one" && r.of(3) == "two"));
  r.give("", 1, R"({"frozen": true})"), r.pass();
  CHECK((r.of(1) == "" && r.of(2) == "" && r.of(3) == ""));
}

TEST_CASE("a graph names an adapter for the start; what is wrong with it is told before") {
  namespace fs = std::filesystem;
  const auto folder = fs::temp_directory_path() / ("hocket-adapter-" + std::to_string(getpid()));
  const auto put = [&](const char* name, const char* text) {
    fs::create_directories(folder / "calls");
    std::ofstream(folder / "calls" / name) << text;
  };
  const auto why = [&] {
    const rig r({{"adapter", (folder / "calls").string()}});
    const auto opened = r.h->open();
    return opened ? std::string() : opened.error().code + " " + opened.error().message;
  };
  CHECK(why().find("adapter_config.json") != std::string::npos);
  put("adapter_config.json", R"({"r": 4, "target_modules": ["qkv"]})");
  CHECK(why().find("adapter_model.safetensors") != std::string::npos);
  put("adapter_model.safetensors", "weights");
  put("card.json", "[]");
  CHECK(why().starts_with("adapter.bad_card"));
  put("card.json", R"({"name": "misfit"})");
  CHECK(why().starts_with("lora.bad_shape"));
  fs::remove(folder / "calls" / "card.json");
  const rig r({{"adapter", (folder / "calls").string()}});
  REQUIRE(r.h->open());
  r.pass();
  CHECK(r.of(1) == "calls");
  CHECK(r.told() == names{"calls"});
  const rig other({{"adapter", (folder / "calls").string()}});
  REQUIRE(other.h->open());
  other.give("misfit"), other.pass();  // before the first one is in use
  CHECK(other.of(1) == "calls");
  CHECK(other.told() == names{"calls"});
  fs::remove_all(folder);
}

TEST_CASE("nobody speaks through a frozen adapter, whatever becomes of what replaces it") {
  const char* const frozen = R"({"frozen": true})";
  const rig r;
  REQUIRE(r.h->open());
  r.give("one"), r.pass();
  r.give("misfit", 1, frozen), r.give("misfit", 2, frozen), r.pass();
  CHECK((r.of(1) == "" && r.of(2) == ""));
  CHECK(r.told() == names{"one", ""});
  r.give("two"), r.pass();
  CHECK(r.of(1) == "two");
  r.give("misfit", 1, frozen), r.pass();  // refused before
  CHECK((r.of(1) == "" && r.of(2) == ""));
  CHECK(r.told() == names{"one", "", "two", ""});
  CHECK(r.h->counter("adapters_refused") == 1);
  // What replaces it is replaced in its turn, in the same micro-turn, by one that is not marked.
  for (const char* next : {"three", "misfit"}) {
    const rig pinned({{"adapter_swap", "pinned"}}, 2);
    REQUIRE(pinned.h->open());
    pinned.give("one"), pinned.pass();
    CHECK(pinned.of(2) == "one");
    pinned.give("two", 1, frozen), pinned.give(next, 2), pinned.pass();
    CHECK((pinned.of(1) != "one" && pinned.of(2) != "one"));
    CHECK(pinned.of(1) == (std::string(next) == "misfit" ? "" : "three"));
  }
}

TEST_CASE("an adapter that a graph names goes through the gates, and an incident takes it back") {
  const trainer::test::governed_adapter g("interaction-gates");
  const std::vector<setting> named = {{"model", g / "model.bin"},
                                      {"adapter", g / "calls"},
                                      {"adapter_swap", "pinned"},
                                      {"ledger", "book.db"}};
  const auto why = [&] {
    const rig r(named, 2, g / "out");
    const auto opened = r.h->open();
    return opened ? std::string() : opened.error().code + " " + opened.error().message;
  };
  CHECK(why().find("governance.refused") == 0);
  CHECK(why().find("it has no card") != std::string::npos);
  REQUIRE(g.book().add_card(g.card_of("another model")));
  CHECK(why().find("it was made on `tiny`") != std::string::npos);
  REQUIRE(g.book().add_override("calls", governance::gate::load, "a test"));
  REQUIRE(g.book().add_override("calls", governance::gate::serve, "a test"));
  const rig r(named, 2, g / "out");
  REQUIRE(r.h->open());
  r.pass();
  CHECK((r.of(1) == "calls" && r.of(2) == "calls"));
  // A newer one, which conversations that are pinned do not take, passes the gate `swap` or not at all.
  r.give("stranger"), r.pass();
  CHECK(r.h->counter("adapters_refused") == 1);
  auto newer = g.card_of("the model");
  newer["name"] = "newer", newer["weights"]["sha256"] = http::sha256_hex("\x01");
  REQUIRE(g.book().add_card(newer));
  r.give("newer"), r.pass();
  r.begin_anew(2), r.pass();
  CHECK((r.of(1) == "calls" && r.of(2) == "newer"));
  // Frozen is what a conversation speaks through, not what is newest.
  REQUIRE(g.book().open_incident("calls", "it lies"));
  trainer::test::becomes([&] { return r.pass(), r.of(1) != "calls"; });
  CHECK((r.of(1) == "newer" && r.of(2) == "newer"));
  REQUIRE(g.book().open_incident("newer", "it lies, too"));
  trainer::test::becomes([&] { return r.pass(), r.of(1).empty() && r.of(2).empty(); });
  CHECK(r.told() == names{"calls", "newer", ""});
  // Who begins meanwhile has none.
  const rig later(named, 1, g / "out");
  REQUIRE(later.h->open());
  later.pass();
  CHECK(later.of(1).empty());
  CHECK(later.h->counter("frozen") == 1);
}

TEST_CASE("an adapter that there is no memory for is refused, and nothing else ends") {
  const rig r;
  REQUIRE(r.h->open());
  r.give("one"), r.pass();
  r.give("huge"), r.pass();
  CHECK(r.of(1) == "one");
  CHECK(r.h->counter("adapters_refused") == 1);
}
