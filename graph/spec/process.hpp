#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/config.hpp"

namespace hocket {
struct plan_actor;
}
namespace hocket::spec {

/// What the kernel lets the process of an actor reach, where it has one of its own.
struct process_spec {
  bool network = false;              ///< false: no socket of any kind, but for `reaches`
  std::vector<std::string> reaches;  ///< "host:port", through a proxy that its environment names
  std::int32_t memory_mb = 1024;     ///< of its own data
  std::int32_t cpu_s = 0;            ///< processor time that it may use in its life; 0: no limit
  std::int32_t file_mb = 256;        ///< of each file that it writes
  std::vector<std::string> reads;    ///< files and folders, beside those that its config names
  /// Folders, beside the run's output folder where its config names a file there.
  std::vector<std::string> writes;
};

/// The `process:` of an actor: `own`, `shared` (nothing), or a map of limits, which means `own`.
/// Findings: config.type, config.choice, config.range, config.unknown-key.
std::optional<process_spec> read_process(const value& item, const std::string& owner,
                                         diagnostics& findings);

/// As read_process would take it, on one line; nullptr: "shared".
std::string process_text(const process_spec* p);

/// A config that says, too, that its component runs in a process of its own. It is visited as the
/// config is.
std::shared_ptr<config_base> in_process(std::shared_ptr<config_base> config, process_spec process);

/// nullptr: the actor runs in the run's own process.
const process_spec* process_of(const plan_actor& actor);

}  // namespace hocket::spec
