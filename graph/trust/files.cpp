#include "graph/trust/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "graph/trust/trial.hpp"

namespace hocket::trust {
namespace {

namespace fs = std::filesystem;

constexpr unsigned file_mode(readers who) { return who == readers::owner ? 0600 : 0644; }
constexpr unsigned folder_mode(readers who) { return who == readers::owner ? 0700 : 0777; }

tl::unexpected<error> outside(const std::string& path) {
  return fail("files.outside",
              fmt::format("{}: leads out of its folder; files are made beneath the output folder, "
                          "by relative names and through no link",
                          path));
}

tl::unexpected<error> not_ours(const std::string& path, std::string_view why) {
  return fail("files.not_ours", fmt::format("{}: {}", path, why));
}

tl::unexpected<error> failed(const char* code, const std::string& path, int why) {
  if (why == EXDEV || why == ELOOP) return outside(path);
  return fail(code, fmt::format("{}: {}", path, std::strerror(why)));
}

tl::unexpected<error> cannot_write(const std::string& path, int why) {
  return failed("files.cannot_write", path, why);
}

std::string joined(const std::string& folder, std::string_view name) {
  return (fs::path(folder) / name).string();
}

/// Why an open file is none that we may write to; "" where it is fine. Source code (`everyone`)
/// may belong to whoever shares the tree.
std::string_view fault_of(const struct stat& info, readers who) {
  if (!S_ISREG(info.st_mode)) return "is there and is no file; remove it or take another name";
  if (who == readers::owner && info.st_uid != ::geteuid())
    return "belongs to another user; remove it or take another folder";
  if (info.st_nlink > 1)
    return "is the same file as one elsewhere (a hard link); remove it or take another name";
  return "";
}

/// The folder's part of a name, and the last.
std::pair<std::string, std::string> split(std::string_view name) {
  const auto slash = name.rfind('/');
  if (slash == name.npos) return {"", std::string(name)};
  return {std::string(name.substr(0, slash)), std::string(name.substr(slash + 1))};
}

bool leads_out(std::string_view name) {
  if (name.empty() || name[0] == '/') return true;
  for (const auto& part : fs::path(name))
    if (part == "..") return true;
  return false;
}

/// Opens the folder `name` beneath, made where it is missing; negative: errno.
int open_folder(int at, const std::string& name) {
  std::size_t from = 0;
  int folder = at;
  while (from <= name.size()) {
    auto to = name.find('/', from);
    if (to == name.npos) to = name.size();
    const auto part = name.substr(from, to - from);
    from = to + 1;
    if (part.empty() || part == ".") continue;
    if (::mkdirat(folder, part.c_str(), 0700) != 0 && errno != EEXIST) {
      const int why = errno;
      if (folder != at) ::close(folder);
      return -why;
    }
    const int next = open_beneath(folder, part, O_RDONLY | O_DIRECTORY, 0, true);
    if (folder != at) ::close(folder);
    if (next == -ENOTDIR) return -ELOOP;
    if (next < 0) return next;
    folder = next;
  }
  return folder == at ? ::dup(at) : folder;
}

/// Opens the file `name` of the folder `at`, which is no path; `path` is for messages.
/// Whoever writes a file holds its lock; the kernel lets go of it whatever becomes of the process.
bool is_written(int at, const std::string& name) {
  const int fd = open_beneath(at, name, O_RDONLY | O_NONBLOCK, 0, true);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

result<file> open_file(int at, std::string name, const std::string& path, create_as how,
                       readers who) {
  struct stat info {};
  bool there = ::fstatat(at, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (there && S_ISLNK(info.st_mode)) return outside(path);
  if (there && how == create_as::replaced && S_ISREG(info.st_mode) && is_written(at, name))
    return fail("files.in_use",
                fmt::format("{}: is being written already, by another process or by another part "
                            "of this one; give it another name",
                            path));
  const bool replaces = there && S_ISREG(info.st_mode) && info.st_uid == ::geteuid();
  if (how == create_as::replaced && (!there || replaces)) {
    if (auto draft = name_on_trial(at, name, path, there); !draft.empty()) {
      name = std::move(draft);
      there = false;
    }
  } else if (how == create_as::kept || how == create_as::appended) {
    name = waiting_name(at, name);
  }
  if (there && how == create_as::fresh) return cannot_write(path, EEXIST);
  // What was planted as a second name of another file goes without being touched.
  if (there && how == create_as::replaced && S_ISREG(info.st_mode) && info.st_uid == ::geteuid())
    (void)::unlinkat(at, name.c_str(), 0);
  const int flags = O_RDWR | O_CREAT | O_NONBLOCK | (how == create_as::appended ? O_APPEND : 0);
  const int fd =
      open_beneath(at, name, flags | (how == create_as::fresh ? O_EXCL : 0), file_mode(who), true);
  if (fd < 0) return cannot_write(path, -fd);
  file out(fd, path);
  if (::fstat(fd, &info) != 0) return cannot_write(path, errno);
  if (const auto fault = fault_of(info, who); !fault.empty()) return not_ours(path, fault);
  // Where the old one could not go (a mount, a folder that others write to) it is emptied.
  if (how == create_as::replaced && info.st_size > 0 && ::ftruncate(fd, 0) != 0)
    return cannot_write(path, errno);
  if (who == readers::owner && (info.st_mode & 077) != 0 && ::fchmod(fd, 0600) != 0)
    return cannot_write(path, errno);
  (void)::fcntl(fd, F_SETFL, flags & O_APPEND);
  (void)::flock(fd, LOCK_EX | LOCK_NB);
  return out;
}

}  // namespace

file& file::operator=(file&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

file::~file() {
  if (fd_ >= 0) ::close(fd_);
}

result<void> file::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return cannot_write(path_, n < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

folder& folder::operator=(folder&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

folder::~folder() {
  if (fd_ >= 0) ::close(fd_);
}

result<folder> folder::open(const std::string& path, readers who) { return open(path, who, true); }

result<folder> folder::open(const std::string& path, readers who, bool ours_only) {
  if (path.empty()) return open(".", who, ours_only);
  auto bare = path;
  while (bare.size() > 1 && bare.back() == '/') bare.pop_back();
  std::vector<std::string> missing;
  struct stat info {};
  for (auto at = bare; !at.empty() && ::lstat(at.c_str(), &info) != 0 && errno == ENOENT;
       at = fs::path(at).parent_path().string())
    missing.push_back(at);
  for (auto it = missing.rbegin(); it != missing.rend(); ++it)
    if (::mkdir(it->c_str(), folder_mode(who)) != 0 && errno != EEXIST)
      return cannot_write(*it, errno);
  if (::lstat(bare.c_str(), &info) != 0) return cannot_write(path, errno);
  const auto ours = [&] { return !ours_only || info.st_uid == ::geteuid() || info.st_uid == 0; };
  if (!ours())
    return not_ours(path,
                    "belongs to another user, who decides what lies in it; take a folder of "
                    "your own");
  const int fd = ::open(bare.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return cannot_write(path, errno);
  folder out(fd, path);
  if (::fstat(fd, &info) != 0) return cannot_write(path, errno);
  if (!ours()) return not_ours(path, "leads to a folder of another user; take one of your own");
  return out;
}

result<file> folder::create(std::string_view name, create_as how, readers who) const {
  const auto path = joined(path_, name);
  if (leads_out(name)) return outside(std::string(name));
  const auto [above, last] = split(name);
  if (last.empty() || last == ".") return cannot_write(path, EISDIR);
  const int at = open_folder(fd_, above);
  if (at < 0) return cannot_write(path, -at);
  auto out = open_file(at, last, path, how, who);
  ::close(at);
  return out;
}

result<void> folder::write(std::string_view name, std::string_view bytes, readers who,
                           bool sync) const {
  static std::atomic<unsigned> counter{0};
  const auto path = joined(path_, name);
  if (leads_out(name)) return outside(std::string(name));
  const auto [above, last] = split(name);
  if (last.empty() || last == ".") return cannot_write(path, EISDIR);
  const int at = open_folder(fd_, above);
  if (at < 0) return cannot_write(path, -at);
  const file closes(at, "");
  struct stat info {};
  if (::fstatat(at, last.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISLNK(info.st_mode)) return outside(path);
    info.st_nlink = 1;  // a second name of another file only goes
    if (const auto fault = fault_of(info, who); !fault.empty()) return not_ours(path, fault);
  }
  const auto draft = fmt::format(".{}.{}.{}", last, ::getpid(), counter++);
  const auto made = open_file(at, draft, path, create_as::fresh, who);
  if (!made) return fail(made);
  auto done = made->write(bytes);
  // A crash must leave the old file or the new one, never an empty one.
  if (done && sync && ::fsync(made->fd()) != 0 && errno != EINVAL) done = cannot_write(path, errno);
  if (done && ::renameat(at, draft.c_str(), at, last.c_str()) != 0)
    done = cannot_write(path, errno);
  if (!done) (void)::unlinkat(at, draft.c_str(), 0);
  return done;
}

result<std::string> folder::read(std::string_view name, std::uint64_t max_bytes) const {
  const auto path = joined(path_, name);
  if (leads_out(name)) return outside(std::string(name));
  const file in(open_beneath(fd_, std::string(name), O_RDONLY | O_NONBLOCK, 0, true), path);
  if (in.fd() < 0) return failed("files.cannot_read", path, -in.fd());
  struct stat info {};
  if (::fstat(in.fd(), &info) != 0) return failed("files.cannot_read", path, errno);
  if (!S_ISREG(info.st_mode)) return not_ours(path, "is no file");
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return not_ours(path, "belongs to another user; remove it if you did not expect it");
  if ((info.st_mode & 022) != 0)
    return not_ours(path, "others can write to it; remove it, or chmod 600 it if you trust it");
  if (static_cast<std::uint64_t>(info.st_size) > max_bytes)
    return failed("files.cannot_read", path, EFBIG);
  std::string out(static_cast<std::size_t>(info.st_size), '\0');
  for (std::size_t have = 0; have < out.size();) {
    const auto n = ::pread(in.fd(), out.data() + have, out.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("files.cannot_read", path, errno);
    if (n == 0) out.resize(have);
    have += static_cast<std::size_t>(n);
  }
  return out;
}

result<folder> folder::sub(std::string_view name) const {
  const auto path = joined(path_, name);
  if (leads_out(name)) return outside(std::string(name));
  const int fd = open_folder(fd_, std::string(name));
  if (fd < 0) return cannot_write(path, -fd);
  folder out(fd, path);
  struct stat info {};
  if (::fstat(fd, &info) != 0) return cannot_write(path, errno);
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return not_ours(path, "belongs to another user; take another output folder");
  return out;
}

result<void> folder::remove(std::string_view name) const {
  const auto path = joined(path_, name);
  if (leads_out(name)) return outside(std::string(name));
  const auto [above, last] = split(name);
  const int at =
      above.empty() ? ::dup(fd_) : open_beneath(fd_, above, O_RDONLY | O_DIRECTORY, 0, true);
  if (at == -ENOENT) return {};
  if (at < 0) return cannot_write(path, -at);
  const file closes(at, "");
  if (::unlinkat(at, last.c_str(), 0) != 0 && errno != ENOENT) return cannot_write(path, errno);
  return {};
}

result<std::pair<folder, std::string>> folder::above(const std::string& path, readers who) {
  const auto [folders, last] = split(path);
  auto in = open(!folders.empty() ? folders : path.starts_with('/') ? "/" : ".", who, false);
  if (!in) return fail(in);
  return std::pair(std::move(*in), last);
}

result<file> create_file(const std::string& path, create_as how, readers who) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (S_ISCHR(info.st_mode) || S_ISFIFO(info.st_mode))) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return cannot_write(path, errno);
    return file(fd, path);
  }
  const auto in = folder::above(path, who);
  if (!in) return fail(in);
  auto out = in->first.create(in->second, how, who);
  if (!out) return out;
  return file(out->release(), path);
}

result<void> write_file(const std::string& path, std::string_view bytes, readers who) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (S_ISCHR(info.st_mode) || S_ISFIFO(info.st_mode))) {
    const auto out = create_file(path, create_as::kept, who);
    return out ? out->write(bytes) : fail(out);
  }
  const auto in = folder::above(path, who);
  return in ? in->first.write(in->second, bytes, who) : fail(in);
}

result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return cannot_write(to, errno);
  return {};
}

result<std::string> folder::stamp_of(std::string_view name) const {
  const auto path = joined(path_, name);
  struct stat info {};
  if (leads_out(name)) return outside(std::string(name));
  if (::fstatat(fd_, std::string(name).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return failed("files.cannot_read", path, errno);
  return fmt::format("{}:{}.{:09}", info.st_ino, info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
}

result<std::string> beneath(const std::string& folder_path, const std::string& name) {
  if (name.empty()) return outside(name);
  fs::path relative(name);
  if (relative.is_absolute()) {
    std::error_code ignored;
    relative = relative.lexically_normal().lexically_relative(
        fs::absolute(folder_path, ignored).lexically_normal());
  }
  const auto out = relative.string();
  return leads_out(out) || out == "." ? result<std::string>(outside(name)) : out;
}

}  // namespace hocket::trust
