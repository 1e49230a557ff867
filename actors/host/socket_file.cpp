#include "actors/host/socket_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

namespace hocket::host {

result<socket_file> socket_file::at(const std::string& path) {
  socket_file out;
  out.address_.sun_family = AF_UNIX;
  auto name = path;
  if (name.size() >= sizeof out.address_.sun_path) {
    const std::filesystem::path whole(path);
    const auto folder = whole.parent_path().string();
    out.folder_ = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (out.folder_ < 0)
      return fail("host.no_socket", fmt::format("{}: {}", path, std::strerror(errno)));
    name = fmt::format("/proc/self/fd/{}/{}", out.folder_, whole.filename().string());
  }
  if (name.size() >= sizeof out.address_.sun_path) {
    errno = ENAMETOOLONG;
    return fail("host.no_socket", path + ": the name is too long for a socket");
  }
  std::memcpy(out.address_.sun_path, name.c_str(), name.size() + 1);
  return out;
}

socket_file::~socket_file() {
  if (folder_ >= 0) ::close(folder_);
}

}  // namespace hocket::host
