#include "actors/gateway/door/app.test.hpp"
#include "actors/gateway/door/picture_desk.hpp"
#include "actors/gateway/picture/picture.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

json shows(const std::string& bytes) {
  return {{"type", "picture"}, {"image", encode_base64(bytes)}};
}

/// What it gave on, of that kind; the rest are bounds.
template <class Payload>
std::vector<packet> shown(const harness& h, const char* port) {
  std::vector<packet> out;
  for (const auto& p : h.outputs(port))
    if (p.get_if<Payload>() != nullptr) out.push_back(p);
  return out;
}

/// A page that has said its first word.
struct page {
  explicit page(harness& harness_to_use) : h(harness_to_use) {
    a.connect(by, url_of(h) + "/v1/hocket");
    REQUIRE(settles(h, [&] { return a.is_open(); }));
    a.send({{"type", "start"}});
    REQUIRE(settles(h, [&] { return a.got("hello"); }));
  }
  harness& h;
  app a;
  http::websocket_client by;  ///< ends first: its events go to the app
};

}  // namespace

TEST_CASE("what a client shows stands for a while, in its own conversation, and then no more") {
  harness h(type_of<door>(), options({{"picture_ms", 1000}}));
  REQUIRE(h.open());
  page one(h), two(h);
  CHECK(one.a.last("hello")["sees"] == true);
  REQUIRE(settles(h, [&] { return h.sessions().size() == 3; }));
  one.a.send(shows(jpeg_of(64, 48)));
  REQUIRE(settles(h, [&] { return h.counter("pictures") == 1; }));
  REQUIRE(h.advance(std::chrono::milliseconds(3000)));
  const auto seen = shown<video_frame>(h, "pictures");
  // Ten a second for a second; the first at once.
  CHECK(seen.size() >= 9);
  CHECK(seen.size() <= 12);
  for (const auto& p : seen) {
    CHECK(p.header.session == seen[0].header.session);
    CHECK(p.get_if<video_frame>()->width == 64);
  }
  CHECK(h.violations().empty());
  two.a.send(shows(png_of(32, 32)));
  REQUIRE(settles(h, [&] { return h.counter("pictures") == 2; }));
  REQUIRE(settles(h, [&] { return shown<video_frame>(h, "pictures").size() > seen.size(); }));
  CHECK(shown<video_frame>(h, "pictures").back().header.session != seen[0].header.session);
}

TEST_CASE("nobody waits for what a client does not type or show: each micro-turn is bounded") {
  harness h(type_of<door>(), options({{"picture_ms", 1000}}));
  REQUIRE(h.open());
  page one(h);
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  const auto bounds = [&](const char* port) { return shown<control>(h, port); };
  REQUIRE(h.advance(std::chrono::milliseconds(1000)));
  for (const char* port : {"text", "pictures"}) {
    const auto all = bounds(port);
    REQUIRE(all.size() >= 5);
    for (const auto& b : all) {
      CHECK(b.get_if<control>()->what == control::kind::bound);
      CHECK(b.header.ts.ns() % 200'000'000 == 0);
      CHECK(b.header.session == h.sessions().back());
    }
  }
  CHECK(h.now() - bounds("text").back().header.ts < std::chrono::milliseconds(200));
  // While something is shown a picture may be on its way.
  one.a.send(shows(png_of(8, 8)));
  REQUIRE(settles(h, [&] { return h.counter("pictures") == 1; }));
  const auto before = bounds("pictures").size(), texts = bounds("text").size();
  REQUIRE(h.advance(std::chrono::milliseconds(400)));
  CHECK(bounds("pictures").size() == before);
  CHECK(bounds("text").size() == texts + 2);
  REQUIRE(h.advance(std::chrono::milliseconds(2000)));
  CHECK(bounds("pictures").size() > before);
  CHECK(h.violations().empty());
}

TEST_CASE("a picture that decodes to nothing is counted and told; the conversation goes on") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  page p(h);
  auto torn = jpeg_of(64, 48);
  torn.resize(torn.find("\xff\xda") + 20);  // in its scan
  p.a.send(shows(torn));
  REQUIRE(settles(h, [&] { return h.counter("bad_pictures") == 1 && p.a.got("error"); }));
  CHECK(p.a.last("error")["message"] == "the JPEG cannot be decoded");
  p.a.send(shows(jpeg_of(8, 8)));
  REQUIRE(settles(h, [&] { return h.counter("pictures") == 1; }));
}

TEST_CASE("of each client the newest picture is decoded; what is too much for all is left out") {
  std::mutex mutex;
  std::condition_variable goes_on;
  bool may_go = false;
  std::vector<int> seen;
  picture_desk desk;
  const int a = 0, b = 0, c = 0;
  const auto note = [&](const result<video_frame>& f) {
    const std::lock_guard lock(mutex);
    seen.push_back(f ? f->width : -1);
  };
  const auto has_seen = [&](std::size_t n) {
    const std::lock_guard lock(mutex);
    return seen.size() == n;
  };
  std::atomic<bool> is_busy = false;
  // The desk works on the first until it is let go.
  CHECK(desk.show(&a, png_of(1, 1), [&](const result<video_frame>& f) {
    note(f);
    is_busy = true;
    std::unique_lock lock(mutex);
    goes_on.wait_for(lock, std::chrono::seconds(120), [&] { return may_go; });
  }) == 0);
  REQUIRE(becomes([&] { return is_busy.load(); }));
  CHECK(desk.show(&b, png_of(2, 2), note) == 0);
  CHECK(desk.show(&a, png_of(3, 3), note) == 0);
  CHECK(desk.show(&b, png_of(4, 4), note) == 1);  // instead of 2
  CHECK(desk.show(&c, std::string(picture_desk::most_bytes, 'x'), note) == 1);
  {
    const std::lock_guard lock(mutex);
    may_go = true;
  }
  goes_on.notify_all();
  REQUIRE(becomes([&] { return has_seen(3); }));
  const std::lock_guard lock(mutex);
  CHECK(seen == std::vector<int>{1, 4, 3});
}
