#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/gateway/tinker_door/server.hpp"
#include "actors/gateway/tinker_door/work_packets.hpp"
#include "graph/contract/component.hpp"

namespace hocket::tinker {

/// `gateway.tinker`: the training server of the Tinker API in a graph.
///
/// Inputs: evaluations: text, what an evaluation of the graph found, as JSON `{"adapter", "scores": {name:
/// number}}`; recorded in the ledger. Outputs: adapters: what a client saved to sample from, where its name
/// matches `adapters` and the gate `swap` lets it; with its card. The one before it again (at last: none)
/// once an incident freezes it.
/// With `work: linked` it opens no weights: outputs training and sampling go to a trainer.engine and a
/// trainer.sampler on any host, whose answers come to inputs trained and sampled.
/// Writes `tinker.url` and checkpoints beneath `out`.
/// Errors: those of start_server, tinker.real_time (in virtual time nobody connects), tinker.no_ledger
/// (`gates` without `ledger`), trust.refused, ledger.*.
/// Threads: the server's own; it only hands adapters over. Counters: saved (for the graph), refused_by_policy,
/// frozen (taken back), bad_evaluations, unrecorded, bad_answers (of a worker).
class tinker_door final : public component {
 public:
  struct config {
    server_settings how;
    std::string out = "tinker", ledger, gates, work = "here";
    std::vector<std::string> adapters, owners;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit tinker_door(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<source_state> produce(timestamp until, emitter&) override;
  result<void> close(emitter&) override;

 private:
  /// On the server's thread.
  struct inbox {
    std::mutex mutex;
    std::deque<adapter> saved;
  };
  result<void> follow_ledger();
  void take_back_frozen(emitter&);
  saved_adapter taker() const;
  server_links links();

  config config_;
  context context_;
  std::optional<work_sender> to_trainer_, to_sampler_;
  std::int64_t bad_messages_ = 0;
  std::shared_ptr<inbox> inbox_ = std::make_shared<inbox>();
  std::vector<adapter> emitted_{
      adapter{}};  ///< the last is in use, the first is the model by itself
  std::unique_ptr<running_server> server_;
};

}  // namespace hocket::tinker
