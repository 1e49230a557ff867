#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "graph/core/result.hpp"

namespace hocket::language {

/// A regular file, mapped read-only. Pages are read when they are touched, so opening a model of
/// many GB costs nothing.
///
/// *Errors* (`model_file.io`): missing, unreadable, no regular file (a FIFO, a device, a folder:
/// opening one never waits). *Memory*: the mapping lives as long as the object; a file that another
/// program cuts short meanwhile ends in SIGBUS, as with every mapped file. *Threads*: immutable.
class mapped_file {
 public:
  static result<std::shared_ptr<const mapped_file>> open(const std::string& path);
  ~mapped_file();
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  mapped_file(const std::byte* data, std::size_t size) : data_(data), size_(size) {}
  const std::byte* data_;
  std::size_t size_;
};

/// The text of a small regular file. *Errors* (`model_file.io`): as above, or over `limit_bytes`,
/// which is compared with the file's size before anything is read.
result<std::string> read_text(const std::string& path, std::size_t limit_bytes);

}  // namespace hocket::language
