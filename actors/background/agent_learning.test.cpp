// Adapters are taken between requests; lessons become examples.
#include <set>

#include "actors/background/scripted.test.hpp"
#include "actors/trainer/adapters/adapters_told.test.hpp"
#include "actors/trainer/adapters/governed_adapter.test.hpp"
#include "actors/trainer/examples/text_example.hpp"

using namespace hocket;
using namespace hocket::background;
using namespace hocket::background::test;

namespace {

/// What a planner that learns saw.
struct seen {
  std::function<result<void>(const adapter&)> prepare;  ///< on a thread of its own
  std::vector<std::string> adapters;                    ///< taken, in order
  std::vector<std::string> answered;                    ///< by request: the adapter in use
  std::set<std::string> bad = {"misfit"};
  std::string model;   ///< that adapters are loaded on
  bool calls = false;  ///< a tool, in place of an answer
};

struct learning_planner final : planner, learner {
  explicit learning_planner(std::shared_ptr<seen> s) : s(std::move(s)) {}
  result<plan_step> next(const plan_view& view) override {
    s->answered.push_back(s->adapters.empty() ? "" : s->adapters.back());
    if (s->calls && view.so_far.empty()) return plan_step::ask("scripted", "{}");
    return plan_step::answer("fine");
  }
  std::string model_path() const override { return s->model; }
  result<void> prepare(const adapter& a) override {
    return s->prepare ? s->prepare(a) : result<void>();
  }
  result<void> adapt(const adapter& a) override {
    if (s->bad.contains(a.name)) return fail("lora.unknown_tensor", "it fits another model");
    s->adapters.push_back(a.name);
    return {};
  }
  result<std::vector<training_example>> examples_of(std::span<const lesson> lessons,
                                                    std::span<const tool_info> tools,
                                                    const std::string& provenance) override {
    CHECK(tools.size() == 1);
    std::vector<training_example> out;
    for (const auto& l : lessons)
      out.push_back(trainer::json_example({{"text", l.task}}, provenance));
    return out;
  }
  std::shared_ptr<seen> s;
};

void add_learning(registry& types, std::shared_ptr<seen> s) {
  REQUIRE(types.add(planner_type{
      {"learning", "for tests", config_maker<match_planner>()},
      [s = std::move(s)](config_base&) { return std::make_unique<learning_planner>(s); }}));
}

adapter adapter_of(const std::string& name, const std::string& card = "{}") {
  return {name, card, buffer::take(std::vector<char>{1})};
}

const char* const frozen = R"({"frozen": true})";

struct rig {
  std::shared_ptr<seen> s = std::make_shared<seen>();
  registry types = tools_with(scripted_tool([](auto&, auto&) { return std::string("said"); }));
  std::unique_ptr<harness> h;
  std::uint64_t next = 1;

  explicit rig(std::vector<setting> more = {}, bool learns = true,
               const trainer::test::governed_adapter* by = nullptr) {
    if (by) s->model = *by / "model.bin";
    if (learns) {
      add_learning(types, s);
      more.emplace_back("planner", "learning");
    }
    more.emplace_back("min_delay_ms", 0);
    h = std::make_unique<harness>(type_of<agent>(),
                                  harness_options{.config = config(std::move(more)),
                                                  .types = &types,
                                                  .output_dir = by ? *by / "out" : "out"});
    if (by) return;
    REQUIRE(h->open());
  }
  void give(const std::string& name, const std::string& card = "{}") {
    REQUIRE(h->push("adapters", h->now(), adapter_of(name, card)));
  }
  /// Gives it, and lets a micro-turn pass.
  void offer(const std::string& name, const std::string& card = "{}") {
    give(name, card);
    turn();
  }
  void turn() { REQUIRE(h->advance(std::chrono::milliseconds(200))); }
  void ask() {
    REQUIRE(h->push("requests", h->now(), request(next++)));
    turn();
  }
  std::vector<std::string> told() const { return trainer::test::adapters_told(*h); }
};

}  // namespace

TEST_CASE("an adapter is taken at the border of a micro-turn, once, and told") {
  rig r;
  r.ask();
  r.give("a-1");
  CHECK(r.s->adapters.empty());
  r.turn();
  r.offer("a-1");  // repeated for conversations that begin later
  r.ask();
  CHECK(r.s->adapters == std::vector<std::string>{"a-1"});
  CHECK(r.s->answered == std::vector<std::string>{"", "a-1"});
  CHECK(r.told() == std::vector<std::string>{"a-1"});
  CHECK(r.h->violations().empty());
}

TEST_CASE("of two that come within a micro-turn the newer one is taken") {
  rig r;
  r.give("a-1");
  r.offer("a-2");
  CHECK(r.s->adapters == std::vector<std::string>{"a-2"});
}

TEST_CASE("a pinned conversation keeps what its first request was worked on with") {
  rig r(std::vector<setting>{{"adapter_swap", "pinned"}});
  r.offer("a-1");
  r.ask();
  r.offer("a-2");
  r.ask();
  CHECK(r.told() == std::vector<std::string>{"a-1"});
  CHECK(r.h->counter("pinned") == 1);
  SUBCASE("but not one that is frozen") {
    r.offer("", R"({"frozen": true})");
    CHECK(r.told().back().empty());
  }
}

TEST_CASE("an adapter of another model is refused, and the one before stays") {
  rig r;
  r.offer("a-1");
  r.offer("misfit");
  r.ask();
  CHECK(r.h->counter("adapters_refused") == 1);
  CHECK(r.s->answered == std::vector<std::string>{"a-1"});
  r.offer("a-2");
  CHECK(r.told().back() == "a-2");
}

TEST_CASE("nobody works through a frozen adapter, whatever becomes of what replaces it") {
  using names = std::vector<std::string>;
  rig r;
  r.offer("a-1");
  r.offer("misfit");
  r.ask();
  r.offer("misfit", frozen);  // by name it was refused before
  r.ask();
  CHECK(r.s->answered == names{"a-1", ""});
  r.offer("a-2");
  r.offer("misfit", frozen);  // refused before
  r.ask();
  CHECK(r.s->answered.back().empty());
  CHECK(r.told() == names{"a-1", "", "a-2", ""});
  CHECK(r.h->counter("adapters_refused") == 2);
  r.offer("misfit", frozen);  // and nobody works through one
  CHECK(r.told().size() == 4);
  // What replaces it is replaced in its turn, in the same micro-turn, by one that is not marked.
  rig other;
  other.offer("a-1");
  other.give("a-2", frozen);
  other.offer("misfit");
  CHECK(other.told() == names{"a-1", ""});
}

TEST_CASE("a planner that does not go back to its model by itself is asked once") {
  rig r;
  r.offer("a-1");
  r.s->bad.insert("");
  r.offer("misfit", frozen);
  r.turn();
  CHECK(r.h->counter("adapters_refused") == 2);
  CHECK(r.told() == std::vector<std::string>{"a-1"});
}

TEST_CASE("adapters of one name that are read at once are told apart") {
  const auto s = std::make_shared<seen>();
  auto types = tools_with(scripted_tool([](auto&, auto&) { return std::string("said"); }));
  add_learning(types, s);
  const auto held = std::make_shared<gate>();
  s->prepare = [held](const adapter& a) -> result<void> {
    if (a.card_json == "{}") return {};
    held->opened.wait();
    return fail("lora.unknown_tensor", "it fits another model");
  };
  agent::config c;
  c.planner.use = "learning";
  bench b(std::move(types), std::move(c));
  const auto give = [&](const adapter& a) {
    REQUIRE(b.agent->process(6, make_packet(b.time.at, adapter(a)), b.out));
  };
  give(adapter_of("a", R"({"first": true})"));
  give(adapter_of("a"));
  b.mail->take(1, b.out);  // the second one is read
  held->open.set_value();
  b.mail->take(1, b.out);  // the first one does not fit, and nobody wants it any more
  b.tick_at(200);
  CHECK(b.counts["adapters_refused"] == 0);
  CHECK(s->adapters == std::vector<std::string>{"a"});
  // One that replaces a frozen one, and is refused while it is read.
  give(adapter_of("a", R"({"frozen": true})"));
  b.mail->take(1, b.out);
  b.tick_at(400);
  CHECK(b.counts["adapters_refused"] == 1);
  CHECK(s->adapters == std::vector<std::string>{"a", ""});
}

TEST_CASE("an adapter that a graph names goes through the gates before anything is worked on") {
  const trainer::test::governed_adapter g("agent-gates");
  const auto made = [&](bool learns = true) {
    return std::make_unique<rig>(
        std::vector<setting>{{"adapter", g / "calls"}, {"ledger", "book.db"}}, learns, &g);
  };
  const auto why = [&](bool learns = true) {
    const auto opened = made(learns)->h->open();
    return opened ? std::string() : opened.error().code + " " + opened.error().message;
  };
  CHECK(why(false).starts_with("language.no_adapters"));
  CHECK(why().find("it has no card") != std::string::npos);
  REQUIRE(g.book().add_card(g.card_of("another model")));
  CHECK(why().find("it was made on `tiny`") != std::string::npos);
  REQUIRE(g.book().add_card(g.card_of("the model")));
  const auto r = made();
  REQUIRE(r->h->open());
  r->ask();  // before the first border
  CHECK(r->told() == std::vector<std::string>{"calls"});
  CHECK(r->s->answered == std::vector<std::string>{"calls"});
  r->offer("stranger");
  CHECK(r->h->counter("adapters_refused") == 1);
  REQUIRE(g.book().open_incident("calls", "it lies"));
  trainer::test::becomes([&] { return r->turn(), r->told().size() == 2; });
  CHECK(r->told().back().empty());
  r->ask();
  CHECK(r->s->answered.back() == r->s->adapters.back());
  CHECK(r->s->adapters.back().empty());
  CHECK(r->h->counter("frozen") == 1);
  // A conversation that begins meanwhile works without.
  const auto later = made();
  REQUIRE(later->h->open());
  later->ask();
  CHECK(later->s->answered == std::vector<std::string>{""});
}

TEST_CASE("what is worked on through an adapter ends where an incident freezes it") {
  const trainer::test::governed_adapter g("agent-freeze");
  REQUIRE(g.book().add_card(g.card_of("the model")));
  rig r(std::vector<setting>{{"adapter", g / "calls"},
                             {"ledger", "book.db"},
                             {"confirm", true},
                             {"confirm_wait_ms", 600'000}},
        true, &g);
  r.s->calls = true;
  REQUIRE(r.h->open());
  r.turn();
  r.ask();  // it waits for the person's word
  CHECK(r.h->counter("consents_asked") == 1);
  REQUIRE(g.book().open_incident("calls", "it lies"));
  trainer::test::becomes([&] { return r.turn(), r.told().size() == 2; });
  CHECK(r.told().back().empty());
  CHECK(r.h->counter("stopped") == 1);
  CHECK(r.h->counter("answered") == 0);
  REQUIRE(r.h->push("heard", r.h->now(), text{"yes", "heard"}));
  r.turn();
  CHECK(r.h->values<tool_call>("tool_calls").empty());
  CHECK(r.h->violations().empty());
}

TEST_CASE(
    "a planner that does not let a frozen adapter go is told so once, and nothing is worked on") {
  const trainer::test::governed_adapter g("agent-stuck");
  REQUIRE(g.book().add_card(g.card_of("the model")));
  rig r(std::vector<setting>{{"adapter", g / "calls"}, {"ledger", "book.db"}}, true, &g);
  r.s->bad.insert("");  // the model by itself
  REQUIRE(r.h->open());
  r.turn();
  REQUIRE(g.book().open_incident("calls", "it lies"));
  trainer::test::becomes([&] { return r.turn(), r.h->counter("frozen") > 0; });
  for (int i = 0; i < 5; ++i) r.turn();
  r.ask();
  CHECK(r.h->counter("frozen") == 1);
  CHECK(r.h->counter("adapters_refused") == 1);
  CHECK(r.h->counter("failed") == 1);
  CHECK(r.s->answered.empty());
  REQUIRE(g.book().close_incident("calls", "mended"));
  trainer::test::becomes([&] { return r.ask(), !r.s->answered.empty(); });
  CHECK(r.s->answered == std::vector<std::string>{"calls"});
}

TEST_CASE("a planner without a model takes none and learns nothing") {
  rig r(std::vector<setting>{}, false);
  r.give("a-1");
  r.offer("a-1");
  CHECK(r.told().empty());
  CHECK(r.h->counter("adapters_refused") == 1);
  REQUIRE(r.h->push("lessons", r.h->now(),
                    trainer::json_example({{"lessons", nlohmann::json::array()}}, "")));
  CHECK(r.h->counter("bad_lessons") == 1);
}

TEST_CASE("lessons become examples of the planner, and wrong ones are counted") {
  rig r;
  using nlohmann::json;
  const auto push = [&](const json& lessons) {
    REQUIRE(r.h->push("lessons", r.h->now(),
                      trainer::json_example({{"lessons", lessons}}, "from a test")));
  };
  push({{{"task", "do it"},
         {"answer", "done"},
         {"calls", {{{"tool", "scripted"}, {"arguments", json::object()}}}}},
        {{"task", "do that"}, {"answer", "done"}}});
  const auto made = r.h->values<training_example>("examples");
  REQUIRE(made.size() == 2);
  CHECK(made[0].provenance == "from a test");
  const std::vector<json> wrong = {
      3,
      {3},
      {{{"task", ""}}},
      {{{"task", "a"}}},
      {{{"task", "a"}, {"answer", "b"}, {"calls", {3}}}},
      {{{"task", "a"}, {"answer", "b"}, {"calls", {{{"tool", "t"}, {"arguments", 3}}}}}}};
  for (const auto& w : wrong) push(w);
  REQUIRE(r.h->push("lessons", r.h->now(), training_example{}));
  CHECK(r.h->counter("bad_lessons") == static_cast<std::int64_t>(wrong.size()) + 1);
}
