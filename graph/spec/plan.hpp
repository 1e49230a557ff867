#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/component.hpp"
#include "graph/core/diagnostic.hpp"
#include "graph/core/ids.hpp"

namespace hocket::trust {
struct policy;
}
namespace hocket {

/// What happens when an actor's component fails or hangs.
struct restart_policy {
  enum class mode : std::uint8_t { never, on_failure, always };
  mode when = mode::on_failure;
  std::int32_t max = 3;  ///< restarts within the window; one more stops the graph
  double within_s = 60;
  std::int32_t backoff_ms = 100;  ///< doubles with each restart in the window
  std::int32_t backoff_max_ms = 5000;
  /// When restarts are used up (or mode is never): stop the whole graph, or go on without the actor
  /// (its neighbours get input_lost and its inputs are dropped with reason `actor_lost`).
  bool stop_graph = true;
};

struct plan_actor {
  std::string name;
  const component_type* type = nullptr;  ///< lives in the registry
  std::shared_ptr<config_base> config;   ///< checked and filled
  input_policy policy = input_policy::immediate;
  restart_policy restart;
  std::int32_t watchdog_ms = 5000;  ///< a call that takes longer is a hang; 0 = off
  std::string host;                 ///< name in `hosts:`; "" = this process
  std::int32_t replicas = 1;  ///< how many share the conversations among them (see replicas.hpp)
  std::int32_t replica = 0;   ///< which of them this is
  std::string family;         ///< the name in the file that they share; "" without replicas
  bool removed = false;       ///< a rewire took it out: its number stays taken
  source_mark where;
};

/// A link from an output to an input with its queue.
struct plan_link {
  actor_index from = 0;
  std::size_t from_port = 0;
  actor_index to = 0;
  std::size_t to_port = 0;
  queue_spec queue;
  bool back_edge = false;
  bool removed = false;  ///< as for actors
  /// Between hosts: the number kept free among the actors for whoever stands for the other end; 0 =
  /// behind the last one (see partition.hpp).
  actor_index slot = 0;
  source_mark where;
};

struct plan_budget {
  enum class action : std::uint8_t { report, stop };
  std::vector<actor_index> path;
  double limit_ms = 0;
  action on_miss = action::report;
  source_mark where;
};

struct plan_host {
  std::string name;
  std::string listen;         ///< "tcp://address:port"
  std::string key;            ///< file with its public key; "" = plaintext
  bool insecure = false;      ///< plaintext beyond this machine is wanted
  bool shared_memory = true;  ///< with hosts of the same machine; false: sockets alone
  bool rewires = false;       ///< may ask the others to change the graph; none marked: each may
};

/// A graph that passed validation: nothing in it can be wrong any more except the world.
struct plan {
  std::string name;
  std::string file;
  micro_turn_grid grid;
  std::vector<plan_actor> actors;  ///< in file order; actor_index counts here
  std::vector<plan_link> links;
  std::vector<plan_budget> budgets;
  std::vector<plan_host> hosts;
  std::vector<actor_index> start_order;  ///< downstream first; back edges ignored
  std::vector<std::string> plugins;      ///< shared libraries that were loaded for it
  std::string hash;                      ///< of the expanded graph; equal graphs are equal here
  /// After a rewire: those that run, in the order of the newest file, whatever their numbers. Empty:
  /// all, by number.
  std::vector<actor_index> file_order;
};

struct load_options {
  std::map<std::string, std::string> params;  ///< `--param name=value`, for ${param:name}
  std::vector<std::string> sets;              ///< `--set actors.model.device=cpu`
  /// The text was written by spec::to_yaml: names of actors may have the dots of their includes.
  bool expanded = false;
  /// Looks an environment variable up; replaced in tests.
  std::optional<std::string> (*env)(const std::string& name) = nullptr;
  /// Reads an included file; replaced in tests and fuzzing.
  result<std::string> (*read_file)(const std::string& path) = nullptr;
  /// Who wrote the text: variables and included files that this level may not see are as if they did
  /// not exist. None: a file of one's own.
  const trust::policy* may = nullptr;
};

/// YAML text -> validated plan. Pure: no device, network or weight file is touched.
///
/// Returns a plan only if `findings` has no error; collects all findings, sorted.
std::optional<plan> load_plan(const std::string& file, const std::string& text,
                              const registry& types, const load_options& options,
                              diagnostics& findings);

/// The `plugins:` of a graph file and of what it includes, as paths: a relative one is taken from the
/// folder of the file that names it. Nothing is loaded; findings are left to load_plan.
std::vector<std::string> plugins_of(const std::string& file, const std::string& text,
                                    const load_options& options);

}  // namespace hocket
