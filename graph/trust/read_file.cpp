#include "graph/trust/read_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "graph/trust/files.hpp"

namespace hocket::trust {
namespace {

/// A descriptor by its number alone: `/dev/fd/../zero` is another file.
bool is_handed_over(const std::string& path) {
  if (path == "/dev/stdin") return true;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"})
    if (path.starts_with(folder))
      return path.size() > folder.size() &&
             path.find_first_not_of("0123456789", folder.size()) == path.npos;
  return false;
}

tl::unexpected<error> cannot_read(const std::string& path, const char* why) {
  return fail("files.cannot_read", path + ": " + why);
}

result<std::string> all_of(const file& in, const std::string& path, std::uint64_t max_bytes) {
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

}  // namespace

result<std::string> read_given_file(const std::string& path, std::uint64_t max_bytes) {
  const bool handed_over = is_handed_over(path);
  const file in(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | (handed_over ? 0 : O_NONBLOCK)), path);
  struct stat info {};
  if (in.fd() < 0 || ::fstat(in.fd(), &info) != 0) return cannot_read(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode) && !(handed_over && (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode))))
    return cannot_read(path, S_ISDIR(info.st_mode) ? "a folder" : "no plain file");
  return all_of(in, path, max_bytes);
}

namespace {

/// Files that the kernel makes up when they are read: `/proc/self/environ` is a private file of this
/// user's, too, and holds what no file of secrets holds.
bool is_made_up(int fd) {
  struct statfs info {};
  if (::fstatfs(fd, &info) != 0) return false;
  constexpr std::array<std::uint32_t, 9> made_up = {
      PROC_SUPER_MAGIC,   SYSFS_MAGIC,         DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC,
      CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, SELINUX_MAGIC, EFIVARFS_MAGIC};
  return std::find(made_up.begin(), made_up.end(), static_cast<std::uint32_t>(info.f_type)) !=
         made_up.end();
}

}  // namespace

result<std::string> read_private_file(const std::string& path, std::uint64_t max_bytes) {
  const file in(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), path);
  struct stat info {};
  if (in.fd() < 0 || ::fstat(in.fd(), &info) != 0) return cannot_read(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return cannot_read(path, "no plain file");
  if (is_made_up(in.fd()))
    return cannot_read(path, "the kernel makes up what it holds; a file on a disk is needed");
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return cannot_read(path, "belongs to another user, who knows what it holds");
  if ((info.st_mode & 077) != 0) return cannot_read(path, "others can read it; chmod 600 it");
  return all_of(in, path, max_bytes);
}

}  // namespace hocket::trust
