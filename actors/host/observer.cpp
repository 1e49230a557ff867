#include "actors/host/observer.hpp"

#include "graph/core/assert.hpp"

namespace hocket::host {

std::string_view to_string(call_kind kind) {
  switch (kind) {
    case call_kind::open: return "open";
    case call_kind::packet: return "packet";
    case call_kind::sets: return "sets";
    case call_kind::produce: return "produce";
    case call_kind::tick: return "tick";
    case call_kind::control: return "control";
    case call_kind::task: return "task";
    case call_kind::close: return "close";
  }
  HOCKET_ASSERT(false);
}

}  // namespace hocket::host
