#pragma once

#include <string>

#include "graph/spec/plan.hpp"

namespace hocket {

/// "from.port > to.port"
std::string link_name(const plan& p, const plan_link& l);

/// The host of the first source in the file, or, without sources, of the first actor; "" = no hosts.
std::string leader_of(const plan& p);

}  // namespace hocket
