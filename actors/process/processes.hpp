#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/host/process_maker.hpp"
#include "graph/trust/sandbox/sandbox.hpp"

namespace hocket::process {

/// The word by which a program of ours is told to be a child: its first argument.
inline constexpr auto child_word = "process-child";

struct process_options {
  /// What is started with `child_word`; "": this program.
  std::string program = {};
  /// Shared libraries that a child loads before it looks for its type.
  std::vector<std::string> plugins = {};
  /// Which of them a type came from, to be named where its process dies.
  std::map<std::string, std::string> plugin_of = {};
};

/// Makes the components of actors with `process: own`: each call goes to a child that holds the real
/// one. A crash, a hang, a leak stay there and are errors of the call: process.died (with signal,
/// actor, type, plugin), process.hung, process.malformed, process.cannot_start. What it may reach is
/// limited by the kernel as the graph says.
std::shared_ptr<host::process_maker> make_processes(process_options options);

/// From here on this program's runs make them so.
void use_processes(process_options options);
/// The same, and these shared libraries and types of theirs (see process_options), for processes that
/// start from here on.
void use_plugins_too(const std::vector<std::string>& plugins,
                     const std::map<std::string, std::string>& plugin_of);

/// What confines the process of an actor: `output_dir` where its config names a file there.
trust::sandbox_rules rules_for(const plan_actor& actor, config_base& config,
                               const std::string& output_dir, const process_options& options);

}  // namespace hocket::process
