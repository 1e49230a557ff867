#pragma once

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "graph/core/result.hpp"
#include "tools/hocket/status_source.hpp"
#include "tools/hocket/types.hpp"

/// What `echo`, `hz` and `send` ask a run about one of its ports.
namespace hocket::cli {

/// The answer of a run to one line. Errors: as status_source, and what the run says.
result<nlohmann::ordered_json> ask(status_source& run, const std::string& line);

struct found_run {
  std::unique_ptr<status_source> run;
  nlohmann::ordered_json answer;
};
/// The run of several that has the port. The error that helps most: who has it elsewhere.
result<found_run> find_run(const watch_options& where, const std::string& line);

/// Says why, and gives the exit code.
int give_up(const error& e, const watch_options& where);

}  // namespace hocket::cli
