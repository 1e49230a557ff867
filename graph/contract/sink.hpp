#pragma once

#include <algorithm>

#include "graph/contract/component.hpp"

namespace hocket {

/// The output by which a guard or a gateway says that what is kept of a conversation is to be removed, and the one by
/// which a recorder says that it is.
inline constexpr const char* forgets_port = "forgets";
inline constexpr const char* forgotten_port = "forgotten";

/// Whether what leaves there is told to who wants to know, and asks nobody for work, though delegations carry it.
inline bool is_told_only(const output_port& o) {
  return o.name == forgets_port || o.name == forgotten_port;
}

/// Whether packets end in a component: it sends nothing, or nothing but that.
inline bool is_sink(const component_info& info) {
  return std::ranges::all_of(info.outputs,
                             [](const output_port& o) { return o.name == forgotten_port; });
}

}  // namespace hocket
