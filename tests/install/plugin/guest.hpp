#pragma once

#include "graph/contract/registry.hpp"

/// What the guest plugin registers: one tool, two components.
hocket::tool_type greet_tool();
hocket::component_type beat_component();
hocket::component_type tally_component();
