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

#include <signal.h>
#include <unistd.h>

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

bool is_leftover(const fs::directory_entry& e) {
  std::error_code failed;
  if (!e.is_regular_file(failed)) return false;
  const auto name = e.path().filename().string();
  if (const auto process = drafting_process(name)) return is_gone(*process);
  if (e.path().extension() != ".data") return false;
  auto record = e.path();
  if (fs::exists(record.replace_extension(".json"), failed) || failed) return false;
  const auto written = e.last_write_time(failed);
  return !failed && fs::file_time_type::clock::now() - written > std::chrono::hours(1);
}

}  // namespace

void remove_leftovers(const trust::folder& folder) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(folder.path(), failed), end; at != end;
       at.increment(failed))
    if (is_leftover(*at)) found.push_back(at->path());
  for (const auto& path : found)
    (void)folder.remove(fs::relative(path, folder.path(), failed).string());
}

}  // namespace hocket::tinker
