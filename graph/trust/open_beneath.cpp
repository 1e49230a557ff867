#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "graph/trust/files.hpp"

namespace hocket::trust {
namespace {

int by_steps(int at, const std::string& name, int flags, unsigned mode) {
  int folder = at;
  const auto leave = [&](int out) {
    if (folder != at) ::close(folder);
    return out;
  };
  std::size_t from = 0;
  for (auto slash = name.find('/'); slash != name.npos; slash = name.find('/', from)) {
    const auto part = name.substr(from, slash - from);
    from = slash + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") return leave(-EXDEV);
    const int next =
        ::openat(folder, part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    const int why = errno;
    if (next < 0) return leave(why == ENOTDIR ? -ELOOP : -why);
    if (folder != at) ::close(folder);
    folder = next;
  }
  const auto last = name.substr(from);
  if (last == "..") return leave(-EXDEV);
  const int fd =
      ::openat(folder, last.empty() ? "." : last.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode);
  const int why = errno;
  return leave(fd < 0 ? -why : fd);
}

}  // namespace

int open_beneath(int folder_fd, const std::string& name, int flags, unsigned mode, bool by_kernel) {
  if (name.empty() || name.find('\0') != name.npos) return -EINVAL;
  if (name[0] == '/') return -EXDEV;
  if (by_kernel) {
    open_how how;
    std::memset(&how, 0, sizeof how);
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.mode = (flags & O_CREAT) != 0 ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    for (int tries = 0; tries < 8; ++tries) {
      const auto fd = ::syscall(SYS_openat2, folder_fd, name.c_str(), &how, sizeof how);
      if (fd >= 0) return static_cast<int>(fd);
      if (errno == EINTR || errno == EAGAIN) continue;
      // Old container runtimes answer EPERM to calls that they do not know.
      if (errno != ENOSYS && errno != EPERM) return -errno;
      break;
    }
  }
  return by_steps(folder_fd, name, flags, mode);
}

}  // namespace hocket::trust
