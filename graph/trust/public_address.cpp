#include "graph/trust/public_address.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

namespace hocket::trust {
namespace {

struct block {
  std::uint32_t base;
  int bits;
};
constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}
// IANA's registry of special-purpose addresses (RFC 6890 and its successors), multicast, reserved.
constexpr block special[] = {
    {v4(0, 0, 0, 0), 8},       {v4(10, 0, 0, 0), 8},     {v4(100, 64, 0, 0), 10},
    {v4(127, 0, 0, 0), 8},     {v4(169, 254, 0, 0), 16}, {v4(172, 16, 0, 0), 12},
    {v4(192, 0, 0, 0), 24},    {v4(192, 0, 2, 0), 24},   {v4(192, 31, 196, 0), 24},
    {v4(192, 52, 193, 0), 24}, {v4(192, 88, 99, 0), 24}, {v4(192, 168, 0, 0), 16},
    {v4(192, 175, 48, 0), 24}, {v4(198, 18, 0, 0), 15},  {v4(198, 51, 100, 0), 24},
    {v4(203, 0, 113, 0), 24},  {v4(224, 0, 0, 0), 4},    {v4(240, 0, 0, 0), 4},
    {v4(168, 63, 129, 16), 32}};  // Azure's metadata, on a public address

bool is_public_v4(std::uint32_t address) {
  return std::ranges::none_of(special, [&](const block& b) {
    const auto mask = ~std::uint32_t{0} << (32 - b.bits);
    return (address & mask) == b.base;
  });
}

using bytes16 = std::array<std::uint8_t, 16>;

std::uint32_t v4_at(const bytes16& b, std::size_t at) {
  return v4(b[at], b[at + 1], b[at + 2], b[at + 3]);
}
bool begins(const bytes16& b, std::initializer_list<std::uint8_t> with) {
  return std::equal(with.begin(), with.end(), b.begin());
}

bool is_public_v6(const bytes16& b) {
  if (begins(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF})) return is_public_v4(v4_at(b, 12));
  if (begins(b, {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0}))
    return is_public_v4(v4_at(b, 12));
  // Global unicast is 2000::/3; of that not: special purposes, documentation, 6to4 and Teredo, which
  // carry an address of version 4.
  if ((b[0] & 0xE0) != 0x20) return false;
  if (begins(b, {0x20, 0x02})) return is_public_v4(v4_at(b, 2));
  if (begins(b, {0x20, 0x01}) && (b[2] & 0xFE) == 0) return false;  // 2001::/23
  if (begins(b, {0x20, 0x01, 0x0D, 0xB8})) return false;
  if (begins(b, {0x3F, 0xFF}) && (b[2] & 0xF0) == 0) return false;  // 3fff::/20
  return true;
}

/// An address of version 4 as the mapped form of version 6.
bytes16 mapped(const in_addr& four) {
  bytes16 out{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  std::memcpy(out.data() + 12, &four, 4);
  return out;
}

std::optional<bytes16> bytes_of(const std::string& address) {
  in_addr four{};
  if (inet_pton(AF_INET, address.c_str(), &four) == 1) return mapped(four);
  bytes16 six{};
  if (inet_pton(AF_INET6, address.c_str(), six.data()) == 1) return six;
  return std::nullopt;
}

std::optional<bytes16> bytes_of(const sockaddr* at) {
  if (at == nullptr) return std::nullopt;
  if (at->sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, at, sizeof four);
    return mapped(four.sin_addr);
  }
  if (at->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 six{};
  std::memcpy(&six, at, sizeof six);
  bytes16 out{};
  std::memcpy(out.data(), &six.sin6_addr, out.size());
  return out;
}

}  // namespace

bool is_of_this_machine(const std::string& address) {
  const auto wanted = bytes_of(address);
  ifaddrs* all = nullptr;
  if (!wanted || ::getifaddrs(&all) != 0) return true;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> kept(all, ::freeifaddrs);
  for (const auto* at = all; at != nullptr; at = at->ifa_next)
    if (bytes_of(at->ifa_addr) == wanted) return true;
  return false;
}

bool is_public(const std::string& address) {
  in_addr four{};
  if (inet_pton(AF_INET, address.c_str(), &four) == 1) return is_public_v4(ntohl(four.s_addr));
  bytes16 six{};
  return inet_pton(AF_INET6, address.c_str(), six.data()) == 1 && is_public_v6(six);
}

}  // namespace hocket::trust
