#pragma once

#include <cstdint>
#include <string>

#include "tools/hocket/options.hpp"

namespace hocket::cli {

struct background_request {
  std::string planner = "match";
  std::string model;           ///< of planner language: a file or folder
  std::string base_url;        ///< or an endpoint
  std::string endpoint_model;  ///< with the model's name there
  std::string key_env;
  bool all_tools = false;
  bool free = false;  ///< language: not held to the tools' schemas
  std::int64_t prefix_mb = 256;
  std::int64_t threads = 1;
  std::string name;  ///< in the results; empty: the planner's
  std::int64_t cases = 200;
  std::uint64_t seed = 1;
  std::int64_t steps = 4;
  std::string out;
  std::string calls;            ///< JSON lines: each request, what was asked, what was wanted
  std::string adapter, ledger;  ///< judged through an adapter's folder; what was found goes there
  std::string write, write_tools;  ///< instead of judging: the requests with labels, the tools
  bool json = false;
};

/// Adds `eval background`.
void add_eval_background(CLI::App& eval, action& chosen);

}  // namespace hocket::cli
