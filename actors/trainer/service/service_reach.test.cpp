// Waiting over HTTP ends where nobody waits any more.
#include <mutex>
#include <vector>

#include "actors/http/server.test.hpp"
#include "actors/trainer/service/service_session.hpp"

using namespace hocket;
using namespace hocket::trainer;

TEST_CASE("service: a request and a pause go on as long as somebody waits, and no longer") {
  std::mutex mutex;
  std::vector<http::responder> held;
  auto o = hocket::testing::echo_options();
  o.handle = [&](const http::request& r, const http::responder& reply) {
    if (r.path == "/now") return reply({200, "text/plain", "here", {}});
    const std::lock_guard lock(mutex);
    held.push_back(reply);
  };
  const auto server = hocket::testing::start(std::move(o));
  const auto reach = reach_over_http();
  http::fetch_request r;
  r.url = server->url() + "/now", r.total_ms = 120'000;
  const auto came = reach.fetch(r, [] { return true; });
  REQUIRE_MESSAGE(came, came.error().message);
  CHECK(came->body == "here");
  r.url = server->url() + "/never";
  int left = 3;
  const auto ended = reach.fetch(r, [&] { return --left > 0; });
  CHECK(ended.error().code == "http.cancelled");
  left = 3;
  CHECK(!reach.rest(600'000, [&] { return --left > 0; }));
  const auto began = reach.now_ms();
  CHECK(reach.rest(5, [] { return true; }));
  CHECK(reach.now_ms() >= began + 5);
  server->stop(0);
}
