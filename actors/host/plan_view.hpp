#pragma once

#include "graph/contract/component.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::host {

/// A plan as the components of its run see it. The plan must outlive it.
class plan_view final : public graph_view {
 public:
  explicit plan_view(const plan& graph) : graph_(graph) {}
  std::string name() const override { return graph_.name; }
  std::string hash() const override { return graph_.hash; }
  std::string expanded_yaml() const override;
  std::string output_of(const packet_header& header) const override;

 private:
  const plan& graph_;
};

/// "mic.audio"; "" where there is no such output.
std::string output_name(const plan& graph, actor_index actor, std::size_t port);

}  // namespace hocket::host
