#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/gateway/tinker_door/server.hpp"
#include "actors/gateway/tinker_door/work_packets.hpp"
#include "graph/contract/component.hpp"

namespace hocket::tinker {

/// What `trainer.engine` and `trainer.sampler` have in common: a worker of a `gateway.tinker` with `work:
/// linked`, on any host.
///
/// Inputs: requests: of that gateway. Outputs: answers.
/// Errors: those of start_worker, tinker.real_time. Counters: bad_requests (packets that were none).
/// Threads: the worker's own; packets are only handed over. Memory: the model, adapters in training or in use.
class worker_actor : public component {
 public:
  struct config {
    worker_settings how;
    void visit(config_visitor& v);
  };
  worker_actor(config c, bool trains) : config_(std::move(c)) { config_.how.trains = trains; }
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 protected:
  static component_info info_of(const char* type, const char* summary);

 private:
  config config_;
  context context_;
  std::optional<work_sender> answers_;
  std::unique_ptr<running_worker> worker_;
};

/// `trainer.engine`: trains the adapters of a gateway's clients.
class engine_actor final : public worker_actor {
 public:
  using config = worker_actor::config;
  static component_info info();
  explicit engine_actor(config c) : worker_actor(std::move(c), true) {}
};

/// `trainer.sampler`: samples for them.
class sampler_actor final : public worker_actor {
 public:
  using config = worker_actor::config;
  static component_info info();
  explicit sampler_actor(config c) : worker_actor(std::move(c), false) {}
};

}  // namespace hocket::tinker
