#pragma once

#include <set>
#include <string>
#include <vector>

#include "actors/record/recording.hpp"
#include "graph/core/diagnostic.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::replay {

/// What becomes of an actor in a replay.
enum class role : std::uint8_t { live, played, left_out };

/// Collects, over all graphs of a replay, what it would play and the recording does not hold, with
/// the way out. Where one host of several made the recording: whose recording it takes.
class lacking_list {
 public:
  explicit lacking_list(const record::recording& from) : from_(from) {}

  /// Looks at one graph; `revision` is its number.
  void look(const plan& graph, const std::vector<role>& roles, int revision);
  /// An error for each host that has what is lacking (replay.other_host), and for each other output
  /// (replay.not_recorded). `file`: where the recording lies, for the messages.
  diagnostics findings(const std::string& file) const;

 private:
  struct output {
    std::string name;   ///< "mic.audio"
    std::string actor;  ///< that emitted it
    std::string host;   ///< on which; "" where the graph names none
    std::vector<std::string> feeds;
    int revision = 1;  ///< of the first graph that needs it
  };
  bool elsewhere(const output& o) const;
  diagnostic not_recorded(const output& o) const;
  diagnostic other_host(const std::string& host) const;

  const record::recording& from_;
  std::vector<output> all_;
  std::set<std::string> hosts_;   ///< of everything that is played
  std::vector<std::string> fed_;  ///< actors that the recording feeds, in every graph so far
  bool looked_ = false;
};

}  // namespace hocket::replay
