#include "graph/contract/plugin.hpp"
#include "plugins/text_parts/batch.hpp"
#include "plugins/text_parts/rate_limit.hpp"
#include "plugins/text_parts/timer.hpp"

HOCKET_PLUGIN(text_parts) {
  using namespace hocket;
  HOCKET_TRY(into.add(type_of<text_parts::timer>()));
  HOCKET_TRY(into.add(type_of<text_parts::rate_limit>()));
  return into.add(type_of<text_parts::batch>());
}
