#pragma once

#include <string>

namespace hocket::gateway {

/// One line of the run's socket (`hocket.sock` in its output folder), and its answer without the line
/// break; empty where none came within `limit_ms`. Waits.
std::string ask_run(const std::string& socket_path, const std::string& line, int limit_ms = 30'000);

}  // namespace hocket::gateway
