#include <array>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "actors/rewire/report.hpp"
#include "actors/host/plan_view.hpp"
#include "actors/host/runtime.hpp"
#include "actors/start_run.hpp"
#include "actors/record/cut.hpp"
#include "actors/replay/comparison.hpp"
#include "actors/replay/replay_plan.hpp"
#include "actors/replay/retrace.hpp"
#include "graph/contract/run_figures.hpp"
#include "graph/contract/sink.hpp"
#include "graph/spec/outputs.hpp"
#include "graph/spec/permit.hpp"
#include "graph/trust/trial.hpp"
#include "graph/spec/to_yaml.hpp"
#include "graph/trust/capability.hpp"
#include "tools/hocket/run/accounts.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/run/out_lock.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

/// A recording may come from anybody: its graph computes and decodes, reads beneath the current
/// folder (models) and writes beneath --out. A graph that the command line names is one's own.
trust::policy what_it_may(const replay_options& o) {
  if (o.trust || !o.graph.empty()) return trust::default_policy(trust::level::own);
  auto may = trust::default_policy(trust::level::recorded);
  may.folders = {"."};
  return may;
}

/// The graph to run: the recorded one or another, with components replaced.
loaded_graph graph_to_replay(const replay_options& o, const record::recording& from,
                             const registry& types, const trust::policy& may) {
  const text_origin recorded{true, true, &may};
  auto first = o.how;
  if (!o.replace.empty()) first.sets.clear();  // they mean the components that are put in
  auto loaded = o.graph.empty()
                    ? load_graph_text(o.file + ":" + std::string(record::graph_attachment),
                                      from.graph_yaml(), types, first, recorded)
                    : load_graph_to_run(o.graph, first);
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
                         *loaded.types, o.how, recorded);
}

/// What the recorded run was rewired to. Errors: apply.bad_graph, replay.no_graph.
result<std::vector<replay::later_graph>> later_graphs(const replay_options& o,
                                                      const record::recording& from,
                                                      const registry& types,
                                                      const trust::policy& may) {
  const text_origin recorded{true, true, &may};
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
    auto next = load_again(name, r.graph_yaml, none, types, as_it_was, recorded);
    if (next && !others.empty())
      next = load_again(name, spec::to_yaml(*next, others), none, types, o.how, recorded);
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
    if (!stopping && (signal_that_came() != 0 || output_abandoned())) {
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
  say("played: {}\nran: {}\n", fmt::join(what.played, ", "), fmt::join(what.live, ", "));
  if (!what.left_out.empty()) say("left out: {}\n", fmt::join(what.left_out, ", "));
  say("\n{}", accounts_text(r.end.last));
  if (o.check) {
    say("\n{:<28} {:>9} {:>9} {:>9}\n", "output", "recorded", "replayed", "same");
    for (const auto& c : r.compared) {
      say("{:<28} {:>9} {:>9} {:>9}{}\n", c.name, c.recorded, c.replayed, c.same,
          c.fine() ? "" : "  differs");
      if (!c.fine()) say("  first difference: {}\n", c.first_difference);
    }
  }
  say("\n{}{} after {:.1f} s of stream time, {:.1f} s of wall time\n", to_string(r.end.why),
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
  say("{}\n", out.dump(-1, ' ', false, json::error_handler_t::replace));
}

result<outcome_of_replay> run_it(const replay_options& o, const replay::replay_plan& what,
                                 std::shared_ptr<const record::recording> from,
                                 const registry& types, const trust::policy& may) {
  replay::comparison compare(what.graph, std::move(from), what.live, what.same_epochs);
  start_options how;
  how.virtual_time = !o.real_time;
  how.sessions = what.sessions;
  how.output_dir = o.out;
  how.may = std::make_shared<const trust::capability>(may, o.out);
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
  end_in_order_on_signals();
  const auto start = std::chrono::steady_clock::now();
  const trust::trial start_of_run;
  auto run = start_run(what.graph, types, how);
  if (!run) return fail(run);
  out.end = wait_for(**run);
  run->reset();
  out.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (o.check) out.compared = compare.results();
  return out;
}

/// The graph without those who are played: nothing of theirs is opened.
plan only_live(plan graph, const std::vector<std::string>& live) {
  for (auto& a : graph.actors)
    a.removed = a.removed || std::find(live.begin(), live.end(), a.name) == live.end();
  return graph;
}

/// What the graph of a recording may not do here.
diagnostics refusals(const replay::replay_plan& what, const trust::policy& may) {
  diagnostics out;
  spec::permit(what.graph, may, out);
  for (const auto& l : what.later) spec::permit(l.graph, may, out);
  return out;
}

/// A run in real time once more, call by call. Only as it was: another graph, component or setting
/// would have been called otherwise.
bool retraces(const replay_options& o, const record::recording& from) {
  return replay::can_retrace(from) && o.graph.empty() && o.replace.empty() && o.how.sets.empty() &&
         o.how.params.empty() && !o.real_time && !o.approximate;
}

result<outcome_of_replay> retrace_it(const replay_options& o, replay::replay_plan& what,
                                     const plan& graph,
                                     std::shared_ptr<const record::recording> from,
                                     const std::vector<replay::later_graph>& later,
                                     const registry& types, const trust::policy& may) {
  auto who = replay::cast_retrace(graph, *from, {o.only, o.play}, later);
  if (!who) return fail(who);
  diagnostics refused;
  spec::permit(only_live(graph, who->live), may, refused);
  for (const auto& l : later) spec::permit(only_live(l.graph, who->live), may, refused);
  if (refused.has_errors()) return fail("trust.refused", refused.to_string());
  what.live = who->live;
  what.played = who->played;
  what.left_out = who->left_out;
  what.warnings = who->notes;
  if (!from->how_it_ended().complete)
    what.warnings.push_back("the recording is INCOMPLETE: " + from->how_it_ended().why);
  end_in_order_on_signals();
  const auto start = std::chrono::steady_clock::now();
  replay::retrace_options how;
  how.types = &types;
  how.output_dir = o.out;
  how.may = std::make_shared<const trust::capability>(may, o.out);
  how.stop_wanted = [] { return signal_that_came() != 0 || output_abandoned(); };
  const trust::trial start_of_run;
  auto done = replay::retrace(graph, std::move(from), *who, how, later);
  if (!done) return fail(done);
  (void)trust::keep_files();
  for (auto& n : done->notes) what.warnings.push_back(std::move(n));
  outcome_of_replay out;
  out.end = std::move(done->end);
  out.end.detail = fmt::format("{} calls were made again", done->calls);
  if (o.check) out.compared = std::move(done->compared);
  out.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

/// In a run in virtual time every actor that speaks does what it did only where the order of the
/// packets on one link says all: not where it ticks, takes sets or has several inputs.
bool order_says_all(const plan& graph, const std::vector<std::string>& live) {
  for (std::size_t i = 0; i < graph.actors.size(); ++i) {
    const auto& a = graph.actors[i];
    if (is_sink(a.type->info)) continue;
    if (std::find(live.begin(), live.end(), a.name) == live.end()) continue;
    const auto links = std::count_if(graph.links.begin(), graph.links.end(),
                                     [&](const auto& l) { return l.to == i; });
    if (a.type->info.ticks || a.policy != input_policy::immediate || links > 1) return false;
  }
  return true;
}

/// Why a replay would not be what was recorded; "" where it is, or where something else is asked for.
std::string why_unfaithful(const replay_options& o, const record::recording& from,
                           const replay::replay_plan& what) {
  if (o.approximate || !o.graph.empty() || !o.replace.empty()) return "";
  const auto recorder = from.fact("recorder");
  if (const auto cut = from.fact(record::cut_from_fact); !cut.empty() && cut != "0")
    return fmt::format("it was cut at {:.3f} s: what actors heard before is not in it",
                       static_cast<double>(std::atoll(cut.c_str())) / 1e9);
  if (!from.fact("joined_ns").empty())
    return fmt::format("{} joined the run while it went on: what actors heard before is not in it",
                       recorder);
  if (from.is_virtual() || order_says_all(what.graph, what.live)) return "";
  return fmt::format(
      "it was recorded in real time{}, and does not hold when each actor was called",
      recorder == "run" ? "" : fmt::format(" by an actor of the graph ({})", recorder));
}

/// Who runs and who is played, where that is no retraced run; what cannot be is told.
std::optional<replay::replay_plan> cast_it(const replay_options& o, const record::recording& what,
                                           std::shared_ptr<const record::recording> from,
                                           const plan& graph,
                                           const std::vector<replay::later_graph>& later) {
  if (retraces(o, what)) return replay::replay_plan();
  replay::replay_request request{o.only, o.play};
  for (const auto& r : o.replace) request.replaced.push_back(r.substr(0, r.find('=')));
  if (const auto lacking = find_lacking(graph, what, o.file, request, later);
      lacking.has_errors()) {
    print_findings(lacking);
    return {};
  }
  auto made = replay::make_replay(graph, std::move(from), request, later);
  if (!made) {
    complain(made.error(), exit_bad_input);
    return {};
  }
  if (const auto why = why_unfaithful(o, what, *made); !why.empty()) {
    complain({"replay.not_faithful", fmt::format("{}: {}", o.file, why)}, exit_bad_input,
             "record with `hocket run --record FILE`, which holds all that a replay takes; "
             "--approximate runs this one as near as it comes");
    return {};
  }
  return std::move(*made);
}

/// A check that compared nothing says nothing, unless nobody who ran had anything to say: the
/// recording is whole, holds all their outputs, and no packet of them.
bool compared_enough(const replay_options& o, const std::vector<replay::compared_output>& all,
                     const plan& graph, const replay::replay_plan& what,
                     const record::recording& from) {
  if (std::any_of(all.begin(), all.end(), [](const auto& c) { return c.same > 0; })) return true;
  const auto spoke = [&](actor_index a) {
    const auto& outputs = graph.actors[a].type->info.outputs;
    for (std::size_t port = 0; port < outputs.size(); ++port) {
      const auto* said = from.find(host::output_name(graph, a, port));
      if (said == nullptr || said->packets > 0) return true;
    }
    return false;
  };
  const auto is_among = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  // Who is played though nobody asked for it could not run: what it was given is not in the file.
  const bool as_asked = !o.only.empty() || !o.play.empty();
  const auto could_not_run = [&](const plan_actor& a) {
    return !as_asked && !a.type->info.source && !watches_run(a.type->info.type) &&
           a.host == from.fact("host") && is_among(what.played, a.name);
  };
  for (std::size_t a = 0; a < graph.actors.size(); ++a) {
    const auto& actor = graph.actors[a];
    if ((is_among(what.live, actor.name) || could_not_run(actor)) &&
        spoke(static_cast<actor_index>(a)))
      return false;
  }
  return from.how_it_ended().complete;
}

/// The files that a replay would write must not be those that it reads.
diagnostics check_paths(const replay_options& o, const plan& graph) {
  auto reads = spec::inputs_of(graph);
  reads.push_back({o.file, "the recording"});
  reads.push_back({o.graph, "the graph file"});
  diagnostics out;
  spec::check_files(spec::beneath(o.out, spec::outputs_of(graph)), reads, out);
  return out;
}

/// Ends a replay: what it found, as text or JSON, and the exit code.
int conclude(const replay_options& o, const replay::replay_plan& what,
             const outcome_of_replay& done, bool enough) {
  if (o.json)
    print_json(what, done);
  else
    print_text(o, what, done);
  for (const auto& n : done.not_rewired)
    say(stderr, "error: could not rewire as the run did: {} [replay.not_rewired]\n", n);
  bool same = done.not_rewired.empty();
  for (const auto& c : done.compared) same = same && c.fine();
  if (o.check && !enough) {
    say(stderr,
        "error: --check compared nothing: no packet of an actor that ran is in the recording "
        "[replay.nothing_compared]\n");
    same = false;
  }
  const bool fine = done.end.why != host::end_reason::failed && done.end.last.law_holds();
  return fine && same ? exit_fine : exit_failed;
}

}  // namespace

int run_replay(const replay_options& o) {
  keep_output();
  const auto from = record::recording::open(o.file);
  if (!from)
    return complain(from.error(), exit_bad_input,
                    "give a recording that `hocket run --record` wrote");
  if (o.graph.empty() && (*from)->graph_yaml().empty())
    return complain({"replay.no_graph", o.file + ": holds no graph"}, exit_bad_input,
                    "give one with --graph");
  // A run is played from its beginning: a later piece has none.
  if (const auto piece = (*from)->fact(record::piece_fact); !piece.empty() && piece != "1")
    return complain(
        {"replay.piece", fmt::format("{} is piece {} of a recording that was written in "
                                     "turns, and does not begin with the run",
                                     o.file, piece)},
        exit_bad_input,
        "`hocket record merge FILE WHOLE.mcap` makes one recording of all its pieces");
  const auto may = what_it_may(o);
  const auto types = types_to_run(o.how.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  const auto loaded = graph_to_replay(o, **from, *types, may);
  if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
  const auto later = later_graphs(o, **from, *loaded.types, may);
  if (!later)
    return complain(later.error(), exit_bad_input,
                    "the recorded run was rewired; give one graph for all of it with --graph");
  if (const auto paths = check_paths(o, *loaded.graph); print_findings(paths) != exit_fine)
    return exit_bad_input;
  auto what = cast_it(o, **from, *from, *loaded.graph, *later);
  if (!what) return exit_bad_input;
  if (!retraces(o, **from))
    if (print_findings(refusals(*what, may)) != exit_fine) return exit_bad_input;
  const auto lock = out_lock::take(o.out, "replay of " + o.file);
  if (!lock)
    return complain(lock.error(), exit_bad_input,
                    lock.error().code == "run.folder_in_use"
                        ? out_lock::remedy
                        : "give a folder that can be written with --out");
  const bool again = retraces(o, **from);
  const auto done = again ? retrace_it(o, *what, *loaded.graph, *from, *later, *loaded.types, may)
                          : run_it(o, *what, *from, *loaded.types, may);
  for (auto& w : rewire_warnings(o, **from)) what->warnings.push_back(std::move(w));
  if (!o.json)
    for (const auto& w : what->warnings) say(stderr, "warning: {}\n", w);
  if (!done)
    return complain(done.error(),
                    done.error().code == "replay.nothing_runs" ? exit_bad_input : exit_failed);
  return conclude(o, *what, *done,
                  compared_enough(o, done->compared, *loaded.graph, *what, **from));
}

}  // namespace hocket::cli
