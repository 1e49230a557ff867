#pragma once

#include <algorithm>

#include "graph/contract/component.hpp"

namespace hocket {

/// The output by which a recorder says that it removed what it kept of a conversation.
inline constexpr const char* forgotten_port = "forgotten";

/// Whether packets end in a component: it sends nothing, or nothing but that.
inline bool is_sink(const component_info& info) {
  return std::ranges::all_of(info.outputs,
                             [](const output_port& o) { return o.name == forgotten_port; });
}

}  // namespace hocket
