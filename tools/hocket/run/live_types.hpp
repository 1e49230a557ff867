#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/host/run_changes.hpp"
#include "graph/trust/code_file.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {

/// The types of a run that goes on: what it began with, and what plugins declare that a change brings.
///
/// Naming a plugin, in a graph or with `apply --plugin`, is not enough to have it loaded: whoever
/// started this host's run said then which files may be (`run --may-load`), and nobody but that user
/// and root may be able to change them. Who may change the graph, here or on another host, has no say
/// in it.
///
/// Threads: any. Types live as long as this, but those of a text that is only looked at: as long as
/// `text.types`.
class live_types {
 public:
  /// `loaded`: what --plugin named. `may_load`: paths and patterns (trust::meant_files), from the
  /// folder where the run was started; links in them are followed here.
  live_types(std::shared_ptr<const registry> first, const std::vector<std::string>& loaded,
             const std::vector<std::string>& may_load);

  /// Reads `text` with the types that it needs. Plugins that it names and the run has not loaded are
  /// loaded when it reads, and `judge` has nothing against it, with what their manifests declare; a text
  /// that is only looked at loads none. `text.types` is then what the plan points into. What was loaded
  /// stays, also where the change is given up later: no actor of it runs then.
  ///
  /// Errors: those of `judge`; apply.bad_graph; rewire.plugins (not allowed, or only looked at and
  /// undeclared), plugin.* (missing, others can change it, broken, of another ABI), registry.* (it
  /// declares what is there).
  result<plan> read(host::graph_text& text, const graph_options& how, const text_origin& from,
                    const std::function<result<void>(const plan&)>& judge);

 private:
  result<void> allow(const std::string& plugin, const host::graph_text& text) const;
  result<plan> read_with(host::graph_text& text, std::shared_ptr<const registry> types,
                         const graph_options& how, const text_origin& from,
                         const std::function<result<void>(const plan&)>& judge) const;
  result<std::shared_ptr<const registry>> declared(host::graph_text& text,
                                                   const std::vector<std::string>& fresh,
                                                   const graph_options& how,
                                                   const text_origin& from) const;
  result<void> load(const std::vector<std::string>& fresh);

  std::mutex mutex_;  ///< one change at a time reads
  std::shared_ptr<const registry> now_;
  /// Who watched a run may look at its plans later.
  std::vector<std::shared_ptr<const registry>> all_;
  std::vector<std::string> loaded_;  ///< whole paths: a file may be gone for a moment
  trust::meant_files may_load_;
};

}  // namespace hocket::cli
