#include "actors/governance/ledger_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace hocket::governance {
namespace {

/// A ledger of ours, by no look but stat's. Of whatever is in doubt `create` says what is wrong with it.
bool is_there(const trust::folder& in, const std::filesystem::path& name) {
  const auto look = [&](int at) {
    struct stat s {};
    return ::fstatat(at, name.filename().c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(s.st_mode) && s.st_size > 0 && s.st_nlink == 1 && s.st_uid == ::geteuid() &&
           (s.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  };
  if (!name.has_parent_path()) return look(in.fd());
  const auto above = in.sub(name.parent_path().string());
  return above && look(above->fd());
}

}  // namespace

result<std::string> ledger_file(const trust::capability& may, const std::string& name) {
  const auto relative = trust::beneath(may.output_dir(), name);
  if (!relative) return fail(relative);
  if (const auto in = trust::folder::open(may.output_dir()); in && is_there(*in, *relative))
    return (std::filesystem::path(in->path()) / *relative).string();
  const auto made = may.create(name, trust::create_as::kept);
  if (!made) return fail(made);
  return made->path();
}

}  // namespace hocket::governance
