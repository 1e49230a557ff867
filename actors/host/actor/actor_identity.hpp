#pragma once

#include <string>

#include "graph/contract/component.hpp"
#include "graph/core/ids.hpp"
#include "graph/spec/partition.hpp"

namespace hocket::host {

class remote_end;

/// Which actor instance a cell is: fixed when the cell is made.
struct actor_identity {
  std::string name;  ///< of the graph file
  actor_index actor = 0;
  session_id session{};  ///< of a shared actor: none
  actor_role role = actor_role::local;
  remote_end* remote = nullptr;  ///< the far side that a proxy stands for; nullptr: a local actor
  const component_info& info;

  bool is_shared() const { return info.scope == instance_scope::shared; }
  bool is_source() const { return info.source; }
};

}  // namespace hocket::host
