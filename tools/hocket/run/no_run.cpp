#include "tools/hocket/run/no_run.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "graph/spec/outputs.hpp"
#include "tools/hocket/doctor.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/process.hpp"
#include "tools/hocket/run/out_lock.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

/// What to call where the start failed: doctor, if it finds something in this graph here and now.
std::string doctor_hint(const run_options& o, const plan& graph) {
  const auto found = examine_graph(graph);
  const auto bad = std::ranges::find(found, finding::grade::bad, &finding::how);
  if (bad == found.end()) return "";
  auto line = "hocket doctor " + shell_word(o.graph);
  for (const auto& s : o.how.sets) line += " --set " + shell_word(s);
  for (const auto& p : o.how.params) line += " --param " + shell_word(p);
  for (const auto& p : o.how.plugins) line += " --plugin " + shell_word(p);
  return fmt::format("`{}` says what it lacks: {}: {}", line, bad->what, bad->detail);
}

}  // namespace

int no_folder(const error& why) {
  return complain(why, exit_bad_input,
                  why.code == "run.folder_in_use" ? out_lock::remedy
                                                  : "give a folder that can be written with --out");
}

int no_beginning(const error& why) {
  if (why.code == "rewire.not-asked") {
    say(stderr, "stopped before a host answered; the vote stays open, and the next start asks\n");
    return exit_fine;
  }
  if (why.code == "run.reads_otherwise" || why.code == "apply.bad_graph")
    return complain(
        why, exit_bad_input,
        "start it as it was started then, with the same --param, --set and environment");
  if (why.code == "rewire.plugins" || why.code.starts_with("plugin."))
    return complain(why, exit_bad_input,
                    "a killed run left a revision with this plugin: start it with the same "
                    "--may-load; --from-file begins with the file");
  const bool kept = why.code.starts_with("apply.") || why.code.starts_with("trust.") ||
                    why.code == "rewire.not_allowed";
  return complain(why, exit_bad_input,
                  kept ? "a killed run left this revision; --from-file begins with the file, which "
                         "the other hosts must have, too"
                       : "");
}

int no_start(const run_options& o, const plan& graph, const error& why) {
  // A path that leads nowhere is the user's.
  const bool lacks = std::ranges::any_of(graph.actors, [&](const plan_actor& a) {
    return (a.host.empty() || a.host == o.host) && !spec::missing_input(a).empty();
  });
  return complain(why, lacks ? exit_bad_input : exit_failed, doctor_hint(o, graph));
}

}  // namespace hocket::cli
