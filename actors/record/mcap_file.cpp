#include "actors/record/mcap_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "graph/trust/sealed/sealed.hpp"

namespace hocket::record {
namespace {

tl::unexpected<error> cannot(mcap_error what, const std::string& path, int why) {
  return fail(what, path + ": " + std::strerror(why));
}

class file_sink final : public byte_sink {
 public:
  file_sink(trust::file to, std::size_t reserve_bytes)
      : file_(std::move(to)), fd_(file_.fd()), path_(file_.path()), reserve_bytes_(reserve_bytes) {}
  ~file_sink() override {
    // Gives the room back that was allocated beyond the end.
    [[maybe_unused]] const auto done = ::ftruncate(fd_, end_);
  }

  result<void> append(std::string_view bytes) override {
    HOCKET_TRY(allocate(static_cast<std::int64_t>(bytes.size())));
    auto at = end_;
    for (auto rest = bytes; !rest.empty();) {
      const auto n = ::pwrite(fd_, rest.data(), rest.size(), at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const auto why = n == 0 ? ENOSPC : errno;
        [[maybe_unused]] const auto undone = ::ftruncate(fd_, end_);
        allocated_to_ = end_;
        return cannot(mcap_error::cannot_write, path_, why);
      }
      rest.remove_prefix(static_cast<std::size_t>(n));
      at += n;
    }
    end_ = at;
    return {};
  }

  result<void> sync() override {
    if (::fdatasync(fd_) != 0 && errno != EINVAL)
      return cannot(mcap_error::cannot_write, path_, errno);
    return {};
  }

  void begin_end() override { reserve_bytes_ = 0; }

 private:
  result<void> allocate(std::int64_t n) {
    const auto wanted = end_ + n + static_cast<std::int64_t>(reserve_bytes_);
    if (!can_allocate_ || reserve_bytes_ == 0 || wanted <= allocated_to_) return {};
    if (::fallocate(fd_, FALLOC_FL_KEEP_SIZE, end_, wanted - end_) == 0) {
      allocated_to_ = wanted;
    } else if (errno == ENOSPC || errno == EDQUOT) {
      return cannot(mcap_error::cannot_write, path_, errno);
    } else {
      can_allocate_ = false;  // not on this file system
    }
    return {};
  }

  const trust::file file_;
  const int fd_;
  const std::string& path_;
  std::size_t reserve_bytes_;
  std::int64_t end_ = 0;
  std::int64_t allocated_to_ = 0;
  bool can_allocate_ = true;
};

class file_source final : public byte_source {
 public:
  file_source(int fd, std::string path, std::uint64_t size_bytes)
      : fd_(fd), path_(std::move(path)), size_bytes_(size_bytes) {}
  ~file_source() override { ::close(fd_); }
  std::uint64_t size_bytes() const override { return size_bytes_; }
  result<buffer> read(std::uint64_t offset_bytes, std::size_t n) const override {
    if (offset_bytes > size_bytes_ || n > size_bytes_ - offset_bytes)
      return fail(mcap_error::torn, path_ + ": ends too early");
    std::vector<char> out(n);
    for (std::size_t have = 0; have < n;) {
      const auto got =
          ::pread(fd_, out.data() + have, n - have, static_cast<off_t>(offset_bytes + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return cannot(mcap_error::cannot_read, path_, errno);
      if (got == 0) return fail(mcap_error::torn, path_ + ": became shorter while it was read");
      have += static_cast<std::size_t>(got);
    }
    return buffer::take(std::move(out));
  }

 private:
  const int fd_;
  const std::string path_;
  const std::uint64_t size_bytes_;
};

class memory final : public byte_source {
 public:
  explicit memory(const std::string& bytes)
      : all_(buffer::take(std::vector<char>(bytes.begin(), bytes.end()))) {}
  std::uint64_t size_bytes() const override { return all_.size_bytes(); }
  result<buffer> read(std::uint64_t offset_bytes, std::size_t n) const override {
    if (offset_bytes > all_.size_bytes() || n > all_.size_bytes() - offset_bytes)
      return fail(mcap_error::torn, "ends too early");
    return all_.slice(static_cast<std::size_t>(offset_bytes), n);
  }

 private:
  buffer all_;
};

}  // namespace

result<std::unique_ptr<byte_sink>> open_sink(const std::string& path, std::size_t reserve_bytes) {
  // Sizes and gaps are written after what is behind them.
  struct stat st {};
  const auto no_file = [&] {
    return fail(mcap_error::cannot_write,
                path + ": a pipe or a terminal takes no recording; give a file");
  };
  if (::stat(path.c_str(), &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
    return no_file();
  auto to = trust::create_file(path);
  if (!to) return fail(mcap_error::cannot_write, to.error().message);
  if (::lseek(to->fd(), 0, SEEK_CUR) < 0) return no_file();
  return make_sink(std::move(*to), reserve_bytes);
}

result<std::unique_ptr<byte_sink>> make_sink(trust::file to, std::size_t reserve_bytes) {
  const auto key = trust::sealing_key();
  if (!key) return fail(key);
  auto made = std::make_unique<file_sink>(std::move(to), reserve_bytes);
  if (key->empty()) return made;
  return sealing_sink(std::move(made), *key);
}

result<std::unique_ptr<byte_source>> open_source(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return cannot(mcap_error::cannot_read, path, errno);
  struct stat st {};
  if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    ::close(fd);
    return fail(mcap_error::cannot_read, path + ": not a file");
  }
  auto made = std::make_unique<file_source>(fd, path, static_cast<std::uint64_t>(st.st_size));
  const auto head = made->read(0, std::min<std::size_t>(made->size_bytes(), 8));
  if (!head || !trust::is_sealed(
                   {reinterpret_cast<const char*>(head->bytes().data()), head->bytes().size()}))
    return made;
  const auto key = trust::sealing_key();
  if (!key) return fail(key);
  if (key->empty()) return fail(trust::needs_key(path).code, trust::needs_key(path).message);
  auto inside = unsealing_source(std::move(made), *key);
  if (!inside) return fail(inside.error().code, path + ": " + inside.error().message);
  return inside;
}

std::unique_ptr<byte_source> memory_source(std::string bytes) {
  return std::make_unique<memory>(bytes);
}

}  // namespace hocket::record
