#include "actors/gateway/own/machine.hpp"

#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using own::machine;
using testing::schema_of;
using testing::sound_of_client;
using testing::talk;

namespace {

own::settings with_key() { return {.session_id = "hocket_7", .resume_key = "k7"}; }

json started() { return {{"type", "start"}, {"sound", {{"rate_hz", 16'000}}}}; }

}  // namespace

TEST_CASE("own: a conversation from the first word to the last") {
  machine m(with_key());
  talk t(m, schema_of("hocket"));
  t.client(json{{"type", "text"}, {"text", "too early"}, {"id", 3}});
  CHECK(t.last("error")["answers"] == 3);
  t.client(started());
  const auto hello = t.last("hello");
  CHECK(hello["resume"] == "k7");
  CHECK(hello["limits"]["idle_ms"] == 300'000);
  t.client(json{{"type", "sound"}, {"audio", sound_of_client(200, 0.3, {.rate_hz = 16'000})}});
  t.client(json{{"type", "text"}, {"text", "hi"}});
  CHECK(t.actions_of<hear_sound>().size() == 1);
  CHECK(t.actions_of<hear_text>()[0].text == "hi");
  t.graph(heard{"seven times eight ", 0, 50, true});
  t.graph(delegated{"1", "seven times eight", 900, 0, 900});
  t.graph(tool_seen{"1", "1", "calculator", "{}", ""});
  t.graph(tool_seen{"1", "1", "calculator", "56", "ok"});
  t.graph(found_out{"1", "56"});
  t.graph(turn_state{200, 0.4, -20, {true, false, true, true}, 6.5, 2});
  t.model_speaks(2);
  t.graph(said{"fifty six ", 400, 600});
  t.model_speaks(1, false);
  t.graph(ending{"idle", 30'000});
  t.graph(lost_sound{3});
  t.graph(graph_state{R"({"actors":[]})"});
  t.graph(graph_state{"no JSON"});
  CHECK(t.types() ==
        "heard delegated tool tool.done result turn voice said voice ending lost graph");
  CHECK(t.last("voice")["open"] == false);
  CHECK(!t.last("voice").contains("audio"));
  t.client(json{{"type", "end"}});
  CHECK(t.last("bye")["reason"] == "asked");
  CHECK(t.actions_of<hang_up>().size() == 1);
  t.model_speaks(1);
  CHECK(t.messages().empty());
}

TEST_CASE("own: what cannot be is said, and the session goes on") {
  machine m(with_key());
  talk t(m, schema_of("hocket"));
  t.client(json{{"type", "start"}, {"sound", {{"rate_hz", 4'000}}}});
  CHECK(t.last("error")["code"] == "bad_value");
  t.client(started());
  const json wrong[] = {
      {{"type", "sound"}},
      {{"type", "sound"}, {"audio", "*"}},
      {{"type", "sound"}, {"audio", 7}},
      {{"type", "text"}, {"text", ""}},
      {{"type", "text"}, {"text", std::string(20'000, 'x')}},
      {{"type", "mute"}, {"on", "yes"}},
      {{"type", "tools"}, {"tools", {{"name", "x"}}}},
      {{"type", "tools"}, {"tools", json::array({json::object()})}},
      {{"type", "tool.result"}, {"call", "1"}},
      {{"type", "start"}},
      {{"type", "session.update"}},
      json::object(),
  };
  for (const auto& w : wrong) {
    t.messages();
    t.client(w);
    const auto got = t.messages();
    REQUIRE_MESSAGE(got.size() == 1, w.dump());
    CHECK(got[0]["type"] == "error");
  }
  t.client(std::string("[1"));
  CHECK(t.last("error")["code"] == "bad_json");
  t.client(json{{"type", "graph"}, {"every_ms", 1}});
  CHECK(t.actions_of<watch_graph>()[0].every_ms == 250);
  t.client(json{{"type", "ping"}, {"t", 12.5}});
  CHECK(t.last("pong")["t"] == 12.5);
}

TEST_CASE("own: muted is silence; interrupted, the old voice does not come back") {
  machine m(with_key());
  talk t(m, schema_of("hocket"));
  t.client(started());
  t.client(json{{"type", "mute"}, {"on", true}});
  t.client(json{{"type", "sound"}, {"audio", sound_of_client(200, 0.3, {.rate_hz = 16'000})}});
  const auto silence = t.actions_of<hear_sound>().back();
  for (const float s : silence.samples) REQUIRE(s == 0);
  t.model_speaks(1);
  t.client(json{{"type", "interrupt"}});
  CHECK(t.actions_of<interrupt>().size() == 1);
  t.messages();
  t.model_speaks(1);
  t.graph(said{"old ", 0, 200});
  t.model_speaks(1, false);
  t.model_speaks(1);
  std::vector<bool> open;
  for (const auto& e : t.messages()) {
    CHECK(e["type"] == "voice");
    open.push_back(e["open"]);
  }
  CHECK(open == std::vector<bool>{false, false, true});
}

TEST_CASE("own: who comes back gets what he missed, and is told what is not kept") {
  auto s = with_key();
  s.kept_events = 4;
  machine m(s);
  talk t(m, schema_of("hocket"));
  CHECK(m.resume_key().empty());
  t.client(json{{"type", "start"}, {"resume", {{"key", "other"}, {"after", 1}}}});
  CHECK(t.actions_of<go_on_with>()[0].key == "other");
  t.client(started());
  CHECK(m.resume_key() == "k7");
  t.graph(said{"one ", 0, 200});
  const auto seen = t.last("said")["seq"].get<std::uint64_t>();
  t.graph(said{"two ", 200, 400});
  t.model_speaks(1, false);
  t.graph(said{"three ", 400, 600});
  const auto come_back = [&](json after) {
    output out;
    m.resume(json{{"type", "start"}, {"resume", {{"key", "k7"}, {"after", after}}}}.dump(),
             {false, "k7"}, 700, out);
    std::string all;
    for (const auto& text : out.messages) {
      const auto e = json::parse(text);
      CHECK(schema_of("hocket").wrong_with(e) == "");
      all += text_of(e, "type") + text_of(e, "text") +
             (member(e, "lost_to").is_number() ? "(lost)" : "") + ' ';
    }
    return all;
  };
  CHECK(come_back(seen) == "hello saidtwo  saidthree  ");
  CHECK(come_back(1'000) == "hello ");
  for (int i = 0; i < 3; ++i) t.graph(said{std::to_string(i), 800, 1000});
  CHECK(come_back(seen) == "hello(lost) saidthree  said0 said1 said2 ");
  CHECK(come_back(-1).starts_with("hello(lost) "));
  t.client(json{{"type", "forget"}});
  CHECK(m.resume_key().empty());
  CHECK(t.actions_of<forget>().size() == 1);
}

TEST_CASE("own: what the person wants forgotten comes to nobody again") {
  machine m(with_key());
  talk t(m, schema_of("hocket"));
  t.client(started());
  t.graph(said{"words", 0, 200});
  CHECK(!m.resume_key().empty());
  t.graph(all_forgotten{});
  CHECK(t.last("forgotten")["type"] == "forgotten");
  CHECK((m.resume_key().empty() && m.earlier_key().empty()));
  t.client(json{{"type", "text"}, {"text", "hello"}});  // it goes on until the graph ends it
  CHECK(t.actions_of<hear_text>().size() == 1);
  output again;
  m.resume(line_of({{"type", "start"}, {"resume", {{"key", "k"}, {"after", 0}}}}), {}, 1'000,
           again);
  for (const auto& e : again.messages) CHECK(e.find("words") == e.npos);
}

TEST_CASE("own: a grown-up's key goes to who compares it, and into no event") {
  machine m(with_key());
  talk t(m, schema_of("hocket"));
  t.client(started());
  for (const json& wrong :
       {json{{"type", "settings"}}, json{{"type", "settings"}, {"key", ""}},
        json{{"type", "settings"}, {"key", "k"}, {"set", 7}},
        json{{"type", "settings"}, {"key", std::string(300, 'k')}},
        json{{"type", "settings"}, {"key", "k"}, {"set", {{"topics", std::string(5000, 'x')}}}}}) {
    t.client(wrong);
    CHECK(t.last("error")["code"] == "bad_value");
  }
  CHECK(t.actions_of<show_settings>().empty());
  t.client(json{{"type", "settings"}, {"key", "hk_secret"}, {"set", {{"leave", true}}}});
  t.client(json{{"type", "settings"}, {"key", "hk_secret"}});
  const auto asked = t.actions_of<show_settings>();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].key == "hk_secret");
  CHECK(asked[0].changes["leave"] == true);
  CHECK(asked[1].changes == json::object());
  t.messages();
  t.graph(settings_told{{{"leave", true}}, {{"leave", true}}, "", ""});
  t.graph(settings_told{{}, {}, "wrong_key", "this key opens no settings"});
  for (const auto& e : t.messages()) {
    CHECK((e["type"] == "settings" || e["code"] == "wrong_key"));
    CHECK(e.dump().find("hk_secret") == std::string::npos);
  }
}

TEST_CASE("own: a picture is seen, or the client is told why not, and the session goes on") {
  own::settings how;
  how.sees = true;
  machine m(how);
  talk t(m, schema_of("hocket"));
  t.client(started());
  CHECK(t.last("hello")["sees"] == true);
  const json picture = {{"type", "picture"}, {"image", testing::small_picture}, {"id", 5}};
  t.client(picture);
  CHECK(t.actions_of<see_picture>().size() == 1);
  const json wrong[] = {{{"type", "picture"}},
                        {{"type", "picture"}, {"image", 7}},
                        {{"type", "picture"}, {"image", "*"}},
                        {{"type", "picture"}, {"image", "aGk="}}};
  for (const auto& w : wrong) {
    t.messages();
    t.client(w);
    const auto got = t.messages();
    REQUIRE_MESSAGE(got.size() == 1, w.dump());
    CHECK(got[0]["code"] == "bad_value");
  }
  t.graph(unseen_picture{"the PNG cannot be decoded"});
  CHECK(t.last("error")["message"] == "the PNG cannot be decoded");
  for (int i = 0; i < 40; ++i) t.client(picture);
  CHECK(t.last("error")["code"] == "too_often");
  CHECK(t.last("error")["answers"] == 5);
  t.pass(1000);
  t.client(picture);
  CHECK(t.actions_of<see_picture>().size() > 20);
  CHECK(t.actions_of<hang_up>().empty());
}

TEST_CASE("own: a graph that looks at nothing says so") {
  machine m(with_key());
  talk t(m, schema_of("hocket"));
  t.client(started());
  CHECK(t.last("hello")["sees"] == false);
  t.client(json{{"type", "picture"}, {"image", testing::small_picture}});
  CHECK(t.last("error")["code"] == "no_pictures");
  CHECK(t.actions_of<see_picture>().empty());
}
