#include "guest.hpp"

#include "graph/contract/plugin.hpp"

HOCKET_PLUGIN(guest) {
  HOCKET_TRY(into.add(greet_tool()));
  HOCKET_TRY(into.add(beat_component()));
  return into.add(tally_component());
}
