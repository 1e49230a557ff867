// A build without the engine trains nothing.
#include "actors/gateway/tinker_door/server.hpp"

namespace hocket::tinker {

result<std::unique_ptr<running_server>> start_server(const server_settings&, saved_adapter,
                                                     server_links) {
  return fail("tinker.no_engine", "this build has no engine, so that it trains nothing");
}

result<std::unique_ptr<running_worker>> start_worker(const worker_settings&,
                                                     std::function<void(std::string)>) {
  return fail("tinker.no_engine", "this build has no engine, so that it trains nothing");
}

}  // namespace hocket::tinker
