#pragma once

#include <cstddef>
#include <vector>

/// Plain graph algorithms on indices; no names, no findings.
namespace hocket::spec {

struct edge {
  std::size_t from = 0;
  std::size_t to = 0;
};

/// One cycle per strongly connected part, as indices into `edges` in walking order.
std::vector<std::vector<std::size_t>> find_cycles(std::size_t nodes,
                                                  const std::vector<edge>& edges);

/// Which nodes a walk along the edges can reach from `starts` (which are themselves reached).
std::vector<bool> reachable(std::size_t nodes, const std::vector<edge>& edges,
                            const std::vector<std::size_t>& starts);

/// Every node after all nodes that its edges lead to; ties by index. `edges` have no cycle.
std::vector<std::size_t> downstream_first(std::size_t nodes, const std::vector<edge>& edges);

}  // namespace hocket::spec
