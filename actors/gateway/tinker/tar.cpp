#include "actors/gateway/tinker/tar.hpp"

#include <cstring>

#include <fmt/format.h>

namespace hocket::tinker {
namespace {

/// One header block of 512 bytes.
std::string head_of(const std::string& name, std::size_t size) {
  std::string h(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) {
    std::memcpy(h.data() + at, text.data(), text.size());
  };
  put(0, name.substr(0, 99));
  put(100, "0000600"), put(108, "0000000"), put(116, "0000000");
  put(124, fmt::format("{:011o}", size)), put(136, "00000000000");
  put(148, "        "), put(156, "0");
  put(257, "ustar"), put(263, "00");
  unsigned sum = 0;
  for (const unsigned char c : h) sum += c;
  put(148, fmt::format("{:06o}", sum));
  h[154] = '\0';
  return h;
}

}  // namespace

std::string as_tar(const std::map<std::string, std::string>& files) {
  std::string out;
  for (const auto& [name, bytes] : files) {
    out += head_of(name, bytes.size()) + bytes;
    out.append((512 - bytes.size() % 512) % 512, '\0');
  }
  return out.append(1024, '\0');
}

}  // namespace hocket::tinker
