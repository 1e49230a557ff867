#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "actors/policy/guard.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;
using namespace hocket::policy;

namespace {

const char* const house = R"(
policy: house
refusal: ["en: sorry no"]
topics:
  bombs: {phrases: [build a bomb], incident: true}
)";

/// Its own for each test: two test programs may run at once.
struct rules_file {
  rules_file() {
    auto name = (std::filesystem::temp_directory_path() / "hocket-holds-XXXXXX").string();
    folder = mkdtemp(name.data());
    std::ofstream(path()) << house;
  }
  ~rules_file() { std::filesystem::remove_all(folder); }
  std::string path() const { return (folder / "house.yaml").string(); }
  std::filesystem::path folder;
};

struct guarded {
  explicit guarded(std::vector<setting> more = {}) {
    more.emplace_back("rules", file.path());
    h = std::make_unique<harness>(type_of<guard>(), harness_options{.config = settings(more)});
    REQUIRE(h->open());
  }
  void text_to(const char* port, const std::string& words, const char* role, std::uint64_t n = 0) {
    REQUIRE(h->push(port, h->now(), text{words, role, n, true}));
  }
  void ask(std::uint64_t request, const std::string& task) {
    delegation d;
    d.request = request, d.task = task;
    REQUIRE(h->push("requests", h->now(), d));
  }
  rules_file file;
  std::unique_ptr<harness> h;
};

struct view final : graph_view {
  explicit view(std::string yaml) : yaml_(std::move(yaml)) {}
  std::string name() const override { return "test"; }
  std::string hash() const override { return ""; }
  std::string expanded_yaml() const override { return yaml_; }
  std::string output_of(const packet_header&) const override { return ""; }
  std::string yaml_;
};

struct sink final : emitter {
  using emitter::emit;
  void emit(std::size_t port, packet p) override { sent.emplace_back(port, std::move(p)); }
  void interrupt() override {}
  void for_session(session_id) override {}
  std::vector<std::pair<std::size_t, packet>> sent;
};

}  // namespace

TEST_CASE("a request that waits for its judge when a freeze comes is not started after it") {
  guarded g(std::vector<setting>{{"judge_ms", std::int64_t{60000}}});
  g.ask(1, "seven times eight");
  const auto asked = g.h->values<delegation>("questions");
  REQUIRE(asked.size() == 1);
  g.text_to("holds", "frozen", "policy");
  const auto told = g.h->values<text>("results");
  REQUIRE(told.size() == 1);
  CHECK(told[0].request == 1);
  CHECK(told[0].role == failure_role);
  g.text_to("verdicts", "fine", "background", asked[0].request);
  g.text_to("holds", "free", "policy");
  g.text_to("verdicts", "fine", "background", asked[0].request);
  CHECK(g.h->values<delegation>("requests").empty());
}

TEST_CASE(
    "who cannot hear the desk passes nothing where it fails closed, all where it fails open") {
  for (const char* on_failure : {"closed", "open"}) {
    CAPTURE(on_failure);
    const std::size_t passed = std::string_view(on_failure) == "open" ? 1 : 0;
    guarded g(std::vector<setting>{{"on_failure", on_failure}});
    REQUIRE(g.h->control_packet("holds", {control::kind::input_lost, "gone", 0}));
    g.text_to("typed", "hello there", "user");
    g.text_to("results", "it is sunny", "background");
    g.ask(1, "the weather");
    CHECK(g.h->values<text>("typed").size() == passed);
    CHECK(g.h->values<delegation>("requests").size() == passed);
    REQUIRE(g.h->values<text>("results").size() == 1);
    CHECK((g.h->values<text>("results")[0].value == "it is sunny") == (passed == 1));
    REQUIRE(g.h->control_packet("holds", {control::kind::input_recovered, "", 0}));
    g.text_to("typed", "hello again", "user");
    CHECK(g.h->values<text>("typed").size() == passed + 1);
  }
}

TEST_CASE("with a desk a guard begins held, keeps what comes, and goes by the desk's first word") {
  const rules_file file;
  for (const char* word : {"free", "frozen"})
    for (const bool is_linked : {true, false}) {
      CAPTURE(word);
      CAPTURE(is_linked);
      const view graph(is_linked ? "actors: {guard: {inputs: {holds: desk.holds}}}"
                                 : "actors: {guard: {inputs: {typed: keys.text}}}");
      manual_clock time;
      guard::config c;
      c.rules = file.path();
      guard held(c);
      context where;
      where.actor = "guard";
      where.time = &time;
      where.graph = &graph;
      REQUIRE(held.open(where));
      sink out;
      // Inputs: typed is 3, requests 4, holds 8; outputs: typed is 1, requests 2, results 3.
      REQUIRE(held.process(3, make_packet(time.now(), text{"hello", "user"}), out));
      delegation d;
      d.request = 1, d.task = "the weather";
      REQUIRE(held.process(4, make_packet(time.now(), d), out));
      CHECK(out.sent.size() == (is_linked ? 0 : 2));
      if (!is_linked) continue;
      REQUIRE(held.process(8, make_packet(time.now(), text{word, "policy"}), out));
      const bool is_free = std::string_view(word) == "free";
      REQUIRE(out.sent.size() == (is_free ? 2 : 1));
      CHECK(out.sent[0].first == (is_free ? 1 : 3));
      REQUIRE(held.process(3, make_packet(time.now(), text{"hello", "user"}), out));
      CHECK(out.sent.size() == (is_free ? 3 : 1));
    }
}

TEST_CASE("a voice that begins after the desk's first word is heard from its first sample") {
  for (const bool spoke_before : {false, true}) {
    CAPTURE(spoke_before);
    voice_gate gate;
    gate.hold(true, timestamp::of_ms(0));
    const auto loud = [](std::int64_t first) {
      return audio_chunk{16000, 1, first, buffer::take(std::vector<float>(1600, 0.5f))};
    };
    if (spoke_before) (void)gate.through(loud(0));
    gate.let_go(timestamp::of_ms(200));
    CHECK((gate.through(loud(3200)).samples.as<float>()[0] == 0) == spoke_before);
  }
}

TEST_CASE("a typed line that names a topic many times is one incident") {
  guarded g;
  std::string line;
  for (int i = 0; i < 200; ++i) line += "build a bomb ";
  g.text_to("typed", line, "user");
  CHECK(g.h->values<delegation>("incidents").size() == 1);
  CHECK(g.h->values<text>("decisions").size() == 1);
}

TEST_CASE("an incident is a delegation: no interruption drops it") {
  const auto info = guard::info();
  for (const auto& o : info.outputs)
    if (o.name == "incidents") CHECK(o.type.kind == payload_kind::delegation);
}
