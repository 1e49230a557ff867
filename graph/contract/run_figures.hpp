#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/contract/component.hpp"

namespace hocket {

/// Components of the group `alert` watch the run: what they say are its figures, and a replay plays them.
inline bool watches_run(std::string_view component_type) {
  return component_type.starts_with("alert.");
}

/// What a run has counted of itself since it began, for a component that watches it. Of several hosts:
/// this one's part.
struct run_figures {
  struct link {
    std::string from, to;  ///< "mic.audio", "ears.audio"
    std::uint64_t sent = 0;
    std::vector<std::pair<std::string, std::uint64_t>> dropped = {};  ///< by reason
  };
  struct actor {
    std::string name;
    std::uint64_t restarts = 0;
  };
  struct budget {
    std::string path;  ///< "mic > ears > model"
    std::uint64_t missed = 0;
  };
  struct host {  ///< another one
    std::string name;
    bool is_up = false;
    std::string why = {};
  };
  std::uint64_t sessions = 0;
  std::vector<link> links = {};
  std::vector<actor> actors = {};
  std::vector<budget> budgets = {};
  std::vector<host> hosts = {};
};

/// What the graph_view of a run is, where it counts. Threads: any.
class run_watch : public graph_view {
 public:
  virtual run_figures figures() const = 0;
  /// Whether a packet is of a component that watches the run: figures and names of the graph, never
  /// words of people. Such a component tells every conversation, and once nobody's
  /// (`session_id::none`).
  virtual bool tells_of_run(const packet_header& header) const = 0;
};

}  // namespace hocket
