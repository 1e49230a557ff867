#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/governance/records.hpp"
#include "actors/policy/webhook.hpp"
#include "graph/contract/component.hpp"

namespace hocket::policy {

/// `policy.incidents`: what a guard calls an incident goes into a ledger, to a webhook, and where the graph says
/// so freezes the conversations until an operator closes it.
///
/// Inputs: incidents: a guard's, one JSON object each.
/// Outputs: holds: `frozen` or `free`, for the guards' input of that name; while frozen again each second, so
/// that conversations that begin later know it.
/// An entry `incident` of the ledger holds topic, rule, place, action, session and times, never the words. Its
/// subject is `name`; `hocket incident open NAME` and `close NAME` are heard within a micro-turn.
/// *Errors*: policy.bad_webhook, trust.refused, those of the ledger.
/// Counters: recorded, unrecorded, frozen, notified, notify_failed, blind.
class incident_desk final : public component {
 public:
  struct config {
    std::string ledger = "incidents.db";
    std::string name;
    std::vector<std::string> freezes;
    std::string webhook;
    std::string token_env;
    std::int64_t tries = 5;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit incident_desk(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> close(emitter&) override;

 private:
  result<void> open_ledger();
  result<void> open_webhook();
  void record(const nlohmann::json& body);
  void notify(nlohmann::json body);
  void look(emitter& out);
  void hold(bool frozen, emitter& out);
  bool freezes(const std::string& topic) const;

  config config_;
  context context_;
  std::optional<governance::records> records_;
  std::optional<governance::incident_watch> watch_;
  std::unique_ptr<webhook> webhook_;
  bool is_frozen_ = false;
  bool is_by_us_ = false;  ///< frozen here, and the ledger does not say so yet
  std::optional<timestamp> blind_since_;
  std::int64_t next_ = 1, ticks_ = 0;
};

}  // namespace hocket::policy
