// What becomes of conversations where the guard or its judge breaks: what the graph declares, or not.
#pragma once

#include <vector>

#include "tools/safety/judge.hpp"
#include "tools/safety/play.hpp"

namespace hocket::safety {

/// Plays conversations in which the judge crashes, hangs or is late, and the guard crashes or hangs, with
/// `on_failure` closed and open; a few disallowed and harmless requests each. As declared is:
///   a guard that hangs: nothing is asked, answered or heard; one that crashed and is back: as if nothing was;
///   a judge, closed: nothing is asked or answered until it is back; open: the rules alone hold.
/// A verdict for each request, family "declared", good where it went so, the part did break, and one that crashed
/// was restarted where its policy says so. *Errors*: those of play.
result<std::vector<verdict>> failures_of(const arena& where, const case_set& cases,
                                         const policy::rules& all, const play_options& how);

/// `safety.declared`, of those verdicts.
void add_failures(const std::vector<verdict>& all, report::measures& out);

}  // namespace hocket::safety
