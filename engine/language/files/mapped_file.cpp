#include "engine/language/files/mapped_file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hocket::language {
namespace {

/// A descriptor that closes itself.
struct descriptor {
  int number = -1;
  ~descriptor() {
    if (number >= 0) ::close(number);
  }
};

tl::unexpected<error> io_error(const std::string& path, const std::string& what) {
  return fail("model_file.io", path + ": " + what);
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

result<std::shared_ptr<const mapped_file>> mapped_file::open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO that nobody writes to must not wait.
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (file.number < 0) return io_error(path, std::string("cannot open: ") + std::strerror(errno));
  struct stat about {};
  if (::fstat(file.number, &about) != 0)
    return io_error(path, std::string("cannot look at it: ") + std::strerror(errno));
  if (!S_ISREG(about.st_mode))
    return io_error(path, std::string("is ") + kind_of(about.st_mode) + ", not a regular file");
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size == 0) return std::shared_ptr<const mapped_file>(new mapped_file(nullptr, 0));
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
  if (at == MAP_FAILED) return io_error(path, std::string("cannot map: ") + std::strerror(errno));
  return std::shared_ptr<const mapped_file>(
      new mapped_file(static_cast<const std::byte*>(at), size));
}

mapped_file::~mapped_file() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

result<std::string> read_text(const std::string& path, std::size_t limit_bytes) {
  const auto file = mapped_file::open(path);
  if (!file) return fail(file);
  const auto bytes = (*file)->bytes();
  if (bytes.size() > limit_bytes)
    return io_error(path, "has " + std::to_string(bytes.size()) + " bytes; at most " +
                              std::to_string(limit_bytes) + " are read");
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace hocket::language
