#include "actors/gateway/tinker/leftovers.hpp"

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "actors/gateway/tinker/store.hpp"

namespace hocket::tinker {
namespace {

namespace fs = std::filesystem;

/// The number behind the last dot, which is taken off.
std::optional<int> take_number(std::string_view& name) {
  const auto dot = name.rfind('.');
  constexpr std::size_t most_digits = 10;
  if (dot == name.npos || dot + 1 == name.size() || name.size() - dot - 1 > most_digits)
    return std::nullopt;
  std::int64_t value = 0;
  for (const char c : name.substr(dot + 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (value > INT_MAX) return std::nullopt;
  name = name.substr(0, dot);
  return static_cast<int>(value);
}

/// Who began to write a file and has not renamed it: `.NAME.PROCESS.NUMBER` (trust::folder::write).
std::optional<int> drafting_process(std::string_view name) {
  if (!name.starts_with('.') || !take_number(name)) return std::nullopt;
  const auto process = take_number(name);
  if (!process || !(name.ends_with(".data") || name.ends_with(".json"))) return std::nullopt;
  return process;
}

/// This process has begun nothing yet: one of its number was before it (in containers all have the same).
bool is_gone(int process) {
  return process == ::getpid() || (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH);
}

/// Whoever writes a file holds its lock (trust::folder::write), in whichever container its number is.
bool is_written(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return true;  // nothing is known of it
  const bool held = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
  ::close(fd);
  return held;
}

bool is_old(const fs::directory_entry& e) {
  std::error_code failed;
  const auto written = e.last_write_time(failed);
  return !failed && fs::file_time_type::clock::now() - written > std::chrono::hours(1);
}

/// A draft that is still empty may be one whose writer has not taken its lock yet.
bool is_dead_draft(const fs::directory_entry& e, int process) {
  std::error_code failed;
  const auto size = e.file_size(failed);
  return !failed && (size > 0 || is_old(e)) && is_gone(process) && !is_written(e.path());
}

/// `name`: from the folder of checkpoints. Data lie where the store writes them, and nowhere else.
bool is_data_of_store(const fs::path& name) {
  auto without = name;
  return name.extension() == ".data" &&
         parse_path("tinker://" + without.replace_extension().generic_string());
}

bool is_leftover(const fs::directory_entry& e, const fs::path& part) {
  std::error_code failed;
  if (e.is_symlink(failed) || !e.is_regular_file(failed)) return false;
  if (const auto process = drafting_process(e.path().filename().string()))
    return is_dead_draft(e, *process);
  if (!is_data_of_store(e.path().lexically_relative(part))) return false;
  auto record = e.path();
  if (fs::exists(record.replace_extension(".json"), failed) || failed) return false;
  return is_old(e);
}

}  // namespace

void remove_leftovers(const trust::folder& folder) {
  std::vector<fs::path> found;
  std::error_code failed;
  // The folder may be anybody's (`--out .`): only what the store itself makes there is looked at.
  for (const char* name : {"checkpoints", "runs"}) {
    const auto part = fs::path(folder.path()) / name;
    for (fs::recursive_directory_iterator at(part, failed), end; at != end; at.increment(failed))
      if (is_leftover(*at, part)) found.push_back(at->path());
  }
  for (const auto& path : found)
    (void)folder.remove(fs::relative(path, folder.path(), failed).string());
}

}  // namespace hocket::tinker
