#pragma once

#include "graph/contract/planner.hpp"
#include "tools/hocket/eval/background_cases.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

/// What a planner did with the requests.
struct background_score : trainer::talk_score {
  std::int64_t without_end = 0;  ///< requests that ended in an error
  std::int64_t tokens = 0;

  /// `background.<planner>.f1`, `.exact_arguments`, `.pass1`, `.wrong_calls`, `.failed`.
  void add_to(report::measures& out, const std::string& planner) const;
};

/// One request through a planner, with tools that answer at once; `steps` at most. `told`: gets what
/// the planner asked and said.
void run_case(planner& plan, const background_case& c, std::span<const tool_info> tools,
              std::uint64_t request, std::int64_t steps, background_score& score,
              nlohmann::json* told = nullptr);

}  // namespace hocket::cli
