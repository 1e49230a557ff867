// Viewers at a bridge, over sockets of loopback.
#include "actors/foxglove/bridge.hpp"

#include <mutex>

#include <nlohmann/json.hpp>

#include "actors/http/digest.hpp"
#include "actors/http/server.test.hpp"
#include "graph/core/clock.hpp"
#include "graph/schema/recorded.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::foxglove;
using namespace hocket::testing;
using json = nlohmann::json;

namespace {

/// What a viewer was told.
struct viewer {
  std::mutex mutex;
  std::shared_ptr<websocket> socket;
  std::string failed;
  std::vector<json> said;
  struct data {
    std::uint32_t subscription = 0;
    std::uint64_t at_ns = 0;
    std::string bytes;
  };
  std::vector<data> messages;
  int code = 0;             ///< 0: open
  websocket_client client;  // the last: it ends first

  void connect(const std::string& url, header_list headers = {},
               const std::string& protocol = "foxglove.sdk.v1") {
    websocket_target to;
    to.url = url;
    to.headers = std::move(headers);
    to.subprotocol = protocol;
    to.limits.message_bytes = 64u << 20;
    client.connect(to, [this](result<std::shared_ptr<websocket>> s) {
      const std::lock_guard lock(mutex);
      if (!s) {
        failed = s.error().message;
        return websocket_events{};
      }
      socket = *s;
      websocket_events e;
      e.message = [this](std::string_view m, bool is_text) { take(m, is_text); };
      e.closed = [this](int c, const std::string&) {
        const std::lock_guard inner(mutex);
        code = c;
      };
      return e;
    });
    REQUIRE(is([](viewer& v) { return v.socket != nullptr || !v.failed.empty(); }));
  }
  void take(std::string_view m, bool is_text) {
    const std::lock_guard lock(mutex);
    if (is_text) return said.push_back(json::parse(m));
    REQUIRE(m.size() >= 13);
    data d;
    std::memcpy(&d.subscription, m.data() + 1, 4);
    std::memcpy(&d.at_ns, m.data() + 5, 8);
    d.bytes = m.substr(13);
    messages.push_back(std::move(d));
  }
  template <class What>
  bool is(What what) {
    return becomes([&] {
      const std::lock_guard lock(mutex);
      return what(*this);
    });
  }
  bool hears(const std::string& op, std::size_t times = 1) {
    return is([&](viewer& v) {
      return std::ranges::count_if(v.said, [&](const json& j) { return j["op"] == op; }) >=
             static_cast<std::ptrdiff_t>(times);
    });
  }
  /// The number of a topic's channel, as it was advertised last; 0: never.
  std::uint32_t channel(const std::string& topic) {
    const std::lock_guard lock(mutex);
    std::uint32_t out = 0;
    for (const auto& j : said)
      if (j["op"] == "advertise")
        for (const auto& c : j["channels"])
          if (c["topic"] == topic) out = c["id"];
    return out;
  }
  void subscribe(std::uint32_t id, std::uint32_t channel) {
    socket->send(json({{"op", "subscribe"},
                       {"subscriptions", json::array({{{"id", id}, {"channelId", channel}}})}})
                     .dump());
    // In order: when this one was answered, that one was heard.
    const auto before = count_of("connectionGraphUpdate");
    socket->send(R"({"op":"subscribeConnectionGraph"})");
    REQUIRE(hears("connectionGraphUpdate", before + 1));
  }
  std::size_t count_of(const std::string& op) {
    const std::lock_guard lock(mutex);
    return static_cast<std::size_t>(
        std::ranges::count_if(said, [&](const json& j) { return j["op"] == op; }));
  }
  std::size_t received() {
    const std::lock_guard lock(mutex);
    return messages.size();
  }
};

/// a.out0 > b, in the hands of a test.
struct stage {
  plan_maker g;
  plan graph;
  manual_clock time;
  std::unique_ptr<bridge> shown;
  std::uint64_t seq = 0;

  explicit stage(bridge_options o = {}) {
    g.add("a", 0, 1, [] { return std::make_unique<lambda_component>(); });
    g.add("b", 1, 0, [] { return std::make_unique<lambda_component>(); });
    g.link("a", 0, "b", 0);
    graph = g.make();
    o.address = "tcp://127.0.0.1:0";
    o.viewer_ms = 600'000;  // a machine that stands still cuts nobody
    auto made = bridge::start(std::move(o), graph);
    REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
    shown = std::move(*made);
    shown->started(graph, time);
  }
  void emit(std::string words) {
    auto p = make_packet(time.now(), text{std::move(words), "user", 0, true});
    p.header.session = static_cast<session_id>(1);
    p.header.seq = seq++;
    shown->packet_emitted(graph, 0, 0, p);
  }
};

std::string words_of(const std::string& message) {
  const auto bytes = std::as_bytes(std::span(message));
  const auto p =
      wire::read_recorded(buffer::share(std::make_shared<const std::string>(message), bytes));
  REQUIRE(p);
  return p->get_if<text>()->value;
}

}  // namespace

TEST_CASE("a viewer is told of the run, and gets what it subscribes to") {
  stage s;
  s.emit("before anybody looks");
  viewer v;
  v.connect(s.shown->url());
  REQUIRE(v.hears("advertise"));
  CHECK(v.said[0]["op"] == "serverInfo");
  CHECK(v.said[0]["name"] == "hocket: test");
  REQUIRE(v.channel("a.out0") != 0);
  s.emit("before it subscribes");
  v.subscribe(5, v.channel("a.out0"));
  v.subscribe(6, v.channel("hocket.events"));
  s.time.set(timestamp(1'500'000'000));
  s.emit("hello");
  s.emit("there");
  s.shown->event(s.time.now(), "a", "started", "");
  REQUIRE(v.is([](viewer& now) { return now.messages.size() == 3; }));
  CHECK(v.messages[0].subscription == 5);
  CHECK(v.messages[0].at_ns == 1'500'000'000);  // virtual time begins with 1970
  CHECK(words_of(v.messages[0].bytes) == "hello");
  CHECK(words_of(v.messages[1].bytes) == "there");
  CHECK(v.messages[2].subscription == 6);
  CHECK(json::parse(v.messages[2].bytes)["what"] == "started");
  const auto ended = s.shown->finish();
  CHECK(ended.viewers == 1);
  CHECK(ended.sent == 3);
  CHECK(ended.lost == 0);
  CHECK(v.is([](viewer& now) { return now.code == 1001; }));
}

TEST_CASE("all is advertised to a viewer that asks for nothing yet, however little room it has") {
  bridge_options o;
  o.viewer_bytes = 1;  // one message at a time
  stage s(o);
  viewer v;
  v.connect(s.shown->url());
  CHECK(v.hears("advertise"));
}

TEST_CASE("a viewer that does not read loses, and is told; another one and the graph do not") {
  bridge_options o;
  o.viewer_bytes = 512 * 1024;
  stage s(o);
  viewer slow, quick;
  for (auto* v : {&slow, &quick}) {
    v->connect(s.shown->url());
    REQUIRE(v->hears("advertise"));
    v->subscribe(1, v->channel("a.out0"));
  }
  slow.socket->pause_reading(true);
  std::uint64_t emitted = 0;
  // Whatever the kernel holds for it is full at some time.
  while (s.shown->now().lost < 5) {
    s.emit(std::string(50'000, 'x'));
    ++emitted;
    // The quick one reads each before the next: nothing of it is lost.
    REQUIRE(quick.is([&](viewer& v) { return v.messages.size() == emitted; }));
  }
  slow.socket->pause_reading(false);
  REQUIRE(slow.hears("status"));
  {
    const std::lock_guard lock(slow.mutex);  // it may be told of more
    CHECK(slow.said.back()["level"] == 1);
    CHECK(slow.said.back()["message"].get<std::string>().find("left out") != std::string::npos);
  }
  const auto counted = s.shown->now();
  CHECK(counted.sent + counted.lost == 2 * emitted);
  CHECK(slow.is([&](viewer& v) { return v.messages.size() == emitted - counted.lost; }));
}

TEST_CASE("packets beyond the queue's bounds are lost and counted") {
  bridge_options o;
  o.queue_packets = 2;
  stage s(o);
  viewer v;
  v.connect(s.shown->url());
  REQUIRE(v.hears("advertise"));
  v.subscribe(1, v.channel("a.out0"));
  constexpr std::uint64_t packets = 2000;
  for (std::uint64_t i = 0; i < packets; ++i) s.emit("word");
  REQUIRE(becomes([&] {
    const auto n = s.shown->now();
    return n.sent + n.lost == packets;
  }));
  CHECK(v.is([&](viewer& now) { return now.messages.size() == s.shown->now().sent; }));
}

TEST_CASE("a packet that has no form outside the process is lost, counted and told") {
  stage s;
  viewer v;
  v.connect(s.shown->url());
  REQUIRE(v.hears("advertise"));
  v.subscribe(1, v.channel("a.out0"));
  s.emit("\xff");  // no UTF-8
  s.emit("word");
  REQUIRE(v.is([](viewer& now) { return now.messages.size() == 1; }));
  CHECK(words_of(v.messages[0].bytes) == "word");
  REQUIRE(v.hears("status"));
  const auto counted = s.shown->now();
  CHECK(counted.sent == 1);
  CHECK(counted.lost == 1);
}

TEST_CASE("a rewired graph is told: channels that go and come, and the connections") {
  stage s;
  viewer v;
  v.connect(s.shown->url());
  REQUIRE(v.hears("advertise"));
  const auto first = v.channel("a.out0");
  v.subscribe(1, first);
  auto next = s.graph;
  next.actors[0].removed = true;
  next.links[0].removed = true;
  next.actors.push_back(next.actors[0]);
  next.actors[2].name = "c";
  next.actors[2].removed = false;
  s.shown->rewired({next, next, next, 2, timestamp(0)});
  REQUIRE(v.hears("unadvertise"));
  REQUIRE(v.hears("connectionGraphUpdate", 2));
  REQUIRE(v.channel("c.out0") != 0);
  {
    const std::lock_guard lock(v.mutex);
    const auto& graph = v.said.back();
    CHECK(graph["removedTopics"] == json::array({"a.out0"}));
    CHECK(graph["publishedTopics"] == json::parse(R"([{"name":"c.out0","publisherIds":["c"]}])"));
  }
  // It comes back under a number of its own: its packets count anew.
  next.actors[0].removed = false;
  s.shown->rewired({next, next, next, 3, timestamp(0)});
  REQUIRE(v.hears("advertise", 3));
  CHECK(v.channel("a.out0") > first);
  v.subscribe(1, v.channel("a.out0"));
  s.emit("again");
  REQUIRE(v.is([](viewer& now) { return now.messages.size() == 1; }));
}

TEST_CASE("whoever may not look does not") {
  const auto refused = [](const stage& s, header_list headers, const char* protocol,
                          const char* path = "/") {
    viewer v;
    v.connect(s.shown->url() + path, std::move(headers), protocol);
    return v.failed;
  };
  stage open;
  const auto page = [](const char* origin) { return header_list{{"Origin", origin}}; };
  CHECK(refused(open, page("https://app.foxglove.dev"), "foxglove.websocket.v1") == "");
  CHECK(refused(open, page("http://localhost:8080"), "foxglove.sdk.v1") == "");
  CHECK(refused(open, page("https://evil.example"), "foxglove.sdk.v1") != "");
  CHECK(refused(open, page("http://app.foxglove.dev"), "foxglove.sdk.v1") != "");
  CHECK(refused(open, page("null"), "foxglove.sdk.v1") != "");
  CHECK(open.shown->refused_page() == "https://evil.example");
  CHECK(refused(open, {}, "realtime") != "");
  CHECK(refused(open, {}, "") != "");
  CHECK(refused(open, {}, "foxglove.sdk.v1", "/other") != "");

  bridge_options with_keys;
  with_keys.keys = "desk sha256:" + http::sha256_hex("secret") + "\n";
  with_keys.origins = {"https://viewer.example"};
  stage locked(with_keys);
  CHECK(refused(locked, {}, "foxglove.sdk.v1") != "");
  CHECK(refused(locked, {}, "foxglove.sdk.v1", "/?key=other") != "");
  CHECK(refused(locked, {}, "foxglove.sdk.v1", "/?key=secret") == "");
  CHECK(refused(locked, page("https://viewer.example"), "foxglove.sdk.v1", "/?key=secret") == "");

  bridge_options few;
  few.viewers = 1;
  stage full(few);
  viewer v;
  v.connect(full.shown->url());
  CHECK(refused(full, {}, "foxglove.sdk.v1") != "");

  const auto beyond = bridge::start({.address = "tcp://0.0.0.0:0"}, open.graph);
  REQUIRE(!beyond);
  CHECK(beyond.error().code == "foxglove.not_loopback");
  const auto no_key = bridge::start({.address = "tcp://127.0.0.1:0", .keys = "\n"}, open.graph);
  REQUIRE(!no_key);
  CHECK(no_key.error().code == "gateway.no_keys");
}

TEST_CASE("a hostile viewer gets nothing but its end") {
  stage s;
  const auto ends = [&](std::string message, bool is_text, int times, int wanted) {
    viewer v;
    v.connect(s.shown->url());
    for (int i = 0; i < times; ++i) v.socket->send(message, is_text);
    REQUIRE(v.is([](viewer& now) { return now.code != 0; }));
    // Where the end overtakes what it was told, there is no code.
    return v.code == 1006 ? wanted : v.code;
  };
  CHECK(ends(std::string(100'000, 'x'), true, 1, 1009) == 1009);
  CHECK(ends("{", true, 200, 1008) == 1008);
  CHECK(ends(std::string("\1\0\0\0\0word", 9), false, 200, 1008) == 1008);
  // The next one is served.
  viewer v;
  v.connect(s.shown->url());
  REQUIRE(v.hears("advertise"));
  v.subscribe(1, v.channel("a.out0"));
  s.emit("hello");
  CHECK(v.is([](viewer& now) { return now.messages.size() == 1; }));
}

TEST_CASE("without words there are no channels of words") {
  bridge_options o;
  o.with_pii = false;
  stage s(o);
  viewer v;
  v.connect(s.shown->url());
  REQUIRE(v.hears("advertise"));
  CHECK(v.channel("a.out0") == 0);
  CHECK(v.channel("hocket.events") != 0);
}
