#include "graph/contract/plugin.hpp"
#include "plugins/audio_parts/delay.hpp"
#include "plugins/audio_parts/gate.hpp"
#include "plugins/audio_parts/mix.hpp"
#include "plugins/audio_parts/remix.hpp"
#include "plugins/audio_parts/resample.hpp"
#include "plugins/audio_parts/selector.hpp"

HOCKET_PLUGIN(audio_parts) {
  using namespace hocket;
  using namespace hocket::audio_parts;
  HOCKET_TRY(into.add(type_of<resample>()));
  HOCKET_TRY(into.add(type_of<remix>()));
  HOCKET_TRY(into.add(type_of<mix>()));
  HOCKET_TRY(into.add(type_of<delay>()));
  HOCKET_TRY(into.add(type_of<audio_parts::gate>()));
  return into.add(type_of<selector>());
}
