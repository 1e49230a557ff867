#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/hocket/terminal.hpp"

namespace hocket::cli {

/// One run, seen twice. Statuses are JSON objects as the status socket sends them.
struct run_look {
  std::string source;  ///< how the user named it
  std::string before;  ///< may be empty: then there are no rates
  std::string now;     ///< empty: it did not answer
  error fault = {};    ///< why
};

/// One screen of `hocket top`; rates come from the difference of the two looks. Several runs stand
/// in one table, grouped by host: the `host` that a status names, else its source.
///
/// Errors are shown as text: a line that is no status reads "not a status: …", a run that did not
/// answer stands there with the reason.
std::string top_text(const std::vector<run_look>& runs, const terminal& t);

}  // namespace hocket::cli
