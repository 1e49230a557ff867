#include "actors/wire/address.hpp"

#include <netdb.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "actors/wire/node.hpp"
#include "graph/trust/loopback.hpp"

namespace hocket::wire {
namespace {

constexpr const char* remedy = "write tcp://HOST:PORT or ipc://PATH";

bool read_port(std::string_view text, int& port) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  return failed == std::errc() && end == text.data() + text.size() && port >= 0 && port <= 65535;
}

}  // namespace

result<address> address::parse(const std::string& text) {
  address a;
  if (text.rfind("ipc://", 0) == 0) {
    a.ipc = true;
    a.host = text.substr(6);
    if (a.host.empty() || a.host.size() > 100)
      return fail(wire_error::bad_address,
                  fmt::format("`{}`: the path has {} bytes, 1 to 100 are possible; {}", text,
                              a.host.size(), remedy));
    return a;
  }
  const auto colon = text.rfind(':');
  if (text.rfind("tcp://", 0) != 0 || colon == std::string::npos || colon < 7)
    return fail(wire_error::bad_address, fmt::format("`{}` is no address; {}", text, remedy));
  a.host = text.substr(6, colon - 6);
  auto ports = std::string_view(text).substr(colon + 1);
  if (const auto comma = ports.find(','); comma != ports.npos) {
    if (!read_port(ports.substr(comma + 1), a.data_port) || a.data_port == 0)
      return fail(
          wire_error::bad_address,
          fmt::format("`{}`: no data port from 1 to 65535; write tcp://HOST:PORT,DATAPORT", text));
    ports = ports.substr(0, comma);
  }
  if (!read_port(ports, a.port))
    return fail(wire_error::bad_address,
                fmt::format("`{}`: no port from 0 to 65535; {}", text, remedy));
  return a;
}

std::string address::to_string() const {
  return ipc ? "ipc://" + host : fmt::format("tcp://{}:{}", host, port);
}

bool address::is_wildcard() const {
  return !ipc && (host == "*" || host == "0.0.0.0" || host == "[::]" || host == "::" ||
                  if_nametoindex(host.c_str()) != 0);
}

result<std::vector<address>> address::to_bind() const {
  if (ipc || is_wildcard()) return std::vector{*this};
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const auto bare = brackets ? host.substr(1, host.size() - 2) : host;
  addrinfo* found = nullptr;
  if (const int failed = getaddrinfo(bare.c_str(), nullptr, &wanted, &found); failed != 0)
    return fail(
        wire_error::bad_address,
        fmt::format("nobody knows the name `{}` here ({}); start this host with --listen and "
                    "an address of this machine, such as tcp://*:{}",
                    host, gai_strerror(failed), port));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found, freeaddrinfo);
  std::vector<address> out;
  for (const auto* a = found; a != nullptr; a = a->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    auto& one = out.emplace_back(*this);
    one.host = a->ai_family == AF_INET6 ? fmt::format("[{}]", text) : std::string(text);
  }
  // Most others dial the older family first, and ZeroMQ takes one.
  std::stable_partition(out.begin(), out.end(), [](const address& a) { return a.host[0] != '['; });
  return out;
}

bool address::is_local() const { return ipc || host == "lo" || trust::is_loopback_host(host); }

address address::data_lane() const {
  auto a = *this;
  if (ipc) {
    a.host += ".data";
  } else if (port != 0) {
    ++a.port;
  }
  return a;
}

std::string address::announce() const { return ipc ? host : std::to_string(port); }

result<address> address::with_announced(const std::string& data_lane) const {
  auto a = *this;
  if (ipc) {
    // A path of the peer's choosing would let it make us open any socket: only the known one.
    if (data_lane != host + ".data")
      return fail(wire_error::bad_address,
                  "the peer announced another data lane than " + host + ".data");
    a.host = data_lane;
  } else if (data_port != 0) {
    a.port = std::exchange(a.data_port, 0);
  } else if (!read_port(data_lane, a.port) || a.port == 0) {
    return fail(wire_error::bad_address, "the peer announced no port for its data lane");
  }
  return a;
}

}  // namespace hocket::wire
