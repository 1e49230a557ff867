#include "actors/gateway/gemini/machine.hpp"

#include "actors/gateway/gemini/protobuf_json.hpp"
#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

struct gemini_talk {
  explicit gemini_talk(gemini::settings s = {}) : machine(std::move(s)) {}
  gemini::machine machine;
  talk t{machine, schema_of("gemini")};

  void setup(json more = json::object()) {
    more["model"] = "models/hocket";
    t.client(json{{"setup", std::move(more)}});
  }
  void append(int ms, double loud) {
    const sound_format f{sound_format::coding::pcm16, 16'000};
    for (int at = 0; at < ms; at += 40) {
      t.client(json{
          {"realtimeInput",
           {{"audio",
             {{"mimeType", "audio/pcm;rate=16000"}, {"data", sound_of_client(40, loud, f)}}}}}});
      t.pass(40);
    }
  }
  /// What of the server's content came since the last call, in a word each, repeated ones once.
  std::string contents() {
    std::string out, last;
    for (const auto& m : t.messages())
      for (const auto& [key, value] : m.items()) {
        const auto word = key == "serverContent" ? value.begin().key() : key;
        if (word != last) out += (out.empty() ? "" : " ") + word;
        last = word;
      }
    return out;
  }
};

}  // namespace

TEST_CASE("names in both spellings are one, what belongs to an application is left alone") {
  const auto in = json::parse(R"({"realtime_input": {"media_chunks": [{"mime_type": "a"}]},
    "tool_response": {"function_responses": [{"id": "1", "response": {"snake_case": 1}}]},
    "tools": [{"function_declarations": [{"parameters": {"my_key": {}}}]}]})");
  const auto out = gemini::in_camel_case(in);
  CHECK(out["realtimeInput"]["mediaChunks"][0]["mimeType"] == "a");
  CHECK(out["toolResponse"]["functionResponses"][0]["response"]["snake_case"] == 1);
  CHECK(out["tools"][0]["functionDeclarations"][0]["parameters"].contains("my_key"));
}

TEST_CASE("a turn of the model ends with turnComplete, an interrupted one too") {
  gemini_talk r;
  r.setup({{"outputAudioTranscription", json::object()},
           {"inputAudioTranscription", json::object()},
           {"systemInstruction", {{"parts", json::array({json{{"text", "Be brief."}}})}}}});
  CHECK(r.contents() == "setupComplete");
  CHECK(r.t.actions_of<instruct>().back().text == "Be brief.");
  r.append(600, 0.3);
  r.t.graph(heard{"hi", 0, 0, true});
  r.append(800, 0);
  r.t.graph(said{"Hello", 0, 0});
  r.t.model_speaks(3);
  r.t.model_speaks(4, false);
  CHECK(r.contents() ==
        "inputTranscription outputTranscription modelTurn generationComplete turnComplete "
        "usageMetadata");
  r.t.model_speaks(3);
  r.contents();
  r.append(200, 0.3);
  CHECK(r.contents() == "interrupted turnComplete usageMetadata");
  CHECK(r.t.actions_of<interrupt>().size() == 1);
  r.t.model_speaks(2);  // what was on its way
  CHECK(r.contents() == "");
  r.t.model_speaks(1, false);
  r.append(600, 0);
  // In its pause nothing is on its way.
  r.t.model_speaks(2);
  r.t.model_speaks(1, false);
  r.append(200, 0.3);
  CHECK(r.contents() == "modelTurn interrupted turnComplete usageMetadata");
  r.t.model_speaks(1);
  CHECK(r.contents() == "");
  r.append(600, 0);  // until they have spoken
  CHECK(r.contents() == "modelTurn");
}

TEST_CASE("snake case and URL-safe base64 are as good, at the rate that the MIME type says") {
  gemini_talk r;
  r.t.client(std::string(
      R"({"setup": {"model": "m", "generation_config": {"response_modalities": ["AUDIO"]}}})"));
  CHECK(r.contents() == "setupComplete");
  r.t.client(std::string(
      R"({"realtime_input": {"audio": {"mime_type": "audio/pcm;rate=8000", "data": "__7-_w"}}})"));
  CHECK(r.contents() == "");
  const sound_format f{sound_format::coding::pcm16, 8'000};
  for (int i = 0; i < 10; ++i)
    r.t.client(
        json{{"realtime_input",
              {{"media_chunks", json::array({json{{"mime_type", "audio/pcm;rate=8000"},
                                                  {"data", sound_of_client(100, 0.2, f)}}})}}}});
  std::size_t n = 0;
  for (const auto& h : r.t.actions_of<hear_sound>()) n += h.samples.size();
  CHECK(n > 15'000);
  CHECK(n <= 16'002);
}

TEST_CASE("pictures come three ways; one that is none, or that nobody looks at, is a close") {
  const json picture = {{"mimeType", "image/png"}, {"data", small_picture}};
  const json ways[] = {
      {{"realtimeInput", {{"video", picture}}}},
      {{"realtimeInput", {{"mediaChunks", json::array({picture})}}}},
      {{"clientContent",
        {{"turns",
          json::array({json{{"role", "user"},
                            {"parts", json::array({json{{"inlineData", picture}}})}}})}}}}};
  gemini::settings how;
  how.sees = true;
  gemini_talk r(how);
  r.setup({});
  for (const auto& way : ways) r.t.client(way);
  CHECK(r.t.actions_of<see_picture>().size() == 3);
  CHECK(r.t.actions_of<hang_up>().empty());
  SUBCASE("no picture") {
    r.t.client(
        json{{"realtimeInput", {{"video", {{"mimeType", "image/jpeg"}, {"data", "aGk="}}}}}});
    CHECK(r.t.actions_of<hang_up>().back().reason == "a picture is JPEG or PNG");
  }
  SUBCASE("a flood of them") {
    for (int i = 0; i < 28; ++i) r.t.client(ways[0]);
    CHECK(r.t.actions_of<hang_up>().back().reason == "more than 15 pictures a second");
  }
  SUBCASE("nobody looks") {
    gemini_talk blind;
    blind.setup({});
    blind.t.client(ways[0]);
    CHECK(blind.t.actions_of<see_picture>().empty());
    CHECK(blind.t.actions_of<hang_up>().back().code == 1007);
    CHECK(blind.t.actions_of<hang_up>().back().reason.find("looks at pictures") !=
          std::string::npos);
  }
}

TEST_CASE("a client that marks its own activity gets the answer after it") {
  gemini_talk r;
  r.setup({{"realtimeInputConfig", {{"automaticActivityDetection", {{"disabled", true}}}}}});
  r.t.client(json{{"realtimeInput", {{"activityStart", json::object()}}}});
  r.append(800, 0.3);
  r.t.model_speaks(2);
  CHECK(r.contents() == "setupComplete");
  r.t.client(json{{"realtimeInput", {{"activityEnd", json::object()}}}});
  CHECK(r.contents() == "modelTurn");
  r.t.model_speaks(4, false);
  CHECK(r.contents() == "modelTurn generationComplete turnComplete usageMetadata");
}

TEST_CASE("typed words are answered, by words where that was asked for") {
  gemini_talk r;
  r.setup({{"generationConfig", {{"responseModalities", {"TEXT"}}}}});
  r.t.client(json{
      {"clientContent",
       {{"turns", json::array({json{{"role", "user"},
                                    {"parts", json::array({json{{"text", "two and two?"}}})}}})},
        {"turnComplete", true}}}});
  CHECK(r.t.actions_of<hear_text>().back().text == "two and two?");
  CHECK(r.t.actions_of<prompt>().size() == 1);
  r.contents();
  r.t.graph(said{"Four.", 0, 0});
  r.t.model_speaks(1);
  r.t.model_speaks(4, false);
  CHECK(r.contents() == "modelTurn generationComplete turnComplete usageMetadata");
  r.t.client(json{{"clientContent", {{"turnComplete", true}}}});
  r.t.pass(31'000);  // nobody answers, and the client's receive() ends all the same
  CHECK(r.contents() == "generationComplete turnComplete usageMetadata");
}

TEST_CASE(
    "what was said before is not answered; the last words of the person are, when the client "
    "wants") {
  const auto turn = [](const char* role, const char* words) {
    return json{{"role", role}, {"parts", json::array({json{{"text", words}}})}};
  };
  const auto content = [](json turns, bool complete) {
    return json{{"clientContent", {{"turns", std::move(turns)}, {"turnComplete", complete}}}};
  };
  gemini_talk r;
  r.setup();
  const auto typed = [&] {
    std::string out;
    for (const auto& t : r.t.actions_of<hear_text>()) out += t.role + ":" + t.text + " ";
    r.t.actions();
    return out;
  };
  r.t.client(content(json::array({turn("user", "hello"), turn("model", "hi")}), false));
  CHECK(typed() == "history:hello assistant:hi ");
  r.t.client(content(json::array({turn("user", "one"), turn("user", "two")}), true));
  CHECK(typed() == "history:one user:two ");
  r.t.client(content(json::array({turn("user", "parts come apart")}), false));
  CHECK(typed() == "");
  r.t.client(json{{"clientContent", {{"turnComplete", true}}}});
  CHECK(typed() == "user:parts come apart ");
  r.t.client(content(json::array({turn("user", "before")}), false));
  r.append(600, 0.3);  // they speak on
  CHECK(typed() == "history:before ");
}

TEST_CASE("who goes on brings functions and instructions of his own") {
  gemini::settings how;
  how.resume_key = "key";
  gemini_talk r(how);
  const auto with = [](json functions) {
    return json{{"model", "m"},
                {"systemInstruction", {{"parts", json::array({json{{"text", "Be kind."}}})}}},
                {"sessionResumption", json::object()},
                {"tools", json::array({json{{"functionDeclarations", std::move(functions)}}})}};
  };
  r.setup(with(json::array({json{{"name", "clock"}}})));
  r.t.actions();
  CHECK(!r.machine.has_goodbye());
  for (const bool has_any : {true, false}) {
    output out;
    r.machine.resume(
        json{{"setup", with(has_any ? json::array({json{{"name", "lamp"}}}) : json::array())}}
            .dump(),
        {}, 0, out);
    bool is_told = false;
    for (const auto& a : out.actions)
      if (const auto* o = std::get_if<offer_tools>(&a)) {
        is_told = true;
        CHECK(o->tools.size() == (has_any ? 1 : 0));
      }
    CHECK(is_told);
  }
}

TEST_CASE("functions are called with an id, and cancelled by it") {
  gemini_talk r;
  r.setup({{"tools",
            json::array(
                {json{{"functionDeclarations",
                       json::array({json{{"name", "clock"}, {"parameters", {{"a_b", 1}}}}})}}})}});
  CHECK(r.t.actions_of<offer_tools>().back().tools[0]["parameters"]["a_b"] == 1);
  r.t.graph(tool_call{"c1", "clock", {{"time_zone", "UTC"}}});
  CHECK(r.t.last("toolCall")["toolCall"]["functionCalls"][0]["args"]["time_zone"] == "UTC");
  r.t.client(std::string(
      R"({"tool_response": {"function_responses": [{"id": "c1", "name": "clock", "response": {"my_time": 1}}, {"id": "nobody's"}]}})"));
  const auto results = r.t.actions_of<tool_result>();
  REQUIRE(results.size() == 1);
  CHECK(results[0].text == R"({"my_time":1})");
  r.t.graph(tool_call{"c2", "clock", json::object()});
  r.t.graph(tool_call_cancelled{"c2"});
  CHECK(r.t.last("toolCallCancellation")["toolCallCancellation"]["ids"][0] == "c2");
}

TEST_CASE("an error is a close with its reason, a goodbye is told beforehand") {
  for (const std::string bad : {"", "[]", R"({"realtimeInput": {}})", R"({"setup": 1})"}) {
    gemini_talk r;
    r.t.client(bad);
    const auto ends = r.t.actions_of<hang_up>();
    REQUIRE_MESSAGE(ends.size() == 1, bad);
    CHECK(ends[0].code == 1007);
    r.setup();
    CHECK(r.contents() == "");
  }
  for (const std::string bad :
       {R"({"setup": {}})", R"({"x": 1})",
        R"({"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": "*"}}})",
        R"({"realtimeInput": {"audio": {"mimeType": "audio/opus", "data": ""}}})",
        R"({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=1", "data": ""}}})"}) {
    gemini_talk r;
    r.setup();
    r.t.client(bad);
    CHECK_MESSAGE(r.t.actions_of<hang_up>().size() == 1, bad);
  }
  gemini_talk r;
  r.setup();
  r.t.end("the server stops");
  CHECK(r.contents() == "setupComplete goAway");
  CHECK(r.t.actions_of<hang_up>().back().code == 1001);
}

TEST_CASE("Gemini: that nobody answers is told as goAway, and as the code at the end") {
  gemini_talk r;
  r.setup();
  r.t.model_speaks(2);
  r.contents();
  r.t.graph(model_state{false, 60'000});
  CHECK(r.t.last("goAway")["goAway"]["timeLeft"] == "60s");
  r.t.graph(model_state{true});
  CHECK(r.contents() == "");
  r.t.model_speaks(2);
  CHECK(r.contents() == "modelTurn");
  r.t.break_off("nobody answers", 1011);
  CHECK(r.t.last("goAway")["goAway"]["timeLeft"] == "0s");
  CHECK(r.t.actions_of<hang_up>()[0].code == 1011);
  CHECK(r.t.actions_of<hang_up>()[0].reason == "nobody answers");
  // Before it began there is no word but the code.
  gemini_talk never;
  never.t.break_off("come again", 1013);
  CHECK(never.contents() == "");
  CHECK(never.t.actions_of<hang_up>()[0].code == 1013);
}
