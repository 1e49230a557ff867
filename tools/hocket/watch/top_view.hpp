#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/hocket/terminal.hpp"

namespace hocket::cli {

/// One run, seen twice. Statuses are JSON objects as the status socket sends them.
struct run_look {
  std::string source;   ///< how the user named it
  std::string before;   ///< may be empty: then there are no rates
  std::string now;      ///< empty: it did not answer
  error fault = {};     ///< why
  double silent_s = 0;  ///< where it answered before and no longer does: since when
};

/// What became of a run that answered before and failed so now: dead, ended (in order: it took its
/// socket away), silent (it is there and does not answer).
std::string fate_of(const error& fault);

/// One screen of `hocket top`; rates come from the difference of the two looks. Several runs stand
/// in one table, grouped by host: the `host` that a status names, else its source. One that answered
/// before and no longer does stays there as dead, ended or silent, with how long ago; a host that is not asked is told as its peers see it, where they have lost it.
///
/// Errors are shown as text: a line that is no status reads "not a status: …", a run that never
/// answered stands there with the reason.
std::string top_text(const std::vector<run_look>& runs, const terminal& t);

}  // namespace hocket::cli
