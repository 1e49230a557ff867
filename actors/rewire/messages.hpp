#pragma once

#include <memory>

#include "actors/host/run_changes.hpp"
#include "actors/rewire/fwd.hpp"
#include "graph/schema/host_message.hpp"

namespace hocket::rewire {

/// Requests and outcomes as hosts send them to each other, and back.
std::shared_ptr<const wire::rewire_request> to_message(const rewire_request& r);
std::shared_ptr<const wire::rewire_outcome> to_message(const rewire_outcome& o);
rewire_request from_message(const wire::rewire_request& m);
rewire_outcome from_message(const wire::rewire_outcome& m);

}  // namespace hocket::rewire
