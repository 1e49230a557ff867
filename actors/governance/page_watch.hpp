// Which pages of a database SQLite writes. Internal to this folder.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

struct sqlite3_vfs;

namespace hocket::governance {

/// SQLite's access to files, under a name of its own, that keeps the SHA-256 of every page of a database as it
/// is written. It must outlive the database. *Threads*: one database, whose mutex is held.
class page_watch {
 public:
  explicit page_watch(std::size_t page_bytes);
  ~page_watch();
  page_watch(const page_watch&) = delete;
  page_watch& operator=(const page_watch&) = delete;

  /// For sqlite3_open_v2; null where SQLite lets nobody in between.
  const char* name() const;
  /// Pages written since the last call, by number from 0, with the sum of what they hold now; "" where it is
  /// not known, since less than a page was written.
  std::map<std::size_t, std::string> take();

 private:
  struct access;
  std::unique_ptr<access> access_;
};

}  // namespace hocket::governance
