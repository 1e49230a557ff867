#pragma once

#include "graph/contract/registry.hpp"

namespace hocket::test {

/// A small world for graph tests: sources, stages and sinks of every kind of port, none of which
/// does anything, and two tools.
registry fake_types();

}  // namespace hocket::test
