#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/contract/registry.hpp"

namespace hocket::process {

struct child_setup {
  /// The types of this program and of some plugins, which run here.
  std::function<result<registry>(const std::vector<std::string>& plugins)> types;
};

/// Whether this program was started to be a child.
bool is_child(int argc, char** argv);

/// Lives as the child of a run until its input ends; returns the exit code. To be called before
/// anything else: it forks, since what is the first process of a namespace cannot be ended by most
/// signals of its own, and its death would not say which.
int child_main(const child_setup& setup);

}  // namespace hocket::process
