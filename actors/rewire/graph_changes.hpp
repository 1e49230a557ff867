#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actors/rewire/coordinator.hpp"
#include "actors/rewire/options.hpp"
#include "actors/rewire/request_socket.hpp"
#include "actors/rewire/rewirer.hpp"

namespace hocket::rewire {

/// All that can change the graph of a run: the rewirer of this host, over several hosts the
/// coordinator, requests of other processes, and the rewires that were planned before it began.
///
/// Threads: any.
class graph_changes final : public host::run_changes {
 public:
  /// `hosts`: nullptr where the run is alone.
  graph_changes(graph_run& run, options how, distributed::membership* hosts);

  result<void> check_options() const override;
  void before_start() override;
  void started() override;
  rewire_outcome change(const rewire_request& request) override;
  std::string answer(const std::string& line) override;
  void retired(actor_cell& c) override { rewirer_.retired(c); }
  void add_prepared(std::vector<std::shared_ptr<actor_cell>>& cells) const override {
    rewirer_.add_prepared(cells);
  }
  void close_requests() override { requests_.close(); }
  void finish() override;

 private:
  graph_run& run_;
  const options how_;
  rewirer rewirer_;
  std::optional<coordinator> coordinator_;
  request_socket requests_;
  std::thread following_;  ///< the planned rewires
};

}  // namespace hocket::rewire
