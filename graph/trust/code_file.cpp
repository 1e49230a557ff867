#include "graph/trust/code_file.hpp"

#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

namespace hocket::trust {
namespace {

namespace fs = std::filesystem;

constexpr const char* wild = "*?[";

/// With every link resolved as far as the path exists; "": it cannot be.
fs::path real(const fs::path& path) {
  std::error_code failed;
  const auto whole = fs::weakly_canonical(fs::absolute(path, failed), failed);
  return failed ? fs::path() : whole;
}

bool means(const fs::path& pattern, const fs::path& file) {
  if (real(pattern) == file) return true;
  // What comes before the first wild part is a folder, whatever its name holds once links are resolved.
  fs::path folder, rest;
  for (const auto& part : pattern) {
    if (rest.empty() && part.native().find_first_of(wild) == std::string::npos)
      folder /= part;
    else
      rest /= part;
  }
  if (rest.empty()) return false;
  const auto below = file.lexically_relative(real(folder));
  if (below.empty() || *below.begin() == "..") return false;
  return ::fnmatch(rest.c_str(), below.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
}

/// Who could change what is there, but for this user and root; "": nobody.
std::string_view who_else(const struct stat& info) {
  if (info.st_uid != ::geteuid() && info.st_uid != 0) return "another user";
  // In a sticky folder nobody moves what is another's.
  if (S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0) return "";
  if ((info.st_mode & S_IWOTH) != 0) return "everybody";
  return (info.st_mode & S_IWGRP) != 0 && info.st_gid != ::getegid() ? "its group" : "";
}

}  // namespace

bool is_meant(const std::string& file, const std::vector<std::string>& patterns) {
  const auto whole = real(file);
  return !whole.empty() && std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) {
    return means(fs::path(p).lexically_normal(), whole);
  });
}

result<void> check_unchangeable(const std::string& file) {
  const auto whole = real(file);
  struct stat info {};
  for (const auto& one : {whole, whole.parent_path()}) {
    if (::stat(one.c_str(), &info) != 0) continue;
    if (const auto who = who_else(info); !who.empty())
      return fail("plugin.cannot_load",
                  fmt::format("cannot load `{}`: {} can change {}; {}", file, who, one.string(),
                              who == "another user" ? "copy it to where you alone can write"
                                                    : "chmod go-w it if you trust what it holds"));
  }
  return {};
}

}  // namespace hocket::trust
