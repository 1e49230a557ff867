#include "actors/http/host_rules.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace hocket::http {
namespace {

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_port(std::string_view text) {
  return text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// One spelling per address: `0:0::1` and `::1` are the same; empty for a name.
std::string canonical_address(const std::string& host) {
  unsigned char bytes[16];
  char text[INET6_ADDRSTRLEN];
  if (inet_pton(AF_INET, host.c_str(), bytes) == 1) return host;
  if (inet_pton(AF_INET6, host.c_str(), bytes) != 1) return {};
  static constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(std::begin(mapped), std::end(mapped), bytes))
    return inet_ntop(AF_INET, bytes + 12, text, sizeof text);
  return inet_ntop(AF_INET6, bytes, text, sizeof text);
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  const auto address = canonical_address(host);
  return address == "::1" || address.rfind("127.", 0) == 0;
}

}  // namespace

std::string host_of_authority(std::string_view authority) {
  if (authority.find_first_of("@/\\?# \t,") != authority.npos) return {};
  std::string_view host = authority, port;
  if (!authority.empty() && authority.front() == '[') {
    const auto end = authority.find(']');
    if (end == authority.npos) return {};
    host = authority.substr(1, end - 1);
    const auto rest = authority.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return {};
    port = rest.empty() ? rest : rest.substr(1);
    if (canonical_address(std::string(host)).empty()) return {};
  } else if (const auto colon = authority.find(':'); colon != authority.npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }
  if (!is_port(port)) return {};
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  return lowered(host);
}

host_rules::host_rules(std::vector<std::string> names) : names_(std::move(names)) {
  for (auto& n : names_) n = lowered(n);
}

bool host_rules::answers(std::string_view authority, std::string_view bound_address) const {
  const auto host = host_of_authority(authority);
  if (host.empty()) return false;
  if (is_loopback(host)) return true;
  const auto address = canonical_address(host);
  if (!address.empty() && address == canonical_address(std::string(bound_address))) return true;
  return std::any_of(names_.begin(), names_.end(), [&](const std::string& name) {
    if (name.rfind("*.", 0) != 0) return name == host || (!address.empty() && name == address);
    const auto end = std::string_view(name).substr(1);
    return host.size() > end.size() &&
           std::string_view(host).substr(host.size() - end.size()) == end;
  });
}

bool host_rules::admits_origin(std::string_view origin, std::string_view bound_address) const {
  for (const std::string_view scheme : {"http://", "https://"})
    if (lowered(origin.substr(0, scheme.size())) == scheme)
      return answers(origin.substr(scheme.size()), bound_address);
  return false;
}

}  // namespace hocket::http
