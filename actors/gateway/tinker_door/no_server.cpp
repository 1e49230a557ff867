// A build without the engine trains nothing.
#include "actors/gateway/tinker_door/server.hpp"

namespace hocket::tinker {

result<std::unique_ptr<running_server>> start_server(const server_settings&, saved_adapter) {
  return fail("tinker.no_engine", "this build has no engine, so that it trains nothing");
}

}  // namespace hocket::tinker
