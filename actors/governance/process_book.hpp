// The ledger that a process follows: what serves adapters asks it before it does.
#pragma once

#include <chrono>
#include <map>
#include <memory>
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
  /// The one that all in this process share who follow this ledger by these rules: made, and the ledger
  /// where it is new, by whoever comes first. *Errors*: those of `follow`.
  static result<std::shared_ptr<process_book>> sharing(const std::string& path,
                                                       const std::string& policy_path);

  /// *Errors*: those of `records::open`; those of the ledger where it cannot be read, or has no seal.
  result<void> follow(const std::string& path, const std::string& policy_path);
  bool follows() const;
  /// Looks at the ledger at most every 200 ms. Once it could not be read for `patience_with`, everything
  /// is frozen until it can be, and the log says so.
  bool is_frozen(const std::string& name);
  /// Judged, and recorded, once for as long as nothing else is written into the ledger.
  /// *Errors*: governance.refused with what does not hold; those of the ledger.
  result<void> pass(gate g, const std::string& name, const std::string& weights_sha256 = "",
                    const loaded_on& on = {});
  result<void> add_card(const nlohmann::json& card, const std::string& tenant);
  /// SHA-256 of the weights of each adapter's newest card, by name; of one that was erased: "". None without
  /// a ledger.
  result<std::map<std::string, std::string>> newest_cards() const;
  result<void> add_evaluation(const std::string& name, const std::string& what,
                              const std::map<std::string, double>& scores);

 private:
  result<verdict> judge(gate g, const std::string& name, const std::string& weights_sha256,
                        const loaded_on& on);

  mutable std::mutex mutex_;
  std::optional<records> records_;
  std::map<std::string, verdict> judged_;  ///< by gate, weights, models and name
  std::int64_t judged_at_ = -1;            ///< entry behind which nothing was written since
  /// What is frozen is asked by whoever holds other locks: nobody waits for the ledger under this one.
  std::mutex frozen_mutex_;
  std::optional<incident_watch> watch_;
  using time_point = std::chrono::steady_clock::time_point;

  void look(time_point now);
  std::set<std::string> frozen_;
  time_point looked_;
  std::optional<time_point> blind_since_;  ///< of the first look that failed
  bool all_are_frozen_ = false;
};

}  // namespace hocket::governance
