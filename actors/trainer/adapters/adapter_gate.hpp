#pragma once

#include <initializer_list>
#include <memory>
#include <string>

#include "actors/governance/process_book.hpp"
#include "graph/contract/component.hpp"

namespace hocket::trainer {

/// Asked by who takes adapters before one is read through, and while it is. Without a ledger nothing is
/// judged, compared, recorded or frozen: whoever writes the graph answers for it.
///
/// *Threads*: any. `pass` reads the whole model once, and waits for the ledger: not for who has a micro-turn
/// to keep. `is_frozen` costs two stats, five times a second.
class adapter_gate {
 public:
  struct config {
    std::string ledger, gates;
    void visit(config_visitor& v);
  };
  /// `model`: the file or folder that adapters are loaded on; empty: it is not compared.
  /// *Errors*: adapter.no_ledger (`gates` alone), trust.refused, files.*, ledger.*, governance.bad_policy.
  static result<std::shared_ptr<const adapter_gate>> open(const config& c, const context& where,
                                                          std::string model);

  /// Judged by its card, the bytes of its weights and the model, and recorded. One without weights is the
  /// model by itself, and passes. *Errors*: governance.refused, adapter.no_name, ledger.*, model_file.*.
  result<void> pass(std::initializer_list<governance::gate> gates, const adapter& a) const;
  /// An incident froze it, or incidents could not be looked for (governance::patience_with).
  bool is_frozen(const adapter& a) const;

 private:
  explicit adapter_gate(std::string model) : model_(std::move(model)) {}

  std::string model_;
  std::shared_ptr<governance::process_book> book_;  ///< null: no ledger
};

}  // namespace hocket::trainer
