#include "actors/gateway/tinker/roles.hpp"
#include "actors/gateway/tinker/service_state.hpp"

#include <doctest/doctest.h>

using namespace hocket;

TEST_CASE("tinker: without a key nothing but health and files that are everybody's") {
  const auto rows = tinker::api_rows({"hocket/lm", "lm"});
  const http::route_table table(rows);
  const auto status = [&](const std::string& method, std::string path, http::caller who) {
    http::request r;
    r.method = method;
    r.path = std::move(path);
    r.peer = "127.0.0.1";
    const auto no = table.refuses(r, who);
    return no ? no->status : 200;
  };
  using enum http::caller;
  int open = 0;
  for (auto row : rows) {
    if (row.path.ends_with("/*")) row.path.back() = 'x';
    for (const auto who : {stranger, neighbour}) {
      const auto said = status(row.methods.front(), row.path, who);
      CHECK_MESSAGE((said == 200 || said == 401), row.path);
      if (row.path.starts_with("/api/v1/") || row.path.starts_with("/oai/"))
        CHECK_MESSAGE((said == 401) == (row.path != "/api/v1/healthz"), row.path);
      open += said == 200;
    }
    CHECK_MESSAGE(status(row.methods.front(), row.path, keyed) == 200, row.path);
    CHECK_MESSAGE(status("TRACE", row.path, keyed) == 405, row.path);
  }
  CHECK(open == 2 * 6);
  CHECK(status("DELETE", "/api/v1/training_runs/r/checkpoints/weights/a", keyed) == 200);
  CHECK(status("DELETE", "/api/v1/sessions/s", keyed) == 405);
  CHECK(status("POST", "/api/v1/healthz", stranger) == 405);
  for (const char* elsewhere : {"/", "/api/v1", "/api/v1/create_model/x", "/api/v1/nothing",
                                "/other/resolve/main/config.json", "/api/v1/../x"})
    CHECK_MESSAGE(status("GET", elsewhere, keyed) == 404, elsewhere);
}

TEST_CASE("tinker: however a path is written, it takes the same scope") {
  using tinker::scope;
  using tinker::scope_for;
  CHECK(scope_for("POST", "/api/v1/optim_step") == scope::train);
  CHECK(scope_for("POST", "/api/v1/asample") == scope::sample);
  CHECK(scope_for("POST", "/api/v1/save_weights_external") == scope::exports);
  CHECK(!scope_for("POST", "/api/v1/create_session"));
  const std::string one = "/api/v1/training_runs/r/checkpoints/weights/w";
  CHECK(scope_for("GET", one + "/archive") == scope::exports);
  CHECK(scope_for("POST", one + "/publish") == scope::exports);
  CHECK(scope_for("PUT", one + "/ttl") == scope::train);
  CHECK(!scope_for("GET", one));
  std::vector<std::string> paths{one, one + "/archive", one + "/publish", one + "/ttl",
                                 one + "/external_weights_urls"};
  for (const auto& row : tinker::api_rows({"lm"})) paths.push_back(row.path);
  for (const auto& path : paths)
    for (const char* method : {"GET", "POST", "PUT", "DELETE"})
      for (const char* more : {"/", "//", "///"})
        CHECK_MESSAGE(scope_for(method, path) == scope_for(method, path + more), path);
}
