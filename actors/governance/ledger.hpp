// What happened to adapters and data: append-only, in SQLite, each entry chained to the one before.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::governance {

/// One thing that happened.
struct entry {
  std::int64_t seq = 0;  ///< from 1, without a gap
  std::string at;        ///< UTC
  std::string kind;      ///< card, evaluation, gate, override, export, incident, erased, …
  std::string subject;   ///< mostly an adapter's name
  std::string tenant;    ///< whose data it is, as `pseudonym_of` gives it; empty: nobody's
  std::optional<nlohmann::json> body;  ///< none: it was erased
  std::string body_sha256, hash;
};

/// Something that does not fit together.
struct finding {
  std::string where;  ///< "page 3 (bytes 8192 to 12287)", "entry 7 (card of tools-1)", …
  std::string what;
  bool cut_off = false;  ///< a change of our own that was stopped before its end; nobody's doing
};

/// A ledger in one file, and beside it `FILE.seal`: a sum of each page of the file, written after each
/// entry, so that a byte that changes anywhere is found, also where SQLite keeps nothing.
///
/// `hash` of an entry covers its number, time, kind, subject, tenant, the sum of its body, and the hash
/// before it. A body is stored with random bytes that its sum covers: once it is erased nothing of it can
/// be guessed from its sum, and the chain stays whole.
/// Whoever can write the file can write a whole new chain: `head()` noted elsewhere shows that.
///
/// *Errors*: ledger.cannot_open (no such file, another program's file, a newer format),
/// ledger.cannot_write (full disk, no rights), ledger.in_use (by another program, for 10 s),
/// ledger.broken (what is there does not verify: nothing is appended to it). *Threads*: any; several processes may append to one file.
class ledger {
 public:
  /// Makes the file (0600) where it is missing and `makes` is set. `waits`: for another program that has
  /// it, here and with each entry.
  static result<ledger> open(const std::string& path, bool makes = true,
                             std::chrono::milliseconds waits = std::chrono::seconds(10));
  ~ledger();
  ledger(ledger&&) noexcept;
  ledger& operator=(ledger&&) noexcept;

  /// Appends and syncs; its number. `tenant`: in clear; it is stored as a pseudonym.
  result<std::int64_t> append(const std::string& kind, const std::string& subject,
                              const nlohmann::json& body, const std::string& tenant = "");
  /// In order; empty texts: any. `subject` may be a prefix that ends in `*`.
  result<std::vector<entry>> list(const std::string& kind = "", const std::string& subject = "",
                                  const std::string& tenant = "") const;
  /// The last number and hash; 0 and "" where nothing happened yet.
  result<std::pair<std::int64_t, std::string>> head() const;

  /// Everything that does not fit: pages, entries, missing ones, a newest one that was cut off before its
  /// seal. Empty: it is whole. Changes nothing.
  result<std::vector<finding>> verify() const;

  /// Erases the bodies of a tenant's entries, and the key of its pseudonym; an entry `erased` names them by
  /// number and sum, which is the proof. How many were erased.
  result<std::int64_t> erase_tenant(const std::string& tenant, const std::string& reason);

  const std::string& path() const;

 private:
  struct state;
  explicit ledger(std::unique_ptr<state> state);
  std::unique_ptr<state> state_;
};

}  // namespace hocket::governance
