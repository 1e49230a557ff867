#include "actors/host/status_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include <nlohmann/json.hpp>

#include "actors/host/run/run_plan.test.hpp"
#include "actors/host/socket_file.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

std::string ask(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  const auto at = socket_file::at(path);
  REQUIRE(at);
  std::string out;
  if (connect(fd, at->address(), socket_file::size_bytes) == 0 &&
      send(fd, "status\n", 7, MSG_NOSIGNAL) == 7) {
    char c = 0;
    while (read(fd, &c, 1) == 1 && c != '\n') out += c;
  }
  close(fd);
  return out;
}

}  // namespace

TEST_CASE("a running graph is watched through its socket, which goes with the run") {
  const auto dir =
      std::filesystem::temp_directory_path() / ("hocket-status-" + std::to_string(getpid()));
  std::filesystem::create_directories(dir);
  const auto path = (dir / "hocket.sock").string();
  plan_maker g;
  g.add("src", 0, 1, counter_source(1 << 30));
  g.source("src", 5);
  g.add("end", 1, 0, [] { return std::make_unique<lambda_component>(); });
  g.link("src", 0, "end", 0);
  const auto p = g.make();
  {
    runtime_options o;
    o.status_socket = path;
    auto r = runtime::start(p, g.types, o);
    REQUIRE(r);
    REQUIRE(eventually([&] { return (*r)->status().links[0].delivered > 3; }));
    const auto s = nlohmann::json::parse(ask(path));
    CHECK(s["graph"] == "test");
    CHECK(s["law_holds"] == true);
    CHECK(s["actors"][0]["name"] == "src");
    CHECK(s["links"][0]["to"] == "end.in0");
    CHECK(s["links"][0]["delivered"] > 3);
    // A second run does not take the socket away.
    auto second = status_socket::serve(path, [](const std::string&) { return std::string(); });
    REQUIRE(!second);
    CHECK(second.error().code == "host.no_socket");
  }
  CHECK(!std::filesystem::exists(path));
  std::filesystem::remove_all(dir);
}

TEST_CASE("a status socket lies in its folder, however long the path") {
  const auto top =
      std::filesystem::temp_directory_path() / ("hocket-deep-" + std::to_string(getpid()));
  for (const std::size_t deep : {1u, 4u, 12u}) {
    auto dir = top;
    for (std::size_t i = 0; i < deep; ++i) dir /= std::string(60, 'a');
    std::filesystem::create_directories(dir);
    const auto path = (dir / "hocket.sock").string();
    {
      const auto served =
          status_socket::serve(path, [](const std::string&) { return std::string("here"); });
      REQUIRE(served);
      CHECK(std::filesystem::exists(path));
      CHECK(ask(path) == "here");
      CHECK(!status_socket::serve(path, [](const std::string&) { return std::string(); }));
    }
    CHECK(!std::filesystem::exists(path));
  }
  std::filesystem::remove_all(top);
  CHECK(!socket_file::at((top / std::string(60, 'b') / std::string(60, 'c')).string()));
}
