#include "tools/hocket/run/run_files.hpp"

#include <utility>

#include "graph/spec/outputs.hpp"
#include "tools/hocket/run/kept_conversation.hpp"

namespace hocket::cli {

diagnostics check_run_files(const run_options& o, const plan& graph,
                            const std::vector<std::string>& includes) {
  const bool in_turns = !o.rotate.empty();
  std::vector<spec::named_file> writes = {
      {"events.jsonl", "the run (its event log)", {}, "", in_turns},
      {"refusals.jsonl", "the run (what it refused)"},
      {"hocket.sock", "the run (its status)"},
      {".hocket.lock", "the run (its lock)"},
      {"revisions", "the run (its revisions)", {}, "", false, true}};
  for (const char* name : picture_files) writes.push_back({name, "the run (its picture)"});
  for (auto& f : spec::outputs_of(graph))
    if (f.host.empty() || f.host == o.host) writes.push_back(std::move(f));
  writes = spec::beneath(o.out, std::move(writes));
  writes.push_back({o.record, "--record", {}, "", in_turns});
  writes.push_back({o.trace, "--trace"});
  writes.push_back({o.address_file, "--address-file"});
  auto reads = spec::inputs_of(graph);
  reads.push_back({o.graph, "the graph file"});
  reads.push_back({o.secret_key, "--secret-key"});
  for (const auto& path : includes) reads.push_back({path, "a part of the graph"});
  diagnostics out;
  spec::check_files(writes, reads, out);
  return out;
}

}  // namespace hocket::cli
