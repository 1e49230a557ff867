// What must hold before an adapter is loaded, served, swapped in or exported.
#pragma once

#include <string>
#include <vector>

#include "graph/contract/config.hpp"
#include "graph/core/result.hpp"

namespace hocket::governance {

enum class gate { load, serve, swap, exported };
std::string_view to_string(gate g);
/// Errors: governance.no_such_gate, with those that there are.
result<gate> gate_of(std::string_view name);

/// `NAME >= NUMBER`: the newest evaluation that has this score.
struct score_rule {
  std::string name;
  double least = 0;
};

/// The rules of one gate; an empty list asks nothing.
struct gate_rules {
  std::vector<score_rule> scores;
  std::vector<std::string> not_worse;  ///< scores that may not be below the parent's
  std::vector<std::string> licences, consents;
  bool needs_card = true;
};

struct policy {
  gate_rules rules[4];
  const gate_rules& of(gate g) const { return rules[static_cast<int>(g)]; }
};

/// A YAML file: for each gate (`load`, `serve`, `swap`, `export`) a map with `scores: ["held_out >=
/// 0.5"]`, `not_worse: [refusals]`, `licences`, `consents`, `card: false`. Without a file: only a card is
/// asked for.
/// *Errors*: governance.bad_policy, with file, line and key.
result<policy> read_policy(const std::string& path);

}  // namespace hocket::governance
