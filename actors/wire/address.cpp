#include "actors/wire/address.hpp"

#include <charconv>

#include <fmt/format.h>

#include "actors/wire/node.hpp"

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
  if (!read_port(std::string_view(text).substr(colon + 1), a.port))
    return fail(wire_error::bad_address,
                fmt::format("`{}`: no port from 0 to 65535; {}", text, remedy));
  return a;
}

std::string address::to_string() const {
  return ipc ? "ipc://" + host : fmt::format("tcp://{}:{}", host, port);
}

bool address::is_local() const {
  return ipc || host == "localhost" || host == "[::1]" || host == "::1" || host == "lo" ||
         host.rfind("127.", 0) == 0;
}

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
  } else if (!read_port(data_lane, a.port) || a.port == 0) {
    return fail(wire_error::bad_address, "the peer announced no port for its data lane");
  }
  return a;
}

}  // namespace hocket::wire
