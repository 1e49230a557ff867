#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "graph/core/result.hpp"

/// The one place that creates files: private ones, never through a link, never into a file or folder
/// of somebody else. `tools/check files` forbids it elsewhere.
namespace hocket::trust {

/// What becomes of a file that is there already.
enum class create_as {
  replaced,  ///< it goes, a new one takes its name
  kept,      ///< it is opened and keeps what it holds; writing begins at its start
  appended,  ///< it is opened and every write goes to its end
  fresh,     ///< that is an error
};

/// Who may read a new file. Whatever holds words, sound, pictures, names or figures of a run is the
/// owner's alone; `everyone` (to read, as the umask says) is for source code, units and public keys.
enum class readers { owner, everyone };

/// An open file, closed with the object. Positions and sizes are the caller's.
class file {
 public:
  file() = default;
  file(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  file(file&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  file& operator=(file&& other) noexcept;
  ~file();

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }
  /// Hands the descriptor over: whoever takes it closes it.
  int release() { return std::exchange(fd_, -1); }
  /// Writes all of it, waiting where the kernel takes less. Errors: files.cannot_write with the
  /// system's words; what was written until then stays.
  result<void> write(std::string_view bytes) const;

 private:
  int fd_ = -1;
  std::string path_;
};

/// A folder beneath which files are made. It stays the same folder should its path be replaced.
///
/// Names are relative: `a/b.wav` makes `a` (0700). Refused with `files.outside`: absolute names,
/// `..`, and links on the way. Refused with `files.not_ours`: what belongs to another user, has a
/// second name (a hard link), or is no file. Else `files.cannot_write`, `files.cannot_read` with the
/// system's words. Every message begins with the path. Threads: any.
class folder {
 public:
  /// Opens it; makes it (0700, its parents too) where it is missing. Its owner must be the user or
  /// root. `path` is the operator's own: links in it are followed where the user or root made them.
  static result<folder> open(const std::string& path, readers who = readers::owner);
  folder(folder&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  folder& operator=(folder&& other) noexcept;
  ~folder();

  const std::string& path() const { return path_; }
  int fd() const { return fd_; }  ///< for flock and the like

  /// The file is 0600 (`everyone`: 0644 less the umask), opened to read and write.
  result<file> create(std::string_view name, create_as how = create_as::replaced,
                      readers who = readers::owner) const;
  /// Writes a whole file or none: readers see the old one or the new one. With `sync` after a power
  /// cut, too, which takes milliseconds to tens of them.
  result<void> write(std::string_view name, std::string_view bytes, readers who = readers::owner,
                     bool sync = true) const;
  /// What a file of ours holds: its owner is the user or root, and nobody else can write to it.
  result<std::string> read(std::string_view name, std::uint64_t max_bytes = 256u << 20) const;
  /// What a file has since it was made here and no copy or archive of it can have: its number and
  /// when it was last changed, which nobody can set. Errors: files.cannot_read.
  result<std::string> stamp_of(std::string_view name) const;
  /// Makes a folder beneath (0700) where it is missing, and opens it.
  result<folder> sub(std::string_view name) const;
  /// Removes a file; one that is not there is fine.
  result<void> remove(std::string_view name) const;

  /// The folder that a path of the operator's lies in, whoever owns it, and the path's last part.
  static result<std::pair<folder, std::string>> above(const std::string& path, readers who);

 private:
  static result<folder> open(const std::string& path, readers who, bool ours_only);
  folder(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::string path_;
};

/// For a path that the operator named on the command line: its folder is made where it is missing,
/// the last component is never followed. `/dev/stdout`, pipes and the like are written to as they
/// are. Errors: as folder's.
result<file> create_file(const std::string& path, create_as how = create_as::replaced,
                         readers who = readers::owner);
/// The same, whole or not at all.
result<void> write_file(const std::string& path, std::string_view bytes,
                        readers who = readers::owner);

/// Gives a whole file another's name, whose file goes. Errors: files.cannot_write.
result<void> rename_file(const std::string& from, const std::string& to);

/// `name` as one that lies beneath: "out/a.wav" for folder "out" is "a.wav" only where it is
/// absolute. Errors: files.outside.
result<std::string> beneath(const std::string& folder_path, const std::string& name);

/// Opens `name` beneath `folder_fd` and through no link; negative: errno. `by_kernel` false: the way
/// for kernels without openat2 (before 5.6), component by component.
int open_beneath(int folder_fd, const std::string& name, int flags, unsigned mode, bool by_kernel);

}  // namespace hocket::trust
