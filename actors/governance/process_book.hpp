// The ledger that a process follows: what serves adapters asks it before it does.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "actors/governance/records.hpp"

namespace hocket::governance {

/// One for a process, since an incident concerns all that it serves. Without a ledger nothing is frozen,
/// every gate is open, and nothing is recorded. *Threads*: any.
class process_book {
 public:
  static process_book& of_process();

  /// *Errors*: those of `records::open`.
  result<void> follow(const std::string& path, const std::string& policy_path);
  bool follows() const;
  /// Looks at the ledger at most every 200 ms.
  bool is_frozen(const std::string& name);
  /// *Errors*: governance.refused with what does not hold; those of the ledger.
  result<void> pass(gate g, const std::string& name);
  result<void> add_card(const nlohmann::json& card, const std::string& tenant);

 private:
  mutable std::mutex mutex_;
  std::optional<records> records_;
  std::optional<incident_watch> watch_;
  std::set<std::string> frozen_;
  std::chrono::steady_clock::time_point looked_;
};

}  // namespace hocket::governance
