// A system card: what was measured of a graph with its policy, and what was not.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/report/measures.hpp"
#include "tools/safety/judge.hpp"

namespace hocket::safety {

/// What the numbers are of.
struct card_facts {
  std::string graph_file, graph_name, graph_hash;
  std::string policy_file, policy_name, policy_sha256;
  std::string cases_file, cases_name, cases_sha256;
  std::string on_failure, people, language;
  std::string way;  ///< "text" or "spoken"
  std::uint64_t seed = 0;
  std::int64_t named = 0, unknown = 0, asks = 0, phrased = 0;
  std::string at;                       ///< UTC
  std::vector<std::string> models;      ///< files that the graph names, with their sums
  std::vector<std::string> not_tested;  ///< sentences
};

/// The card as JSON. Each case that was not as wanted is in it.
nlohmann::ordered_json card_of(const card_facts& facts, const report::measures& numbers,
                               const findings& all);
/// The same for people.
std::string markdown_of(const nlohmann::ordered_json& card);

}  // namespace hocket::safety
