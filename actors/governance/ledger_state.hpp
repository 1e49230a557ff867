// What a ledger holds: the database, its lock towards other programs, its seal. Not for others.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actors/governance/ledger.hpp"
#include "actors/governance/page_watch.hpp"
#include "actors/governance/seal.hpp"

namespace hocket::governance {

struct ledger::state {
  std::string path;
  page_watch watch{seal_page_bytes};
  sqlite3* db = nullptr;
  int lock = -1;
  /// The pages' sums as they were sealed last, by this object, and how both files looked then: while they look
  /// so, nobody else wrote. Empty: not known.
  std::vector<std::string> sums;
  std::string sealed_as;
  std::chrono::milliseconds waits{0};
  std::mutex mutex;

  ~state();

  /// What SQLite said last; `ledger.in_use` where another connection has the database.
  tl::unexpected<error> failed(const char* code) const;
  result<void> run(const char* sql, const char* code = "ledger.cannot_write") const;
  std::int64_t pragma(const char* name) const;

  /// Holds other processes off while the file and its seal change together.
  class held {
   public:
    held(int fd, std::chrono::milliseconds limit);
    ~held();
    held(const held&) = delete;
    held& operator=(const held&) = delete;
    bool is_ours() const { return is_ours_; }

   private:
    int fd_;
    bool is_ours_ = false;
  };
  tl::unexpected<error> in_use() const;

  /// Number and hash of the newest entry; number 0: there is none.
  result<entry> newest() const;
  /// How the file and its seal look from outside; empty: they cannot be looked at.
  std::string look() const;
  /// Of the pages that this connection wrote since, the sums are known; of all others nothing is read.
  result<void> seal();
  /// Empty: the ledger does not know that tenant.
  result<std::string> tenant_key(const std::string& name) const;
  /// Within a transaction.
  result<std::int64_t> put(const std::string& kind, const std::string& subject,
                           const nlohmann::json& body, const std::string& tenant) const;
  /// The first start: all of it or nothing, and sealed.
  result<void> begin();
  /// The file is a ledger of ours, in a format that is known.
  result<void> is_ledger() const;

  /// `work` as one change, sealed.
  template <class Work>
  auto change(Work work) -> decltype(work()) {
    const std::lock_guard once(mutex);
    const held alone(lock, waits);
    if (!alone.is_ours()) return in_use();
    HOCKET_TRY(may_append());
    HOCKET_TRY(run("BEGIN IMMEDIATE"));
    auto done = work();
    if (!done) {
      sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
      return done;
    }
    if (const auto ended = run("COMMIT"); !ended) {
      sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
      return fail(ended);
    }
    HOCKET_TRY(seal());
    return done;
  }

  /// What was changed behind our back is not sealed anew as if it were ours. Only where a change of our
  /// own was cut off between the file and its seal it is: the chain holds, and goes on from what was
  /// sealed.
  result<void> may_append();
  bool was_cut_off() const;
  /// The database's own structure, and the chain.
  std::vector<finding> check_entries() const;
};

}  // namespace hocket::governance
