#include "actors/http/routes.hpp"

#include <doctest/doctest.h>

using namespace hocket::http;

TEST_CASE("principal x verb x object: what no row allows is refused") {
  using enum caller;
  const route_table table({{"/healthz", {"GET", "HEAD"}, {stranger, neighbour, keyed}},
                           {"/status", {"GET"}, {neighbour, keyed}},
                           {"/v1/*", {"POST"}, {keyed}},
                           {"/v*/tokens", {"PUT"}, {keyed}},
                           {"/private", {"GET"}, {neighbour}}});
  const auto status = [&](const char* method, const char* path, caller who) {
    request r;
    r.method = method;
    r.path = path;
    r.peer = "10.0.0.9";
    const auto no = table.refuses(r, who);
    return no ? no->status : 200;
  };
  for (const auto who : {stranger, neighbour, keyed}) {
    CHECK(status("GET", "/healthz", who) == 200);
    CHECK(status("DELETE", "/healthz", who) == 405);
    for (const auto* path : {"/", "", "/healthz/", "/v1", "/statuses", "/../status", "//status"})
      CHECK(status("GET", path, who) == 404);
  }
  CHECK(status("GET", "/status", stranger) == 401);
  CHECK(status("GET", "/status", neighbour) == 200);
  CHECK(status("HEAD", "/status", neighbour) == 405);
  CHECK(status("POST", "/v1/x/y", keyed) == 200);
  CHECK(status("POST", "/v1/x/y", neighbour) == 401);
  CHECK(status("PUT", "/v1beta/tokens", keyed) == 200);
  CHECK(status("PUT", "/v1beta/x/tokens", keyed) == 404);
  CHECK(status("PUT", "/v1beta/tokens/x", keyed) == 404);
  CHECK(status("GET", "/private", keyed) == 403);
  CHECK(status("get", "/private", neighbour) == 405);
}

TEST_CASE("who asks is told by the address of the connection alone") {
  request r;
  r.headers = {{"X-Forwarded-For", "127.0.0.1"}, {"Host", "localhost"}};
  for (const auto* peer : {"10.0.0.1", "128.0.0.1", "::2", "", "127", "fe80::1"}) {
    r.peer = peer;
    CHECK(caller_of(r) == caller::stranger);
  }
  for (const auto* peer : {"127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"}) {
    r.peer = peer;
    CHECK(caller_of(r) == caller::neighbour);
  }
}
