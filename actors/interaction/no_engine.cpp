#include "actors/interaction/micro_turn_engine.hpp"

namespace hocket::interaction {

result<std::unique_ptr<micro_turn_engine>> make_engine(const engine_options&) {
  return fail("interaction.no_engine",
              "this build has no engine; configure it with -DHOCKET_ENGINE=ON");
}

}  // namespace hocket::interaction
