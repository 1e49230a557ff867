#include "tools/hocket/run/out_lock.hpp"

#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "graph/text/clean.hpp"

namespace hocket::cli {
namespace {

std::string holder(int fd) {
  std::array<char, 512> said{};
  const auto n = ::pread(fd, said.data(), said.size(), 0);
  std::string out(said.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  out = out.substr(0, out.find('\n'));
  return out.empty() ? "another process" : out;
}

}  // namespace

result<out_lock> out_lock::take(const std::string& folder, const std::string& who) {
  const auto in = trust::folder::open(folder);
  if (!in) return fail("run.cannot_write", in.error().message);
  auto file = in->create(file_name, trust::create_as::kept);
  if (!file) return fail("run.cannot_write", file.error().message);
  if (::flock(file->fd(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return fail("run.folder_in_use",
                fmt::format("{} is in use: {}", folder, clean_text(holder(file->fd()))));
  const auto line = fmt::format(
      "{}, process {}, since {:%Y-%m-%dT%H:%M:%SZ}\n", who, ::getpid(),
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
  // Only for people: a full disk leaves the lock without a name.
  if (::ftruncate(file->fd(), 0) == 0) (void)file->write(line);
  return out_lock(std::move(*file));
}

out_lock::~out_lock() {
  if (file_.fd() >= 0 && ::ftruncate(file_.fd(), 0) != 0) return;
}

}  // namespace hocket::cli
