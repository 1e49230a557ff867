#include <fmt/format.h>
#include "tools/hocket/commands.hpp"
namespace hocket::cli {
static int pending() {
  fmt::print(stderr, "error: not built yet [cli.pending]\n");
  return exit_failed;
}
int run_run(const run_options&) { return pending(); }
int run_graph(const graph_command_options&) { return pending(); }
int run_list(const list_options&) { return pending(); }
int run_describe(const describe_options&) { return pending(); }
int run_new(const new_options&) { return pending(); }
int run_top(const top_options&) { return pending(); }
int run_doctor(const doctor_options&) { return pending(); }
int run_docs(const docs_options&) { return pending(); }
}  // namespace hocket::cli
#include "graph/contract/plugin.hpp"
namespace hocket {
__attribute__((weak)) result<void> load_plugin(const std::string& path, registry&) {
  return fail("plugin.cannot_load", path + ": plugins cannot be loaded yet");
}
}  // namespace hocket
