#pragma once

#include <memory>
#include <vector>

#include "actors/host/budget.hpp"
#include "actors/host/actor/input_queue.hpp"
#include "actors/host/plan_view.hpp"
#include "graph/spec/partition.hpp"

namespace hocket::host {

/// What is fixed about a plan and asked often.
struct layout {
  explicit layout(const host_plan& local);
  std::vector<std::vector<std::vector<std::size_t>>> out_links;  ///< [actor][port] -> links
  std::vector<std::vector<std::size_t>> in_links;                ///< [actor] -> links
  /// Actors with cells in this process, proxies included, each where the one it stands for would
  /// be.
  std::vector<actor_index> upstream_first;
  /// Place in the order of the whole plan, the same on every host; a proxy has that of the actor it
  /// stands for.
  std::vector<std::size_t> rank;
  /// [actor][link]: true where the link lies downstream of the actor, back edges not followed.
  std::vector<std::vector<bool>> downstream;
  /// The actors that answer in a conversation, for interruptions from outside; see README.
  std::vector<actor_index> responders;
  duration time_step{};  ///< common divisor of source periods and the grid

 private:
  void rank_actors(const host_plan& local);
  std::vector<std::vector<bool>> find_downstream(const plan& graph, std::size_t mine);
  void find_responders(const plan& graph, const std::vector<std::vector<bool>>& reaches);
};

/// What a run is made of between two rewires: fixed. Numbers of actors and links mean the same in
/// all wirings of a run. Kept until the run is over: cells, timers and observers hold on to old
/// ones.
struct plan_revision {
  explicit plan_revision(host_plan p, const plan_revision* before = nullptr,
                         std::shared_ptr<const registry> known = nullptr)
      : local(std::move(p)),
        types(std::move(known)),
        graph(local.graph),
        layout(local),
        view(graph),
        budgets(graph, before != nullptr ? &before->budgets : nullptr) {}

  const host_plan local;
  /// What `local` points into, and what its actors find; nullptr: what the run began with.
  const std::shared_ptr<const registry> types;
  const plan& graph;  ///< this process's part
  const host::layout layout;
  const plan_view view;
  mutable budget_check budgets;
};

/// What the queue of a link of this plan is made with, for one session.
queue_setup setup_of(const plan_revision& by, std::size_t link, session_id id,
                     const std::shared_ptr<actor_cell>& sender);

}  // namespace hocket::host
