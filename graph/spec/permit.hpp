#pragma once

#include "graph/spec/plan.hpp"
#include "graph/trust/policy.hpp"

namespace hocket::spec {

/// Whether a graph of this level may be run here, before anything of it opens: its component types,
/// the paths that it names to read (those that a component's defaults name are its own), and, for
/// every level, that what it writes lies beneath the output folder. Pipelines and addresses are
/// judged by the capability when an actor opens them: not every actor uses those that it names.
///
/// Findings: trust.component, trust.path, trust.output.
void permit(const plan& graph, const trust::policy& may, diagnostics& findings);

/// For work that another host asks for: pipelines, too, since what opens them here has the rights of
/// this host's own graph; only for actors on `host`, as the others look after theirs.
void permit_here(const plan& graph, const std::string& host, const trust::policy& may,
                 diagnostics& findings);

/// The policy and what a graph that runs here already names: its elements and its paths.
trust::policy with_own(trust::policy may, const plan& own);

}  // namespace hocket::spec
