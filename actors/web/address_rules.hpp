#pragma once

#include <string>
#include <vector>

#include "graph/trust/public_address.hpp"

namespace hocket::web {

using trust::is_public;

/// Which hosts a graph lets be asked: names or globs ("*.example.org", which means the name itself,
/// too). Denied wins; an empty `allow` is everybody.
bool host_allowed(std::string host, const std::vector<std::string>& allow,
                  const std::vector<std::string>& deny);

}  // namespace hocket::web
