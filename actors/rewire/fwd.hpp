#pragma once

#include "actors/distributed/fwd.hpp"

namespace hocket::rewire {
/// This folder sits directly on the core and speaks its words.
using namespace host;
class coordinator;
class rewirer;
}  // namespace hocket::rewire
