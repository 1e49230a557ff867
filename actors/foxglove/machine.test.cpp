// One viewer's rules, without a socket.
#include "actors/foxglove/machine.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace hocket::foxglove;
using json = nlohmann::json;

namespace {

/// A viewer that was told of channels 1 to 4.
struct seat {
  machine m;
  std::int64_t now_ms = 0;

  explicit seat(machine::limits l = {}) : m(l) {
    std::vector<channel> channels;
    for (const std::uint32_t id : {1u, 2u, 3u, 4u})
      channels.push_back({id, "topic" + std::to_string(id), "json", "s", "jsonschema", "{}"});
    m.appear(channels);
  }
  machine::output say(std::string_view message, bool is_text = true) {
    machine::output out;
    m.receive(machine::read(message, is_text), now_ms, out);
    return out;
  }
  /// The level of the one status that it is answered; -1: nothing is said.
  int level_of(std::string_view message, bool is_text = true) {
    const auto out = say(message, is_text);
    if (out.texts.empty()) return -1;
    REQUIRE(out.texts.size() == 1);
    const auto j = json::parse(out.texts[0]);
    CHECK(j["op"] == "status");
    return j["level"];
  }
};

}  // namespace

TEST_CASE("a viewer subscribes and unsubscribes under numbers of its own") {
  seat s;
  CHECK(
      s.level_of(
          R"({"op":"subscribe","subscriptions":[{"id":0,"channelId":3},{"id":7,"channelId":1}]})") ==
      -1);
  CHECK(s.m.subscription(3) == 0u);
  CHECK(s.m.subscription(1) == 7u);
  CHECK(!s.m.subscription(2));
  CHECK(s.level_of(R"({"op":"unsubscribe","subscriptionIds":[0]})") == -1);
  CHECK(!s.m.subscription(3));
  // The number is free again.
  CHECK(s.level_of(R"({"op":"subscribe","subscriptions":[{"id":0,"channelId":2}]})") == -1);
  CHECK(s.m.subscription(2) == 0u);
}

TEST_CASE("what is wrong is told, and changes nothing") {
  seat s;
  CHECK(s.level_of(R"({"op":"subscribe","subscriptions":[{"id":1,"channelId":1}]})") == -1);
  const auto before = s.m.subscriptions();
  for (
      const char* wrong :
      {"", "x", "[]", "7", "null", R"({"op":7})", R"({"no":"op"})", R"({"op":"subscribe"})",
       R"({"op":"subscribe","subscriptions":{}})", R"({"op":"subscribe","subscriptions":[7]})",
       R"({"op":"subscribe","subscriptions":[{"id":-1,"channelId":2}]})",
       R"({"op":"subscribe","subscriptions":[{"id":1.5,"channelId":2}]})",
       R"({"op":"subscribe","subscriptions":[{"id":4294967296,"channelId":2}]})",
       R"({"op":"subscribe","subscriptions":[{"id":"2","channelId":2}]})",
       R"({"op":"subscribe","subscriptions":[{"id":2}]})",
       R"({"op":"subscribe","subscriptions":[{"id":2,"channelId":9}]})",  // no such channel
       R"({"op":"subscribe","subscriptions":[{"id":2,"channelId":1}]})",  // twice
       R"({"op":"subscribe","subscriptions":[{"id":1,"channelId":2}]})",  // taken
       R"({"op":"unsubscribe","subscriptionIds":[5]})", R"({"op":"unsubscribe"})",
       // What a viewer may not do here.
       R"({"op":"advertise","channels":[{"id":1,"topic":"keys.text","encoding":"json","schemaName":""}]})",
       R"({"op":"setParameters","parameters":[{"name":"a","value":1}]})",
       R"({"op":"getParameters","parameterNames":[]})",
       R"({"op":"fetchAsset","uri":"file:///etc/passwd","requestId":1})"}) {
    CAPTURE(wrong);
    CHECK(s.level_of(wrong) == 2);
    CHECK(s.m.subscriptions() == before);
  }
  CHECK(s.level_of(std::string("\1\0\0\0\1hello", 10), false) == 2);  // a message for the graph
  // Nothing of what it sent comes back.
  const auto out = s.say(R"({"op":"<script>"})");
  CHECK(out.texts.at(0).find("script") == std::string::npos);
}

TEST_CASE("a good part of a message counts beside a wrong one") {
  seat s;
  CHECK(
      s.level_of(
          R"({"op":"subscribe","subscriptions":[{"id":1,"channelId":9},{"id":2,"channelId":2}]})") ==
      2);
  CHECK(s.m.subscription(2) == 2u);
}

TEST_CASE("a flood, and mistakes without end, end the connection; patience comes back with time") {
  const auto ends = [](seat& s, std::string_view message, int most) {
    for (int i = 0; i < most; ++i)
      if (const auto out = s.say(message); out.close != 0) {
        CHECK(out.close == 1008);
        return i;
      }
    return -1;
  };
  seat flood;
  CHECK(ends(flood, R"({"op":"unsubscribeConnectionGraph"})", 2000) == 1000);
  CHECK(flood.say("x").texts.empty());  // nothing is heard any more
  seat wrong;
  CHECK(ends(wrong, "x", 2000) == 50);
  seat patient;
  for (int i = 0; i < 1000; ++i) {
    patient.now_ms += 2'000;  // half of one a second
    CHECK(patient.say("x").close == 0);
  }
}

TEST_CASE("subscriptions are bounded") {
  seat s({.subscriptions = 2});
  for (const int n : {1, 2, 3}) {
    const auto said = R"({"op":"subscribe","subscriptions":[{"id":)" + std::to_string(n) +
                      R"(,"channelId":)" + std::to_string(n) + "}]}";
    CHECK(s.level_of(said) == (n <= 2 ? -1 : 2));
  }
  CHECK(s.m.subscriptions().size() == 2);
}

TEST_CASE("a channel that goes takes its subscription along") {
  seat s;
  (void)s.say(R"({"op":"subscribe","subscriptions":[{"id":5,"channelId":2}]})");
  const std::uint32_t gone[] = {2, 3};
  s.m.vanish(gone);
  CHECK(s.m.subscriptions().empty());
  CHECK(s.level_of(R"({"op":"subscribe","subscriptions":[{"id":5,"channelId":2}]})") == 2);
  CHECK(s.level_of(R"({"op":"subscribe","subscriptions":[{"id":5,"channelId":4}]})") == -1);
}

TEST_CASE("who wants the connection graph gets it, and what became of it") {
  seat s;
  machine::output out;
  s.m.rewired({{"a.out", {{"a"}, {"b", "c"}}}, {"b.out", {{"b"}, {}}}}, out);
  CHECK(out.texts.empty());  // nobody asked
  auto j = json::parse(s.say(R"({"op":"subscribeConnectionGraph"})").texts.at(0));
  CHECK(j["op"] == "connectionGraphUpdate");
  CHECK(j["publishedTopics"] ==
        json::parse(
            R"([{"name":"a.out","publisherIds":["a"]},{"name":"b.out","publisherIds":["b"]}])"));
  CHECK(j["subscribedTopics"][0] == json::parse(R"({"name":"a.out","subscriberIds":["b","c"]})"));
  CHECK(j["removedTopics"].empty());
  const connection_graph less = {{"b.out", {{"b"}, {"d"}}}};
  s.m.rewired(less, out);
  j = json::parse(out.texts.at(0));
  CHECK(j["removedTopics"] == json::parse(R"(["a.out"])"));
  CHECK(j["subscribedTopics"] == json::parse(R"([{"name":"b.out","subscriberIds":["d"]}])"));
  out = {};
  s.m.rewired(less, out);
  CHECK(out.texts.empty());  // the same
  CHECK(s.level_of(R"({"op":"unsubscribeConnectionGraph"})") == -1);
  s.m.rewired({}, out);
  CHECK(out.texts.empty());
}

TEST_CASE("what a server says is as the protocol has it") {
  const auto info = json::parse(server_info({"hocket: talk", "s1", {{"graph_hash", "abc"}}}));
  CHECK(info == json::parse(
                    R"({"op":"serverInfo","name":"hocket: talk","capabilities":["connectionGraph"],
                        "supportedEncodings":[],"metadata":{"graph_hash":"abc"},"sessionId":"s1"})"));
  const std::vector<channel> channels = {
      {1, "hocket.events", "json", "hocket.Event", "jsonschema", R"({"type":"object"})"},
      {2, "mic.audio", "protobuf", "P", "protobuf", std::string("\0\xff\1", 3)}};
  const auto texts = advertisements(channels);
  REQUIRE(texts.size() == 1);
  const auto j = json::parse(texts[0]);
  CHECK(j["op"] == "advertise");
  CHECK(j["channels"][0]["schema"] == R"({"type":"object"})");
  CHECK(j["channels"][1] ==
        json::parse(R"({"id":2,"topic":"mic.audio","encoding":"protobuf","schemaName":"P",
                        "schema":"AP8B","schemaEncoding":"protobuf"})"));
  CHECK(json::parse(advertisements({}).at(0))["channels"].empty());
  const std::uint32_t ids[] = {4, 5};
  CHECK(json::parse(unadvertisement(ids)) ==
        json::parse(R"({"op":"unadvertise","channelIds":[4,5]})"));
  CHECK(message_data(0x01020304, 0x1122334455667788, "ab") ==
        std::string("\1\4\3\2\1\x88\x77\x66\x55\x44\x33\x22\x11"
                    "ab"));
  CHECK(json::parse(status(level::warning, "a\xff")) ==
        json::parse("{\"op\":\"status\",\"level\":1,\"message\":\"a\xef\xbf\xbd\"}"));
}

TEST_CASE("long schemas are told in several messages, each channel in one") {
  std::vector<channel> channels;
  for (std::uint32_t id = 1; id <= 20; ++id)
    channels.push_back({id, "t", "json", "s", "jsonschema", std::string(100'000, 'x')});
  const auto texts = advertisements(channels);
  CHECK(texts.size() > 5);
  std::uint32_t next = 1;
  for (const auto& text : texts) {
    CHECK(text.size() < 400'000);
    const auto j = json::parse(text);
    for (const auto& c : j["channels"]) CHECK(c["id"] == next++);
  }
  CHECK(next == 21);
}

TEST_CASE("the newer sub-protocol is taken where both are offered") {
  CHECK(subprotocol_of("foxglove.websocket.v1") == "foxglove.websocket.v1");
  CHECK(subprotocol_of("foxglove.websocket.v1, foxglove.sdk.v1") == "foxglove.sdk.v1");
  CHECK(subprotocol_of("foxglove.websocket.v2,realtime") == "");
  CHECK(subprotocol_of("") == "");
}
