#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "actors/host/runtime.hpp"

namespace hocket::host {

/// Adds `wires` and `peers` to a snapshot's JSON; nothing where all runs in one process.
void add_wire_rows(const snapshot& s, nlohmann::ordered_json& out);
/// The same as a table; "" where all runs in one process.
std::string wire_rows_text(const snapshot& s);

}  // namespace hocket::host
