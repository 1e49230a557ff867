#include <array>
#include <csignal>
#include <filesystem>
#include <future>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "actors/rewire/report.hpp"
#include "actors/host/runtime.hpp"
#include "actors/start_run.hpp"
#include "actors/replay/comparison.hpp"
#include "actors/replay/replay_plan.hpp"
#include "graph/spec/to_yaml.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/run/accounts.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

volatile std::sig_atomic_t stop_wanted = 0;

/// The graph to run: the recorded one or another, with components replaced.
loaded_graph graph_to_replay(const replay_options& o, const record::recording& from,
                             const registry& types) {
  auto first = o.how;
  if (!o.replace.empty()) first.sets.clear();  // they mean the components that are put in
  auto loaded = o.graph.empty()
                    ? load_graph_text(o.file + ":" + std::string(record::graph_attachment),
                                      from.graph_yaml(), types, first, true)
                    : load_graph(o.graph, types, first);
  if (!loaded.graph) return loaded;
  if (o.graph.empty() && first.sets.empty() && loaded.graph->hash != from.fact("graph_hash"))
    loaded.findings.add({severity::warning,
                         {o.file, 0, 0},
                         "replay.other-graph",
                         "the recorded graph means something else to this program: its components "
                         "have other keys or ports now",
                         "",
                         {}});
  if (o.replace.empty()) return loaded;
  std::map<std::string, std::string> others;
  for (const auto& r : o.replace) {
    const auto at = r.find('=');
    const auto actor = r.substr(0, at);
    const auto& actors = loaded.graph->actors;
    const bool known =
        std::any_of(actors.begin(), actors.end(), [&](const auto& a) { return a.name == actor; });
    if (at == r.npos || !known) {
      loaded.findings.add({severity::error,
                           {},
                           "cli.bad-replace",
                           at == r.npos ? "--replace takes ACTOR=COMPONENT, got `" + r + "`"
                                        : "--replace: no actor is called `" + actor + "`",
                           "`hocket record info` names the recorded outputs",
                           {}});
      loaded.graph.reset();
      return loaded;
    }
    others[actor] = r.substr(at + 1);
  }
  return load_graph_text(o.graph.empty() ? o.file : o.graph, spec::to_yaml(*loaded.graph, others),
                         *loaded.types, o.how, true);
}

/// What the recorded run was rewired to. Errors: apply.bad_graph, replay.no_graph.
result<std::vector<replay::later_graph>> later_graphs(const replay_options& o,
                                                      const record::recording& from,
                                                      const registry& types) {
  std::vector<replay::later_graph> out;
  if (!o.graph.empty()) return out;
  std::map<std::string, std::string> others;
  for (const auto& r : o.replace) others[r.substr(0, r.find('='))] = r.substr(r.find('=') + 1);
  auto as_it_was = o.how;
  if (!others.empty()) as_it_was.sets.clear();
  for (const auto& r : from.revisions()) {
    const auto name = fmt::format("{}:graph.{:04}.yaml", o.file, r.number);
    if (r.graph_yaml.empty())
      return fail("replay.no_graph", name + ": the graph of this revision is not in the recording");
    std::map<std::string, std::string> none;
    auto next = load_again(name, r.graph_yaml, none, types, as_it_was, true);
    if (next && !others.empty())
      next = load_again(name, spec::to_yaml(*next, others), none, types, o.how, true);
    if (!next) return fail(next);
    out.push_back({r.number, r.from, std::move(*next)});
  }
  return out;
}

/// What becomes of the recorded run's rewires, for who reads the end of this.
std::vector<std::string> rewire_warnings(const replay_options& o, const record::recording& from) {
  std::vector<std::string> out;
  for (const auto& r : from.revisions()) {
    if (o.graph.empty())
      out.push_back(
          fmt::format("the run was rewired to revision {} at {:.3f} s (micro-turn {}), "
                      "and so is the replay",
                      r.number, r.from.seconds(), r.micro_turn));
    else
      out.push_back(
          fmt::format("the run was rewired to revision {} at {:.3f} s; --graph runs one "
                      "graph from beginning to end",
                      r.number, r.from.seconds()));
  }
  return out;
}

host::run_summary wait_for(host::runtime& run) {
  auto end = std::async(std::launch::async, [&] { return run.wait(); });
  bool stopping = false;
  while (end.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready)
    if (stop_wanted != 0 && !stopping) {
      stopping = true;
      run.stop();
    }
  return end.get();
}

struct outcome_of_replay {
  host::run_summary end;
  std::vector<replay::compared_output> compared;
  std::vector<std::string> not_rewired;  ///< rewires that could not be repeated, and why
  double wall_s = 0;
};

std::string_view to_string(host::end_reason why) {
  constexpr std::array<std::string_view, 3> names = {"finished", "stopped", "failed"};
  return names[static_cast<std::size_t>(why)];
}

void print_text(const replay_options& o, const replay::replay_plan& what,
                const outcome_of_replay& r) {
  fmt::print("played: {}\nran: {}\n", fmt::join(what.played, ", "), fmt::join(what.live, ", "));
  if (!what.left_out.empty()) fmt::print("left out: {}\n", fmt::join(what.left_out, ", "));
  fmt::print("\n{}", accounts_text(r.end.last));
  if (o.check) {
    fmt::print("\n{:<28} {:>9} {:>9} {:>9}\n", "output", "recorded", "replayed", "same");
    for (const auto& c : r.compared) {
      fmt::print("{:<28} {:>9} {:>9} {:>9}{}\n", c.name, c.recorded, c.replayed, c.same,
                 c.fine() ? "" : "  differs");
      if (!c.fine()) fmt::print("  first difference: {}\n", c.first_difference);
    }
  }
  fmt::print("\n{}{} after {:.1f} s of stream time, {:.1f} s of wall time\n", to_string(r.end.why),
             r.end.detail.empty() ? "" : ": " + r.end.detail, r.end.last.now.seconds(), r.wall_s);
}

void print_json(const replay::replay_plan& what, const outcome_of_replay& r) {
  json out = {{"type", "summary"},         {"why", to_string(r.end.why)},
              {"detail", r.end.detail},    {"stream_s", r.end.last.now.seconds()},
              {"wall_s", r.wall_s},        {"played", what.played},
              {"ran", what.live},          {"left_out", what.left_out},
              {"warnings", what.warnings}, {"not_rewired", r.not_rewired},
              {"compared", json::array()}};
  for (const auto& c : r.compared)
    out["compared"].push_back({{"output", c.name},
                               {"recorded", c.recorded},
                               {"replayed", c.replayed},
                               {"same", c.same},
                               {"first_difference", c.first_difference}});
  out.update(json::parse(accounts_json(r.end.last)));
  fmt::print("{}\n", out.dump(-1, ' ', false, json::error_handler_t::replace));
}

result<outcome_of_replay> run_it(const replay_options& o, const replay::replay_plan& what,
                                 std::shared_ptr<const record::recording> from,
                                 const registry& types) {
  replay::comparison compare(what.graph, std::move(from), what.live, what.same_epochs);
  start_options how;
  how.virtual_time = !o.real_time;
  how.sessions = what.sessions;
  how.output_dir = o.out;
  if (o.check) how.observers = {&compare};
  outcome_of_replay out;
  for (const auto& l : what.later)
    how.planned_rewires.push_back({fmt::to_string(l.number), l.from});
  how.load = [&](host::graph_text& t) -> result<plan> {
    for (const auto& l : what.later)
      if (fmt::to_string(l.number) == t.file) return l.graph;
    return fail("replay.no_graph", "no revision " + t.file);
  };
  how.rewired = [&](const host::rewire_request& asked, const host::rewire_outcome& is) {
    if (is.state != host::rewire_state::committed)
      out.not_rewired.push_back(fmt::format("revision {}: {}", asked.graph.file, is.why));
  };
  std::signal(SIGINT, [](int) { stop_wanted = 1; });
  std::signal(SIGTERM, [](int) { stop_wanted = 1; });
  const auto start = std::chrono::steady_clock::now();
  auto run = start_run(what.graph, types, how);
  if (!run) return fail(run);
  out.end = wait_for(**run);
  run->reset();
  out.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (o.check) out.compared = compare.results();
  return out;
}

}  // namespace

int run_replay(const replay_options& o) {
  const auto from = record::recording::open(o.file);
  if (!from)
    return complain(from.error(), exit_bad_input,
                    "give a recording that `hocket run --record` wrote");
  if (o.graph.empty() && (*from)->graph_yaml().empty())
    return complain({"replay.no_graph", o.file + ": holds no graph"}, exit_bad_input,
                    "give one with --graph");
  const auto types = known_types(o.how.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  const auto loaded = graph_to_replay(o, **from, *types);
  if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
  const auto later = later_graphs(o, **from, *loaded.types);
  if (!later)
    return complain(later.error(), exit_bad_input,
                    "the recorded run was rewired; give one graph for all of it with --graph");
  replay::replay_request request{o.only, o.play};
  for (const auto& r : o.replace) request.replaced.push_back(r.substr(0, r.find('=')));
  if (const auto lacking = find_lacking(*loaded.graph, **from, o.file, request, *later);
      lacking.has_errors())
    return print_findings(lacking);
  auto what = replay::make_replay(*loaded.graph, *from, request, *later);
  if (!what) return complain(what.error(), exit_bad_input);
  for (auto& w : rewire_warnings(o, **from)) what->warnings.push_back(std::move(w));
  if (!o.json)
    for (const auto& w : what->warnings) fmt::print(stderr, "warning: {}\n", w);
  if (const auto out = trust::folder::open(o.out); !out)
    return complain({"run.cannot_write", out.error().message}, exit_bad_input,
                    "give a folder that can be written with --out");
  const auto done = run_it(o, *what, *from, *loaded.types);
  if (!done) return complain(done.error(), exit_failed);
  if (o.json)
    print_json(*what, *done);
  else
    print_text(o, *what, *done);
  for (const auto& n : done->not_rewired)
    fmt::print(stderr, "error: could not rewire as the run did: {} [replay.not_rewired]\n", n);
  bool same = done->not_rewired.empty();
  for (const auto& c : done->compared) same = same && c.fine();
  const bool fine = done->end.why != host::end_reason::failed && done->end.last.law_holds();
  return fine && same ? exit_fine : exit_failed;
}

}  // namespace hocket::cli
