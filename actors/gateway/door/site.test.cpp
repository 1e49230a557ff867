#include "actors/gateway/door/site.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

#include "graph/trust/audit.hpp"

using namespace hocket;
using namespace hocket::gateway;

namespace {

constexpr const char* key = "sk-known";

struct case_of {
  const char *method, *path;
  int without, with;  ///< a key, where keys are asked for
  int open;           ///< where none are
};

// Every page that the gateway has, with each verb that is something there and some that are not.
const std::vector<case_of> cases = {
    {"GET", "/healthz", 200, 200, 200},
    {"HEAD", "/healthz", 200, 200, 200},
    {"POST", "/healthz", 405, 405, 405},
    {"DELETE", "/healthz", 405, 405, 405},
    {"GET", "/readyz", 200, 200, 200},
    {"POST", "/readyz", 405, 405, 405},
    {"GET", "/", 200, 200, 200},
    {"GET", "/app.js", 200, 200, 200},
    {"PUT", "/", 405, 405, 405},
    {"POST", "/index.html", 405, 405, 405},
    {"GET", "/nowhere", 404, 404, 404},
    {"GET", "/../../etc/passwd", 404, 404, 404},
    {"GET", "//v1/hocket/graph", 404, 404, 404},
    {"GET", "/v1/hocket/page", 200, 200, 200},
    {"POST", "/v1/hocket/page", 405, 405, 405},
    {"GET", "/v1/hocket/graph", 401, 200, 200},
    {"HEAD", "/v1/hocket/graph", 401, 200, 200},
    {"POST", "/v1/hocket/graph", 405, 405, 405},
    {"GET", "/v1/hocket/graph/", 404, 404, 404},
    {"POST", "/v1/realtime/client_secrets", 401, 200, 200},
    {"GET", "/v1/realtime/client_secrets", 405, 405, 405},
    {"POST", "/nowhere", 404, 404, 404},
    {"DELETE", "/v1/realtime/client_secrets", 405, 405, 405},
    {"POST", "/v1alpha/auth_tokens", 401, 200, 200},
    {"POST", "/v1beta/auth_tokens", 401, 200, 200},
    {"POST", "/v1/x/auth_tokens", 404, 404, 404},
    {"PATCH", "/v1alpha/auth_tokens", 405, 405, 405},
    {"POST", "/v1/realtime/calls", 401, 501, 501},  // the gateway itself takes them where it can
    {"POST", "/v1/realtime/calls/rtc_1/hangup", 401, 501, 501},
    {"DELETE", "/v1/realtime/calls/rtc_1", 401, 501, 501},
    {"GET", "/v1/realtime/calls", 405, 405, 405},
    {"POST", "/v1/hocket/calls", 401, 501, 501},
    {"POST", "/v1/whip", 401, 501, 501},
    {"DELETE", "/v1/whip/1", 401, 501, 501},
    {"PATCH", "/v1/whip/1", 405, 405, 405},
    {"DELETE", "/v1/whip", 405, 405, 405},
    {"OPTIONS", "/v1/whip", 204, 204, 204},
    {"GET", "/v1/live/sessions", 426, 426, 426},
    {"POST", "/v1/live/sessions", 401, 501, 501},
    {"POST", "/v1/live/sessions/live_1/hangup", 401, 501, 501},
    {"DELETE", "/v1/live/sessions/live_1", 401, 501, 501},
    {"POST", "/v1/live/sessions/live_1/fork", 401, 501, 501},  // of the protocol, and not served
    {"GET", "/v1/live/sessions/live_1/attach", 426, 426, 426},
    {"UPGRADE", "/v1/live/sessions/live_1/attach", 401, 0, 0},
    {"DELETE", "/v1/live/sessions", 405, 405, 405},
    {"GET", "/v1/realtime", 426, 426, 426},
    {"GET", "/v1/hocket", 426, 426, 426},
    {"POST", "/v1/hocket", 405, 405, 405},
    {"UPGRADE", "/v1/realtime", 401, 0, 0},
    {"UPGRADE", "/v1/live/sessions", 401, 0, 0},
    {"UPGRADE", "/v1/hocket", 401, 0, 0},
    {"UPGRADE", "/ws/google.ai.Service.BidiGenerateContent", 401, 0, 0},
    {"UPGRADE", "/healthz", 405, 405, 405},
    {"OPTIONS", "/v1/realtime/client_secrets", 204, 204, 204},
};

site a_site(bool needs_key, const std::shared_ptr<key_ring>& keys) {
  site::options o;
  o.graph_yaml = "hocket: 1\n";
  o.needs_key = needs_key;
  o.texts = json::object();
  return site(std::move(o), keys);
}

int status_of(const site& s, const case_of& c, bool with_key) {
  http::request r;
  r.method = c.method;
  r.path = c.path;
  r.peer = "10.0.0.9";
  if (with_key) r.headers = {{"Authorization", std::string("Bearer ") + key}};
  if (r.method != "UPGRADE") return s.answer(r).status;
  const auto no = s.refuses_socket(r, with_key);
  return no ? no->status : 0;
}

}  // namespace

TEST_CASE("principal x verb x object of each page of the gateway; what is refused is noted") {
  std::string folder = (std::filesystem::temp_directory_path() / "hocket-site-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const auto keys = std::make_shared<key_ring>(key_ring::limits());
  const auto open = a_site(false, keys);
  for (const auto& c : cases)
    CHECK_MESSAGE(status_of(open, c, false) == c.open, (std::string(c.method) + " " + c.path));
  keys->add("mine", key);
  const auto closed = a_site(true, keys);
  for (const auto& c : cases)
    CHECK_MESSAGE(status_of(closed, c, true) == c.with, (std::string(c.method) + " " + c.path));
  std::set<std::string> refused;
  {
    const trust::audit noted(folder);
    for (const auto& c : cases) {
      CHECK_MESSAGE(status_of(closed, c, false) == c.without,
                    (std::string(c.method) + " " + c.path));
      if (c.without == 401 || c.without == 405) refused.insert(std::string(c.method) + c.path);
    }
  }
  std::ifstream in(folder + "/refusals.jsonl");
  for (std::string line; std::getline(in, line);) {
    const auto told = json::parse(line);
    CHECK(line.find(key) == line.npos);
    CHECK(told["who"] == "a client at 10.0.0.9");
    refused.erase(told["verb"].get<std::string>() + told["what"].get<std::string>());
  }
  CHECK(refused.empty());
  std::filesystem::remove_all(folder);
}
