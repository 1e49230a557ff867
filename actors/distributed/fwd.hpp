#pragma once

#include "actors/host/fwd.hpp"

namespace hocket::distributed {
/// This folder sits directly on the core and speaks its words.
using namespace host;
class membership;
class remote_links;
class transport;
}  // namespace hocket::distributed
