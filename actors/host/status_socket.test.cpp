#include "actors/host/status_socket.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

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

TEST_CASE("with few descriptors it listens or says why, and ends either way") {
  const auto dir =
      std::filesystem::temp_directory_path() / ("hocket-few-" + std::to_string(getpid()));
  std::filesystem::create_directories(dir);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  int served = 0, refused = 0;
  // Above the lowest free number others may be taken, by whatever ran before.
  for (rlim_t more = 0; more < 8 || (served == 0 && more < 1024); ++more) {
    const int next = dup(0);  // the lowest that is free
    REQUIRE(next >= 0);
    close(next);
    const rlimit few{static_cast<rlim_t>(next) + more, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    const auto s = status_socket::serve((dir / "hocket.sock").string(),
                                        [](const std::string&) { return std::string("here"); });
    ++(s ? served : refused);
    if (!s) CHECK(s.error().code == "host.no_socket");
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  }
  CHECK(served > 0);
  CHECK(refused > 0);
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

namespace {

/// Connected to a socket file, or -1.
int connected(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto at = socket_file::at(path);
  REQUIRE(at);
  if (connect(fd, at->address(), socket_file::size_bytes) == 0) return fd;
  close(fd);
  return -1;
}

struct scratch {
  std::string folder = (std::filesystem::temp_directory_path() / "hocket-status-XXXXXX").string();
  scratch() { REQUIRE(mkdtemp(folder.data()) != nullptr); }
  ~scratch() { std::filesystem::remove_all(folder); }
};

}  // namespace

TEST_CASE("who finds the file is answered: it appears when somebody listens") {
  const scratch in;
  const auto path = in.folder + "/hocket.sock";
  for (int round = 0; round < 50; ++round) {
    std::atomic<bool> over{false};
    std::atomic<int> refused{0}, answered{0};
    std::thread looks([&] {
      while (!over && answered == 0) {
        if (!std::filesystem::exists(path)) continue;
        const int fd = connected(path);
        ++(fd < 0 ? refused : answered);
        if (fd >= 0) close(fd);
      }
    });
    {
      const auto served = status_socket::serve(path, [](const std::string&) { return "here"; });
      REQUIRE(served);
      CHECK(eventually([&] { return answered > 0 || refused > 0; }));
      over = true;
      looks.join();
    }
    CHECK(refused == 0);
    CHECK(answered == 1);
    CHECK(!std::filesystem::exists(path + ".new"));
  }
}

TEST_CASE("one process's silent connections cost that process alone") {
  const scratch in;
  const auto path = in.folder + "/hocket.sock";
  const auto served = status_socket::serve(path, [](const std::string&) { return "here"; });
  REQUIRE(served);
  const auto closed = [](int fd) {
    pollfd on{fd, POLLIN, 0};
    return poll(&on, 1, 0) == 1 && on.revents != 0;
  };
  std::vector<int> ours;
  for (int i = 0; i < 20; ++i) ours.push_back(connected(path));
  CHECK(eventually([&] { return std::count_if(ours.begin(), ours.end(), closed) == 12; }));
  for (int i = 0; i < 20; ++i) CHECK(closed(ours[i]) == (i < 12));
  // Another process has room of its own, and takes none of ours.
  const auto other =
      "python3 -c \"import socket\nall = []\nfor i in range(6):\n  s = "
      "socket.socket(socket.AF_UNIX); s.connect('" +
      path + "'); s.sendall(b'x\\n'); assert s.recv(9) == b'here\\n'; all.append(s)\"";
  CHECK(std::system(other.c_str()) == 0);
  for (int i = 12; i < 20; ++i) CHECK(!closed(ours[i]));
  // A line without an end is no way to fill the memory.
  const std::string block(1 << 20, 'a');
  for (int i = 0; i < 6; ++i) (void)send(ours[15], block.data(), block.size(), MSG_NOSIGNAL);
  CHECK(eventually([&] { return closed(ours[15]); }));
  CHECK(ask(path) == "here");
  for (const int fd : ours) close(fd);
}
