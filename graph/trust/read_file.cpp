#include "graph/trust/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "graph/trust/files.hpp"

namespace hocket::trust {
namespace {

bool is_handed_over(const std::string& path) {
  return path == "/dev/stdin" || path.starts_with("/dev/fd/") || path.starts_with("/proc/self/fd/");
}

tl::unexpected<error> cannot_read(const std::string& path, const char* why) {
  return fail("files.cannot_read", path + ": " + why);
}

}  // namespace

result<std::string> read_given_file(const std::string& path, std::uint64_t max_bytes) {
  const bool handed_over = is_handed_over(path);
  const file in(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | (handed_over ? 0 : O_NONBLOCK)), path);
  struct stat info {};
  if (in.fd() < 0 || ::fstat(in.fd(), &info) != 0) return cannot_read(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode) && !(handed_over && (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode))))
    return cannot_read(path, S_ISDIR(info.st_mode) ? "a folder" : "no plain file");
  std::string out;
  char block[65536];
  for (;;) {
    const auto n = ::read(in.fd(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return cannot_read(path, std::strerror(errno));
    if (n == 0) return out;
    if (out.size() + static_cast<std::size_t>(n) > max_bytes)
      return fail("files.too_large",
                  path + ": holds more than " + std::to_string(max_bytes) + " bytes");
    out.append(block, static_cast<std::size_t>(n));
  }
}

}  // namespace hocket::trust
