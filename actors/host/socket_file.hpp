#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <utility>

#include "graph/core/result.hpp"

namespace hocket::host {

/// The address of a Unix socket that is a file, however long its path: the kernel takes 107 bytes, an
/// output folder may lie deeper. A long one is named through a descriptor of its folder, so that the
/// socket lies where everybody looks for it. Keep it until bind() or connect() returned.
class socket_file {
 public:
  /// Errors: the system's, with errno left as it was.
  static result<socket_file> at(const std::string& path);
  socket_file(socket_file&& other) noexcept
      : address_(other.address_), folder_(std::exchange(other.folder_, -1)) {}
  socket_file& operator=(socket_file&&) = delete;
  ~socket_file();

  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static constexpr unsigned size_bytes = sizeof(sockaddr_un);

 private:
  socket_file() = default;
  sockaddr_un address_{};
  int folder_ = -1;
};

}  // namespace hocket::host
