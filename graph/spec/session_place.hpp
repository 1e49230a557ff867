#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "graph/core/ids.hpp"

namespace hocket {

struct plan;

/// Whether a conversation of this number is one that host `asks` may begin now, since a number decides which
/// replicas take it (replicas.hpp): of sources the one on `asks`, where it has one; of others one whose host
/// is not lost, where any of its family is. `asks`: "" where nobody's component asked.
bool suits(const plan& p, session_id session, std::string_view asks,
           const std::function<bool(const std::string& host)>& is_lost);

}  // namespace hocket
