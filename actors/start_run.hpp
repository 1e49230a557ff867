#pragma once

#include <memory>

#include "actors/distributed/options.hpp"
#include "actors/host/runtime.hpp"
#include "actors/rewire/options.hpp"

namespace hocket {

/// All that a run can be told: this process, its place among several hosts, and how its graph may
/// change.
struct start_options : host::runtime_options, rewire::options {
  distributed::host_options host = {};
};

/// Runs a plan, or the part of `options.host.name` where it has hosts; it can be rewired where
/// `load` says how a file is read. Errors: as host::runtime::start says.
result<std::unique_ptr<host::runtime>> start_run(const plan& graph, const registry& types,
                                                 start_options options);

}  // namespace hocket
