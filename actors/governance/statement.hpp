// One SQLite statement.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>

namespace hocket::governance {

/// One statement; closed with the object.
class statement {
 public:
  statement(sqlite3* db, const char* sql) {
    ok_ = sqlite3_prepare_v2(db, sql, -1, &it_, nullptr) == SQLITE_OK;
  }
  ~statement() { sqlite3_finalize(it_); }
  statement(const statement&) = delete;
  statement& operator=(const statement&) = delete;

  statement& with(int at, const std::string& text) {
    if (ok_)
      ok_ = sqlite3_bind_text(it_, at, text.data(), static_cast<int>(text.size()),
                              SQLITE_TRANSIENT) == SQLITE_OK;
    return *this;
  }
  statement& with(int at, std::int64_t n) {
    if (ok_) ok_ = sqlite3_bind_int64(it_, at, n) == SQLITE_OK;
    return *this;
  }
  /// SQLITE_ROW, SQLITE_DONE, or what went wrong.
  int step() { return ok_ ? sqlite3_step(it_) : SQLITE_ERROR; }
  bool done() { return step() == SQLITE_DONE; }
  std::string text(int at) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(it_, at));
    return bytes == nullptr
               ? std::string()
               : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(it_, at)));
  }
  bool is_null(int at) const { return sqlite3_column_type(it_, at) == SQLITE_NULL; }
  std::int64_t number(int at) const { return sqlite3_column_int64(it_, at); }

 private:
  sqlite3_stmt* it_ = nullptr;
  bool ok_ = false;
};

}  // namespace hocket::governance
