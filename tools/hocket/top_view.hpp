#pragma once

#include <string>

#include "tools/hocket/terminal.hpp"

namespace hocket::cli {

/// One screen of `hocket top` from two status lines of a run (JSON objects as the status socket
/// sends them); rates come from the difference. `before` may be empty.
///
/// Errors are shown as text: a line that is no status reads "not a status: …".
std::string top_text(const std::string& before, const std::string& now, const terminal& t);

}  // namespace hocket::cli
