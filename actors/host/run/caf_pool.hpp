#pragma once

#include <memory>

#include "actors/host/actor/executor.hpp"

namespace hocket::host {

class graph_run;

/// Real time: cells run as CAF actors, on the pool (policy `sharing`) or, where their component
/// blocks, detached. A CAF message is a wake-up and carries nothing.
std::shared_ptr<executor> make_caf_pool(int threads);

}  // namespace hocket::host
