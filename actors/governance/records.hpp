// Cards, evaluations, gates and incidents of adapters, in a ledger.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/governance/ledger.hpp"
#include "actors/governance/policy.hpp"
#include "actors/governance/refusals.hpp"

namespace hocket::governance {

/// Whether something may be done with an adapter.
struct verdict {
  bool passed = false;
  bool by_override = false;
  std::vector<std::string> why;     ///< each rule that does not hold
  std::vector<refusal> refused_as;  ///< the same, by the list of refusals

  void refuse(refusal r, std::string reason) {
    refused_as.push_back(r);
    why.push_back(std::move(reason));
  }
};

/// What a gate last refused to let through.
struct refused_adapter {
  std::string name, gate;  ///< gate `every`: it is frozen
  std::string at;          ///< when, UTC
  std::vector<std::string> why;
  std::vector<std::string> refused_as;  ///< names of refusals; none in entries of older programs
};

/// The model that an adapter is to be loaded on.
struct loaded_on {
  std::string sha256;  ///< of its weights; empty: not compared
  /// The one that the card beside the weights names: asked where the ledger's names none.
  std::string named;
};

/// What is known of adapters. *Errors*: those of `ledger`. *Threads*: any.
class records {
 public:
  explicit records(ledger in, policy rules = {})
      : ledger_(std::move(in)), policy_(std::move(rules)) {}
  static result<records> open(const std::string& path, const std::string& policy_path = "");

  result<void> add_card(const nlohmann::json& card, const std::string& tenant = "");
  /// `what` says where the scores are from; names of scores are the policy's. They hold for these weights
  /// only: `weights_sha256`, or where it is empty those of the newest card.
  /// Errors: governance.bad_score, naming one that is not finite.
  result<void> add_evaluation(const std::string& name, const std::string& what,
                              const std::map<std::string, double>& scores,
                              const std::string& weights_sha256 = "");
  result<void> add_export(const std::string& name, const std::string& to);
  /// For the weights of the newest card: other weights of that name need an override of their own.
  /// Errors: governance.no_reason.
  result<void> add_override(const std::string& name, gate g, const std::string& reason);

  /// The newest card with all that was found since: evaluations, exports, overrides, gates, incidents.
  /// Errors: governance.no_card.
  result<nlohmann::json> card(const std::string& name) const;
  std::vector<std::string> names() const;
  /// SHA-256 of the weights that each name's newest card has; "" where that was erased.
  result<std::map<std::string, std::string>> weights_by_name() const;

  /// Judged by the policy, and recorded. A frozen adapter passes no gate, whatever overrides say.
  /// `weights_sha256`: of the bytes that pass; a card of others is none. Empty: those of the newest card.
  /// Made on another model than the one it is loaded on, it passes by an override only.
  result<verdict> may(gate g, const std::string& name, const std::string& weights_sha256 = "",
                      const loaded_on& on = {});

  /// From now on the adapter is frozen: nothing loads, serves, trains on, swaps in or exports it; a graph of
  /// that name (`graph:NAME`, policy.incidents) falls silent. Errors: governance.no_reason;
  /// governance.no_card where nothing of that name is known.
  result<void> open_incident(const std::string& name, const std::string& reason);
  /// The end of all that is open or noted of it. Errors: governance.no_incident.
  result<void> close_incident(const std::string& name, const std::string& reason);
  result<std::set<std::string>> frozen() const;

  /// What is refused, by name and gate: where a gate's newest decision was no, and what is frozen.
  result<std::vector<refused_adapter>> refused() const;

  ledger& book() { return ledger_; }
  const ledger& book() const { return ledger_; }

 private:
  /// The newest card's body; null where there is none, or where it was erased.
  result<nlohmann::json> newest_card(const std::string& name) const;
  /// The newest score of each name, of these weights; empty: of those that the newest card names.
  result<std::map<std::string, double>> scores_of(const std::string& name,
                                                  std::string weights = "") const;
  ledger ledger_;
  policy policy_;
};

/// For how long incidents that cannot be seen for this reason freeze nothing: 2 s, and 30 s where another
/// program has the ledger (`ledger.in_use`): who verifies a long one keeps it, and writes no incident.
std::chrono::milliseconds patience_with(const error& why);

/// Notices what others write into a ledger. One look costs two stats.
class incident_watch {
 public:
  explicit incident_watch(std::string path) : path_(std::move(path)) {}
  /// Which adapters are frozen, where that may have changed since the last call; none: as before.
  /// *Errors*: those of `ledger`; nothing is known then, and the next call looks anew.
  result<std::optional<std::set<std::string>>> changed();

 private:
  std::string path_, seen_;
};

}  // namespace hocket::governance
