#include "actors/observe/service_manager.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

using namespace hocket::observe;

namespace {

/// The manager's end: a datagram socket in the abstract namespace.
struct manager {
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  std::string name = "@hocket-notify-" + std::to_string(getpid());
  manager() {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    at.sun_path[0] = '\0';
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&at),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) == 0);
  }
  ~manager() { close(fd); }
  std::string heard() const {
    char block[512];
    const auto n = recv(fd, block, sizeof block, 0);
    return n > 0 ? std::string(block, static_cast<std::size_t>(n)) : "";
  }
};

}  // namespace

TEST_CASE("the service manager hears ready, signs of life and the end") {
  manager m;
  service_manager s(m.name, 3'000'000);
  s.alive(1);
  CHECK(m.heard().empty());  // not before it is ready
  s.ready("talk\nruns");
  CHECK(m.heard() == "READY=1\nSTATUS=talk runs");
  s.alive(1'000'000'000);
  CHECK(m.heard() == "WATCHDOG=1");
  s.alive(1'900'000'000);
  CHECK(m.heard().empty());
  s.alive(2'000'000'000);
  CHECK(m.heard() == "WATCHDOG=1");
  s.stopping("done");
  CHECK(m.heard() == "STOPPING=1\nSTATUS=done");
}

TEST_CASE("without a service manager nothing is sent") {
  service_manager s("", 1000);
  CHECK_FALSE(s.listens());
  s.ready("");
  service_manager gone("/nonexistent/notify", 0);
  gone.ready("");  // nobody there: no harm
}
