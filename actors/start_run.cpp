#include "actors/start_run.hpp"

namespace hocket {

result<std::unique_ptr<host::runtime>> start_run(const plan& graph, const registry& types,
                                                 start_options options) {
  host::runtime_options run = options;
  options.host.revision = options.revision;
  distributed::join_hosts(run, std::move(options.host));
  rewire::allow_changes(run, std::move(static_cast<rewire::options&>(options)));
  return host::runtime::start(graph, types, std::move(run));
}

}  // namespace hocket
