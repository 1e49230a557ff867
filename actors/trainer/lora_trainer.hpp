#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "actors/trainer/rounds.hpp"
#include "actors/governance/card.hpp"
#include "actors/governance/records.hpp"
#include "graph/contract/component.hpp"
#include "graph/trust/files.hpp"

namespace hocket::trainer {

/// `trainer.lora`: trains an adapter of a language model on examples as they come, in rounds, and emits
/// each version with its card.
///
/// Inputs: examples: to train on (`datum_of` says in which forms); validation: examples that are not
/// trained on; evaluations: text, what an evaluation of the graph found, as JSON `{"adapter", "scores":
/// {name: number}}`.
/// Outputs: adapters: versions; one without weights means the model by itself; progress: f32 [4] a step:
/// step, steps, loss of a target, tokens/s.
/// A round begins when `min_examples` new ones are there and none came for `quiet_ms`; a version whose
/// validation loss is worse than before the round is not emitted, and one that an evaluation finds worse
/// than its parent by more than `margin` in any score is taken back: its parent is emitted again.
/// Conversations that begin later get the newest version within `repeat_s`.
/// With `ledger` each card and evaluation is recorded, a version is emitted only where the gate `swap`
/// of the file `gates` lets it, and one that an incident freezes is taken back within a micro-turn.
/// With `service` a service of the Tinker API computes the rounds (`service/README.md`); all else stays.
/// In real time rounds run on a thread of low priority that passes the gate of micro-turns between small
/// ranges of its products; in virtual time, which stands still meanwhile, within a tick.
/// Errors: model.*, train.no_engine, train.bad_service, trust.refused (open); a round that fails is told and counted.
/// Counters: examples, bad_examples, forgotten (for lack of room), rounds, failed_rounds, rejected, versions, rolled_back,
/// bad_evaluations, refused_by_policy, frozen, unrecorded (the ledger cannot be written).
class lora_trainer final : public component {
 public:
  struct config {
    round_settings how;
    std::string name = "adapter", out = "adapters";
    std::int64_t epochs = 3, min_examples = 8, quiet_ms = 1000, repeat_s = 5;
    double margin = 0.02;
    std::string source, licence, consent, ledger, gates;
    std::vector<std::string> constraints;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit lora_trainer(config c) : config_(std::move(c)) {}
  /// With rounds that are open already, for tests.
  lora_trainer(config c, std::unique_ptr<lora_rounds> rounds)
      : config_(std::move(c)), rounds_(std::move(rounds)) {}
  ~lora_trainer() override;
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> close(emitter&) override;

 private:
  struct version {
    adapter what;
    std::string config, weights;
    std::size_t parent = 0;
    std::map<std::string, double> scores;
    nlohmann::json card;
  };
  struct origin {
    std::string provenance, all;
    std::int64_t examples = 0;
  };

  void take_example(const training_example&, bool is_held);
  void take_evaluation(const std::string& json, emitter&);
  void begin_round(emitter&);
  void end_round(const result<trained>&, emitter&);
  void tell_step(const step_told&, emitter&);
  void emit_newest(emitter&);
  void go_back();  ///< training goes on from the newest version
  void roll_back(std::size_t to, const std::string& why, bool is_frozen, emitter&);
  bool may_swap(const version&);
  void record(const std::function<result<void>(governance::records&)>& what);
  void look_for_incidents(emitter&);
  result<void> open_ledger();
  result<void> open_service();
  nlohmann::json card_of(const trained&, const std::string& name, const std::string& parent) const;
  result<void> write(const version&) const;
  void stop();
  void open_curve();

  config config_;
  context context_;
  std::unique_ptr<lora_rounds> rounds_;
  std::vector<version> versions_;  ///< the first is the model by itself
  std::size_t newest_ = 0;
  std::int64_t made_ = 0;
  std::vector<origin> origins_;
  std::int64_t rounds_begun_ = 0, forgotten_ = 0;
  std::optional<trust::file> curve_;
  std::optional<governance::records> records_;
  std::optional<governance::incident_watch> watch_;
  std::set<std::string> frozen_;
  std::optional<timestamp> blind_since_;  ///< the ledger cannot be read
  std::int64_t fresh_ = 0;                ///< examples since the last round began
  timestamp last_example_, last_sent_;
  bool at_work_ = false;
  bool discards_ = false;  ///< the round at work went on from a version that was taken back
  std::thread worker_;
  std::atomic<bool> stopping_{false};
  std::shared_ptr<lora_trainer*> alive_ = std::make_shared<lora_trainer*>(this);
  std::shared_ptr<const void> unfinished_;
};

}  // namespace hocket::trainer
