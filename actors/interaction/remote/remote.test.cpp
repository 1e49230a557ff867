// A graph that talks to a graph: interaction.remote against our own gateway, over real sockets.
#include "actors/interaction/remote/remote.hpp"

#include "actors/gateway/door/app.test.hpp"
#include "graph/trust/secret.hpp"

using namespace hocket;
using namespace hocket::remote;
using gateway::testing::door;

namespace {

/// A gateway whose graph the test plays, and a remote model that is its client.
struct two_graphs {
  explicit two_graphs(const char* protocol, std::vector<setting> more = {})
      : there(type_of<door>(), gateway::testing::options()),
        here(type_of<remote_model>(), options(protocol, opened(there), std::move(more))) {
    REQUIRE(here.open());
  }
  static std::string opened(harness& h) {
    REQUIRE(h.open());
    return gateway::testing::url_of(h);
  }
  static harness_options options(const char* protocol, std::string url, std::vector<setting> more) {
    more.emplace_back("protocol", protocol);
    more.emplace_back("url", std::move(url));
    return {.config = hocket::settings(std::move(more))};
  }
  /// Lets time pass on both sides, 50 ms a step, until `condition` holds.
  template <class Condition>
  bool until(Condition condition) {
    return hocket::testing::becomes([&] {
      there.run_posted(std::chrono::milliseconds(2));
      if (!is_closed) here.run_posted(std::chrono::milliseconds(2));
      if (condition()) return true;
      now = now + std::chrono::milliseconds(50);
      REQUIRE(there.advance_to(now));
      if (!is_closed) REQUIRE(here.advance_to(now));
      return condition();
    });
  }
  bool is_connected() {
    if (!until([&] { return there.sessions().size() == 2 && here.counter("connections") > 0; }))
      return false;
    there.use_session(there.sessions().back());
    return until([&] { return !logs_with("listens").empty() || !logs_with("goes on").empty(); });
  }
  std::string logs_with(const char* what) {
    for (const auto& l : here.logs())
      if (l.find(what) != l.npos) return l;
    return "";
  }
  void person_speaks(int ms, double loud) {
    for (int at = 0; at < ms; at += 50) {
      auto samples = gateway::testing::talk::tone(50, rate_hz, loud);
      REQUIRE(
          here.push("audio", now, audio_chunk{rate_hz, 1, 0, buffer::take(std::move(samples))}));
      const auto step = now;
      until([&] { return now > step; });
    }
  }
  void model_speaks(int turns, double loud = 0.3) {
    for (int i = 0; i < turns; ++i) {
      auto samples = gateway::testing::talk::tone(200, rate_hz, loud);
      REQUIRE(
          there.push("audio", now, audio_chunk{rate_hz, 1, 0, buffer::take(std::move(samples))}));
      const auto step = now;
      until([&] { return now >= step + std::chrono::milliseconds(200); });
    }
  }
  static std::size_t loud_in(const harness& h) {
    std::size_t n = 0;
    for (const auto& c : h.values<audio_chunk>("audio"))
      for (const float s : c.samples.as<float>()) n += std::abs(s) > 0.05f ? 1 : 0;
    return n;
  }
  std::string said() {
    std::string out;
    for (const auto& t : here.values<text>("text")) out += t.value + " ";
    return out;
  }

  harness there, here;
  bool is_closed = false;  ///< here is
  timestamp now;
};

}  // namespace

TEST_CASE("a graph talks to a graph, in each protocol") {
  for (const char* protocol : {"hocket", "realtime", "live", "gemini"}) {
    CAPTURE(protocol);
    const bool delegates = std::string(protocol) == "live";
    two_graphs g(protocol, {{"instructions", "be short"}});
    REQUIRE(g.is_connected());
    g.person_speaks(600, 0.3);
    g.person_speaks(800, 0);
    CHECK(g.until([&] { return two_graphs::loud_in(g.there) > 4'000; }));
    REQUIRE(g.there.push("text", g.now, text{"hello there", "model"}));
    g.model_speaks(3);
    g.model_speaks(6, 0);
    CHECK(g.until([&] { return two_graphs::loud_in(g.here) > 4'000; }));
    CHECK(g.until([&] { return g.said() == "hello there "; }));
    // Work goes over, and what came of it comes back, once.
    if (delegates) {
      delegation d;
      d.request = 5;
      d.task = "seven times eight";
      REQUIRE(g.there.push("delegations", g.now, d));
    } else {
      REQUIRE(
          g.there.push("tool_calls", g.now,
                       tool_call{9, 5, "client.background", R"({"task":"seven times eight"})"}));
    }
    REQUIRE(g.until([&] { return g.here.values<delegation>("delegations").size() == 1; }));
    const auto asked = g.here.values<delegation>("delegations")[0];
    CHECK(asked.task == "seven times eight");
    REQUIRE(g.here.push("text", g.now, text{"fifty", "background", asked.request, false}));
    REQUIRE(g.here.push("text", g.now, text{"six", "background", asked.request, true}));
    REQUIRE(g.here.push("text", g.now, text{"six", "background", asked.request, true}));
    CHECK(g.until([&] {
      for (const auto& t : g.there.values<text>("client"))
        if (t.role == "commentary" && t.value == "fifty six") return true;
      const auto back = g.there.values<tool_result>("answers");
      return !back.empty() && back[0].content.find("fifty six") != std::string::npos;
    }));
    CHECK(g.here.counter("late_results") == 1);
    // Its voice has no hole, whatever the network did.
    std::int64_t next = -1;
    for (const auto& c : g.here.values<audio_chunk>("audio")) {
      if (next >= 0) CHECK(c.first_sample == next);
      next = c.first_sample + c.frames();
    }
    REQUIRE(g.here.close());
    g.is_closed = true;
    CHECK(g.here.violations().empty());
    CHECK(g.until([&] { return g.there.sessions().size() == 1; }));
  }
}

TEST_CASE(
    "the person speaks over a remote model: silence at once, and the truth of what was heard") {
  for (const char* protocol : {"realtime", "gemini"}) {
    CAPTURE(protocol);
    two_graphs g(protocol);
    REQUIRE(g.is_connected());
    g.person_speaks(400, 0);
    g.model_speaks(4);
    REQUIRE(g.until([&] { return two_graphs::loud_in(g.here) > 2'000; }));
    const auto epoch = g.here.epoch(session_id{1});
    // Its graph goes on speaking: nothing of it is heard.
    for (int i = 0; i < 12; ++i) {
      g.person_speaks(50, 0.3);
      auto samples = gateway::testing::talk::tone(50, rate_hz, 0.3);
      REQUIRE(g.there.push("audio", g.now,
                           audio_chunk{rate_hz, 1, 0, buffer::take(std::move(samples))}));
    }
    CHECK(g.until([&] { return g.here.counter("barge_ins") == 1; }));
    CHECK(g.here.epoch(session_id{1}) > epoch);
    CHECK(g.until([&] { return g.there.interrupts() >= 1; }));
    const auto loud = two_graphs::loud_in(g.here);
    const auto from = g.now;
    g.until([&] { return g.now > from + std::chrono::milliseconds(1'000); });
    CHECK(two_graphs::loud_in(g.here) == loud);
  }
}

TEST_CASE("a connection that breaks is made again; results wait for it and go once") {
  two_graphs g("hocket");
  REQUIRE(g.is_connected());
  REQUIRE(
      g.there.push("tool_calls", g.now, tool_call{9, 5, "client.background", R"({"task":"x"})"}));
  REQUIRE(g.until([&] { return g.here.values<delegation>("delegations").size() == 1; }));
  dynamic_cast<remote_model&>(g.here.subject()).cut_line();
  CHECK(g.until([&] { return g.here.counter("reconnects") >= 1; }));
  REQUIRE(g.here.push("text", g.now, text{"done", "background", 1, true}));
  CHECK(g.until([&] { return g.here.counter("resumed") == 1; }));
  CHECK(g.until([&] { return g.there.values<tool_result>("answers").size() == 1; }));
}

TEST_CASE("what the graph says of itself is told to the model, and not in the person's name") {
  for (const char* protocol : {"hocket", "realtime", "live", "gemini"}) {
    CAPTURE(protocol);
    two_graphs g(protocol);
    REQUIRE(g.is_connected());
    constexpr auto own = std::uint64_t{1} << 62;
    REQUIRE(g.here.push("text", g.now, text{"i am a", "background", 0, false}));
    REQUIRE(g.here.push("text", g.now, text{"machine", "background", 0, true}));
    REQUIRE(g.here.push("text", g.now, text{"not", "background.failed", own, false}));
    REQUIRE(g.here.push("text", g.now, text{"that", "background", own, true}));
    CHECK(g.here.counter("notices") == 2);
    CHECK(g.here.counter("late_results") == 0);
    const auto is_told = [&](const std::string& words) {
      for (const char* port : {"client", "text"})
        for (const auto& t : g.there.values<text>(port))
          if (t.value.find("Not from the person") == 0 && t.value.find(words) != t.value.npos)
            return true;
      return false;
    };
    CHECK(g.until([&] { return is_told("i am a machine"); }));
    CHECK(g.until([&] { return is_told("not that"); }));
    // What the person types is the person's; an answer that nobody asked for is late.
    REQUIRE(g.here.push("text", g.now, text{"hello", "user"}));
    REQUIRE(g.here.push("text", g.now, text{"late", "background", 7, true}));
    CHECK(g.here.counter("notices") == 2);
    CHECK(g.here.counter("late_results") == 1);
    // Realtime tells what was heard with the item of a turn, which there is none of here.
    if (std::string(protocol) == "realtime") continue;
    REQUIRE(g.there.push("heard", g.now, text{"what i said", "heard"}));
    CHECK(g.until([&] {
      const auto heard = g.here.values<text>("heard");
      return !heard.empty() && heard[0].value == "what i said";
    }));
  }
}

TEST_CASE("what a server will never take fails, the rest is tried again") {
  setenv("HOCKET_TEST_REMOTE_KEY", "a-key-that-does-not-fit", 1);
  setenv("HOCKET_TEST_GATEWAY_KEY", "right", 1);
  harness there(type_of<door>(),
                gateway::testing::options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
  REQUIRE(there.open());
  const auto with = [&](std::vector<setting> more) {
    more.emplace_back("protocol", "realtime");
    return harness_options{.config = hocket::settings(std::move(more))};
  };
  harness stranger(type_of<remote_model>(), with({{"url", gateway::testing::url_of(there)},
                                                  {"key_env", "HOCKET_TEST_REMOTE_KEY"}}));
  REQUIRE(stranger.open());
  std::string code;
  CHECK(hocket::testing::becomes([&] {
    stranger.run_posted(std::chrono::milliseconds(5));
    const auto done = stranger.advance(std::chrono::milliseconds(50));
    if (!done) code = done.error().code;
    return !done;
  }));
  CHECK(code == "remote.refused");
  harness none(type_of<remote_model>(), with({{"url", "ws://127.0.0.1:1/v1"}}));
  REQUIRE(none.open());
  CHECK(hocket::testing::becomes([&] {
    none.run_posted(std::chrono::milliseconds(5));
    REQUIRE(none.advance(std::chrono::milliseconds(50)));
    return none.counter("reconnects") >= 2;
  }));
  REQUIRE(none.close());
  harness no_key(type_of<remote_model>(),
                 with({{"url", "ws://127.0.0.1:1"}, {"key_env", "HOCKET_TEST_NO_SUCH_KEY"}}));
  CHECK(no_key.open().error().code == "remote.bad_config");
  // A key goes where nobody reads it on the way.
  for (const char* url :
       {"ws://models.example/v1", "http://127.0.0.1.example/v1", "ws://10.0.0.1"}) {
    harness plain(type_of<remote_model>(),
                  with({{"url", url}, {"key_env", "HOCKET_TEST_REMOTE_KEY"}}));
    const auto done = plain.open();
    REQUIRE(!done);
    CHECK(done.error().message.find("wss://") != std::string::npos);
  }
  CHECK(trust::without_secrets("it is a-key-that-does-not-fit") ==
        "it is ${env:HOCKET_TEST_REMOTE_KEY}");
  harness no_url(type_of<remote_model>(), with({{"url", "ftp://x"}}));
  CHECK(no_url.open().error().code == "remote.bad_config");
}

TEST_CASE("a server that takes the connection and never listens is left and tried again") {
  harness deaf(type_of<gateway::testing::door>(), gateway::testing::options());
  REQUIRE(deaf.open());
  // Another protocol's first message: our gateway answers with an error, and goes on waiting.
  auto url = gateway::testing::url_of(deaf) + "/v1/hocket?as=";
  harness here(type_of<remote_model>(),
               {.config = hocket::settings(
                    {{"protocol", "vllm_duplex"}, {"url", std::move(url)}, {"connect_ms", 300}})});
  REQUIRE(here.open());
  CHECK(hocket::testing::becomes([&] {
    deaf.run_posted(std::chrono::milliseconds(2));
    here.run_posted(std::chrono::milliseconds(2));
    REQUIRE(here.advance(std::chrono::milliseconds(20)));
    for (const auto& l : here.logs())
      if (l.find("did not listen within 300 ms") != l.npos) return here.counter("reconnects") > 0;
    return false;
  }));
  REQUIRE(here.close());
}
