#include "actors/http/address.hpp"

#include <charconv>

#include <fmt/format.h>

#include "graph/trust/loopback.hpp"

namespace hocket::http {

bool address::is_loopback() const { return trust::is_loopback_host(host); }

std::string address::url() const {
  return host.find(':') == std::string::npos ? fmt::format("http://{}:{}", host, port)
                                             : fmt::format("http://[{}]:{}", host, port);
}

result<address> parse_address(const std::string& text) {
  auto rest = text;
  const auto bad = [&](const std::string& why) {
    return fail("http.bad_address",
                fmt::format("`{}`: {}; an address reads tcp://127.0.0.1:9464", text, why));
  };
  for (const std::string scheme : {"tcp://", "http://"})
    if (rest.rfind(scheme, 0) == 0) rest.erase(0, scheme.size());
  if (rest.find("://") != std::string::npos) return bad("only tcp:// and http:// are known");
  rest = rest.substr(0, rest.find('/'));
  const auto colon = rest.rfind(':');
  if (colon == std::string::npos) return bad("the port is missing");
  address out;
  out.host = rest.substr(0, colon);
  if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']')
    out.host = out.host.substr(1, out.host.size() - 2);
  else if (out.host.find(':') != std::string::npos)
    return bad("an IPv6 address needs brackets");
  if (out.host.empty()) return bad("the host is missing");
  const auto digits = rest.substr(colon + 1);
  const auto* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, out.port);
  if (digits.empty() || read.ec != std::errc{} || read.ptr != end || out.port < 0 ||
      out.port > 65535)
    return bad("the port is no number from 0 to 65535");
  return out;
}

}  // namespace hocket::http
