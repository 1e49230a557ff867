#include "actors/wire/door.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include <doctest/doctest.h>

namespace hocket::wire {
namespace {

/// A listener on loopback with connections, both ends of each.
struct listener {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int port = 0;
  std::vector<int> theirs, ours;

  listener() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(listen(fd, 64) == 0);
    socklen_t size = sizeof at;
    getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
    port = ntohs(at.sin_port);
  }
  int add() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<in_port_t>(port));
    theirs.push_back(socket(AF_INET, SOCK_STREAM, 0));
    REQUIRE(connect(theirs.back(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    ours.push_back(accept(fd, nullptr, nullptr));
    return ours.back();
  }
  bool is_open(std::size_t i) const {
    char c = 0;
    const auto n = recv(theirs[i], &c, 1, MSG_DONTWAIT);
    return n < 0 && errno == EAGAIN;
  }
  ~listener() {
    for (const auto& all : {theirs, ours})
      for (const int one : all) close(one);
    close(fd);
  }
};

}  // namespace

TEST_CASE("door: strangers beyond the limit go, the oldest first; who spoke stays") {
  listener at;
  door d(at.port, 3);
  for (int i = 0; i < 3; ++i) d.accepted(at.add());
  d.spoke(at.ours[0]);
  for (int i = 0; i < 3; ++i) d.accepted(at.add());
  CHECK(d.strangers() == 3);
  CHECK(at.is_open(0));
  CHECK(!at.is_open(1));
  CHECK(!at.is_open(2));
  for (std::size_t i = 3; i < 6; ++i) CHECK(at.is_open(i));
  d.closed(at.ours[3]);
  CHECK(d.strangers() == 2);
}

TEST_CASE("door: a descriptor that is another file by now is left alone") {
  listener at, other;
  door d(at.port, 1);
  d.accepted(other.add());
  d.accepted(STDOUT_FILENO);
  d.accepted(at.add());
  d.accepted(at.add());
  CHECK(other.is_open(0));
  CHECK(!at.is_open(0));
  CHECK(at.is_open(1));
}

TEST_CASE("descriptors_left: gives them back") {
  CHECK(descriptors_left(8));
  CHECK(!descriptors_left(1 << 24));
  CHECK(descriptors_left(8));
}

}  // namespace hocket::wire
