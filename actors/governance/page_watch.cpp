#include "actors/governance/page_watch.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "actors/governance/seal.hpp"

namespace hocket::governance {

/// The default access to files with one function in front: opening a database gives `watched_file`.
struct page_watch::access {
  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::string name;
  std::size_t page_bytes = 0;
  std::map<std::size_t, std::string> written;

  void note(const char* bytes, std::size_t count, std::size_t at) {
    const auto first = at / page_bytes, last = (at + count + page_bytes - 1) / page_bytes;
    for (auto page = first; page < last; ++page) {
      const auto begin = page * page_bytes;
      const bool is_whole = begin >= at && begin + page_bytes <= at + count;
      written[page] = is_whole ? page_sum(std::string_view(bytes + (begin - at), page_bytes)) : "";
    }
  }
};

namespace {

/// SQLite allocates it, with the real file behind it.
struct watched_file {
  sqlite3_file base;
  void* by;  ///< page_watch::access
};
sqlite3_file* real_of(sqlite3_file* f) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<watched_file*>(f) + 1);
}
const sqlite3_io_methods& real_methods(sqlite3_file* f) { return *real_of(f)->pMethods; }

}  // namespace

page_watch::page_watch(std::size_t page_bytes) : access_(std::make_unique<access>()) {
  static const auto write = [](sqlite3_file* f, const void* bytes, int count, sqlite3_int64 at) {
    const int done = real_methods(f).xWrite(real_of(f), bytes, count, at);
    // Also what was written in part: it is not what it was.
    auto& by = *static_cast<access*>(reinterpret_cast<watched_file*>(f)->by);
    by.note(static_cast<const char*>(bytes), static_cast<std::size_t>(count),
            static_cast<std::size_t>(at));
    return done;
  };
  // Version 1: neither shared memory nor mapped pages, which a ledger has not.
  static const sqlite3_io_methods methods = {
      1,
      [](sqlite3_file* f) { return real_methods(f).xClose(real_of(f)); },
      [](sqlite3_file* f, void* into, int count, sqlite3_int64 at) {
        return real_methods(f).xRead(real_of(f), into, count, at);
      },
      write,
      [](sqlite3_file* f, sqlite3_int64 size) {
        return real_methods(f).xTruncate(real_of(f), size);
      },
      [](sqlite3_file* f, int flags) { return real_methods(f).xSync(real_of(f), flags); },
      [](sqlite3_file* f, sqlite3_int64* size) {
        return real_methods(f).xFileSize(real_of(f), size);
      },
      [](sqlite3_file* f, int lock) { return real_methods(f).xLock(real_of(f), lock); },
      [](sqlite3_file* f, int lock) { return real_methods(f).xUnlock(real_of(f), lock); },
      [](sqlite3_file* f, int* out) { return real_methods(f).xCheckReservedLock(real_of(f), out); },
      [](sqlite3_file* f, int what, void* of) {
        return real_methods(f).xFileControl(real_of(f), what, of);
      },
      [](sqlite3_file* f) { return real_methods(f).xSectorSize(real_of(f)); },
      [](sqlite3_file* f) { return real_methods(f).xDeviceCharacteristics(real_of(f)); },
      nullptr,
      nullptr,
      nullptr,
      nullptr,
      nullptr,
      nullptr};
  auto& a = *access_;
  a.page_bytes = page_bytes;
  a.real = sqlite3_vfs_find(nullptr);
  if (a.real == nullptr) return;
  a.vfs = *a.real;
  a.name = fmt::format("hocket-{:x}", reinterpret_cast<std::uintptr_t>(&a));
  a.vfs.zName = a.name.c_str(), a.vfs.pNext = nullptr, a.vfs.pAppData = &a;
  a.vfs.szOsFile = a.real->szOsFile + static_cast<int>(sizeof(watched_file));
  a.vfs.xOpen = [](sqlite3_vfs* v, const char* path, sqlite3_file* f, int flags, int* given) {
    auto& by = *static_cast<access*>(v->pAppData);
    // Journals and the like are the default's own.
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return by.real->xOpen(by.real, path, f, flags, given);
    auto* file = new (f) watched_file{{nullptr}, &by};
    const int opened = by.real->xOpen(by.real, path, real_of(f), flags, given);
    if (real_of(f)->pMethods != nullptr) file->base.pMethods = &methods;
    return opened;
  };
  if (sqlite3_vfs_register(&a.vfs, 0) != SQLITE_OK) a.name.clear();
}

page_watch::~page_watch() {
  if (name() != nullptr) sqlite3_vfs_unregister(&access_->vfs);
}

const char* page_watch::name() const {
  return access_->name.empty() ? nullptr : access_->name.c_str();
}

std::map<std::size_t, std::string> page_watch::take() {
  return std::exchange(access_->written, {});
}

}  // namespace hocket::governance
