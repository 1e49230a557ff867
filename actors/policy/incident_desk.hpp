#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "actors/governance/records.hpp"
#include "actors/webhook/sender.hpp"
#include "graph/contract/component.hpp"

namespace hocket::policy {

/// `policy.incidents`: what a guard calls an incident goes into a ledger, to a webhook, and where the graph says
/// so freezes the conversations until an operator closes it.
///
/// Inputs: incidents: a guard's, one JSON object each, as the task of a delegation: an interruption drops none;
/// forgotten: that a conversation is to be forgotten (a guard's or gateway's `forgets`), and that who kept something of it has
/// removed it (a recorder's `forgotten`): entries `forgotten` of the ledger, with session, keeper, files and bytes.
/// Outputs: holds: `frozen` or `free`, for the guards' input of that name, at each micro-turn: conversations that
/// begin wait for it.
/// An entry `incident` of the ledger holds topic, rule, place, action, session and times, never the words; of one
/// conversation and topic one in 10 s, the next with their `count`. One that the ledger does not take is tried
/// again, and freezes until it is in. Its subject is `name`; `hocket incident open NAME` and `close NAME` are heard within a micro-turn.
/// *Errors*: webhook.bad_config, trust.refused, those of the ledger.
/// Counters: recorded, repeated, unrecorded, lost_entries, frozen, notified, notify_failed, blind, no_incident.
class incident_desk final : public component {
 public:
  struct config {
    std::string ledger = "incidents.db";
    std::string name;
    std::vector<std::string> freezes;
    std::string webhook;
    std::string token_env;
    std::string secret_env;
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
  void note(const webhook::sender::report& r);
  struct repeated {
    timestamp until;
    std::int64_t more = 0;  ///< since its last entry
    nlohmann::json body;    ///< the newest of them
  };
  void keep(nlohmann::json body);
  void take_forgotten(const packet& p);
  bool record_all();
  void drop_entry();
  void count_repeated(timestamp now);
  bool is_by_us() const;  ///< whether something froze here that the ledger does not say yet
  void stay_blind(timestamp now, const error& why, emitter& out);
  void notify(nlohmann::json body);
  void look(emitter& out);
  void hold(bool frozen, emitter& out);
  bool freezes(const std::string& topic) const;

  config config_;
  context context_;
  std::optional<governance::records> records_;
  std::optional<governance::incident_watch> watch_;
  bool is_frozen_ = false;
  bool is_frozen_by_blindness_ = false;
  bool is_unable_ = false;  ///< the ledger took no entry the last time
  struct unrecorded {
    std::string kind;
    nlohmann::json body;
  };
  std::deque<unrecorded> unrecorded_;  ///< entries that it did not take yet
  std::map<std::pair<session_id, std::string>, repeated> recent_;  ///< by conversation and topic
  std::optional<timestamp> blind_since_;
  std::int64_t next_ = 1, ticks_ = 0;
  std::unique_ptr<webhook::sender> webhook_;  ///< last: it tells the rest what is left at its end
};

}  // namespace hocket::policy
