#pragma once

#include <vector>

#include "actors/host/budget.hpp"
#include "actors/host/plan_view.hpp"
#include "graph/spec/partition.hpp"

namespace hocket::host {

/// What is fixed about a plan and asked often.
struct layout {
  explicit layout(const part& place);
  std::vector<std::vector<std::vector<std::size_t>>> out_links;  ///< [actor][port] -> links
  std::vector<std::vector<std::size_t>> in_links;                ///< [actor] -> links
  /// Who has cells in this process, proxies included, each where whom it stands for would be.
  std::vector<actor_index> upstream_first;
  /// Place in the order of the whole plan, the same on every host; a proxy has that of whom it
  /// stands for.
  std::vector<std::size_t> rank;
  /// [actor][link]: true where the link lies downstream of the actor, back edges not followed.
  std::vector<std::vector<bool>> behind;
  /// Who answers in a conversation, for interruptions from outside; see README.
  std::vector<actor_index> turn_takers;
  duration step{};  ///< common divisor of source periods and the grid

 private:
  void rank_actors(const part& place);
};

/// What a run is made of between two rewires: fixed. Numbers of actors and links mean the same in all
/// wirings of a run. Kept until the run is over: cells, timers and observers hold on to old ones.
struct wiring {
  explicit wiring(part p, const wiring* before = nullptr)
      : place(std::move(p)),
        graph(place.graph),
        shape(place),
        view(graph),
        budgets(graph, before != nullptr ? &before->budgets : nullptr) {}

  const part place;
  const plan& graph;  ///< this process's part
  const layout shape;
  const plan_view view;
  mutable budget_book budgets;
};

}  // namespace hocket::host
