#include "graph/trust/code_file.hpp"

#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

namespace hocket::trust {
namespace {

namespace fs = std::filesystem;

constexpr const char* wild = "*?[";
constexpr int most_links = 40;  // the kernel's limit

/// With every link resolved as far as the path exists; "": it cannot be.
fs::path real(const fs::path& path) {
  std::error_code failed;
  const auto whole = fs::weakly_canonical(fs::absolute(path, failed), failed);
  return failed ? fs::path() : whole;
}

/// Who could change what is there, but for this user and root; "": nobody. `above`: a folder over the
/// one that holds the file; `end`: the file itself, or the folder that was asked for.
std::string_view who_else(const struct stat& info, bool above, bool end) {
  // In a user namespace what root has outside of it shows up as this user's.
  constexpr uid_t overflow = 65534;
  if (info.st_uid != ::geteuid() && info.st_uid != 0 && !(above && info.st_uid == overflow))
    return "another user";
  if (S_ISLNK(info.st_mode)) return "";  // its owner and the folder decide; its mode says nothing
  // In a sticky folder nobody moves what is another's; new names anybody can put there.
  if (S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0 && !end) return "";
  if ((info.st_mode & S_IWOTH) != 0) return "everybody";
  // This process's own group has others in it, too; and an access list shows here.
  return (info.st_mode & S_IWGRP) != 0 ? "its group" : "";
}

tl::unexpected<error> cannot(const std::string& file, std::string_view why) {
  return fail("plugin.cannot_load", fmt::format("cannot load `{}`: {}", file, why));
}

}  // namespace

meant_files::meant_files(const std::vector<std::string>& patterns) {
  for (const auto& one : patterns) {
    const auto pattern = fs::path(one).lexically_normal();
    // What comes before the first wild part is a folder, whatever its name holds once links are resolved.
    fs::path folder, rest;
    for (const auto& part : pattern) {
      if (rest.empty() && part.native().find_first_of(wild) == std::string::npos)
        folder /= part;
      else
        rest /= part;
    }
    // From "." where it begins with the wild part.
    patterns_.push_back({real(pattern), real(folder.empty() ? "." : folder), rest.string()});
  }
}

bool meant_files::has(const std::string& file) const {
  const auto whole = real(file);
  return !whole.empty() && std::any_of(patterns_.begin(), patterns_.end(), [&](const auto& p) {
    if (p.whole == whole) return true;
    if (p.rest.empty()) return false;
    const auto below = whole.lexically_relative(p.folder);
    if (below.empty() || *below.begin() == "..") return false;
    return ::fnmatch(p.rest.c_str(), below.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
  });
}

// As the kernel walks it: whoever can change one folder, or one link, of the way decides where it ends.
result<void> check_unchangeable(const std::string& file) {
  std::error_code failed;
  const auto named = fs::absolute(file, failed);
  if (failed) return cannot(file, failed.message());
  fs::path at = "/";
  std::deque<fs::path> rest;
  const auto go_first = [&rest](const fs::path& way) {
    std::vector<fs::path> parts;
    for (const auto& part : way.relative_path())
      if (!part.empty() && part != ".") parts.push_back(part);
    rest.insert(rest.begin(), parts.begin(), parts.end());
  };
  go_first(named);
  for (int links = 0;;) {
    struct stat info {};
    if (::lstat(at.c_str(), &info) != 0) return cannot(file, std::strerror(errno));
    if (const auto who = who_else(info, rest.size() > 1, rest.empty()); !who.empty()) {
      const bool to_copy = who == "another user" || (info.st_mode & S_ISVTX) != 0;
      return cannot(file, fmt::format("{} can change {}; {}", who, at.string(),
                                      to_copy ? "copy it to where you alone can write"
                                              : "chmod go-w it if you trust what it holds"));
    }
    if (S_ISLNK(info.st_mode)) {
      if (++links > most_links) return cannot(file, std::strerror(ELOOP));
      const auto to = fs::read_symlink(at, failed);
      if (failed) return cannot(file, failed.message());
      go_first(to);
      at = to.is_absolute() ? fs::path("/") : at.parent_path();
      continue;
    }
    if (rest.empty()) return {};
    // `at` is no link here, so that what is above it is what its path says.
    at = rest.front() == ".." ? at.parent_path() : at / rest.front();
    rest.pop_front();
  }
}

}  // namespace hocket::trust
