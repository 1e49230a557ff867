// Who makes its calls again: whatever gives the same from the same.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/replay/listener.hpp"
#include "actors/replay/names.hpp"
#include "actors/replay/retrace.hpp"
#include "graph/contract/run_figures.hpp"

namespace hocket::replay {
namespace {

/// What the calls of an actor say about it.
struct past {
  bool source = false;
  bool called = false;
  std::string outside;          ///< why its calls cannot be made again; "": they can
  std::set<std::string> takes;  ///< outputs
};

void note_call(past& p, const record::recorded_call& c) {
  p.called = true;
  if (p.outside.empty() && c.what == host::call_kind::task)
    p.outside = "it told what threads of its own found out";
  if (p.outside.empty() && c.failed) p.outside = "it failed";
  if (!c.given.output.empty()) p.takes.insert(c.given.output);
  for (const auto& s : c.sets)
    for (const auto& [port, name] : s.inputs) p.takes.insert(name.output);
}

result<void> check_globs(const std::vector<std::string>& globs,
                         const std::vector<std::string>& names) {
  for (const auto& glob : globs)
    if (std::none_of(names.begin(), names.end(),
                     [&](const auto& name) { return record::matches_glob(glob, name); }))
      return fail("replay.no_such_actor",
                  fmt::format("no actor matches `{}`; actors: {}", glob, fmt::join(names, ", ")));
  return {};
}

}  // namespace

bool can_retrace(const record::recording& from) {
  return !from.is_virtual() && !from.calls().empty();
}

result<retrace_cast> cast_retrace(const plan& original, const record::recording& from,
                                  const replay_request& request,
                                  const std::vector<later_graph>& later) {
  std::vector<std::string> names;
  std::map<std::string, past> all;
  const auto look = [&](const plan& graph) {
    for (std::size_t i = 0; i < graph.actors.size(); ++i) {
      const auto& a = graph.actors[i];
      if (all.try_emplace(a.name).second) names.push_back(a.name);
      const bool plays =
          watches_run(a.type->info.type) ||
          (a.type->info.source && !only_listened(graph, static_cast<actor_index>(i), from));
      all[a.name].source = all[a.name].source || plays;
    }
  };
  look(original);
  for (const auto& l : later) look(l.graph);
  HOCKET_TRY(check_globs(request.only, names));
  HOCKET_TRY(check_globs(request.play, names));
  for (const auto& place : from.calls()) {
    const auto c = from.read(place);
    if (!c) return fail(c);
    note_call(all[c->actor], *c);
  }
  for (const auto& e : from.events())
    if (e.what == "hung" || e.what == "restarting" || e.what == "lost")
      if (all[e.actor].outside.empty()) all[e.actor].outside = "it failed";

  std::set<std::string> live;
  std::map<std::string, std::string> why;
  for (const auto& name : names) {
    const auto& p = all[name];
    if (p.source || !p.called || matches_any(request.play, name)) continue;
    if (!request.only.empty() && !matches_any(request.only, name)) continue;
    if (p.outside.empty())
      live.insert(name);
    else
      why[name] = p.outside;
  }
  // Who lacks an input cannot be made again, and then neither can who takes what it said.
  for (bool again = true; again;) {
    again = false;
    for (const auto& name : std::vector<std::string>(live.begin(), live.end()))
      for (const auto& output : all[name].takes) {
        if (live.count(actor_of(output)) > 0 || from.find(output) != nullptr) continue;
        why[name] = fmt::format("{}, which it took, is not in the recording", output);
        again = live.erase(name) > 0 || again;
        break;
      }
  }
  retrace_cast out;
  std::set<std::string> taken;
  for (const auto& name : live)
    for (const auto& output : all[name].takes) taken.insert(actor_of(output));
  for (const auto& name : names) {
    if (live.count(name) > 0)
      out.live.push_back(name);
    else
      (taken.count(name) > 0 ? out.played : out.left_out).push_back(name);
    if (const auto reason = why.find(name); reason != why.end())
      out.notes.push_back(fmt::format(
          "{} is {}: {}", name, taken.count(name) > 0 ? "played" : "left out", reason->second));
  }
  if (out.live.empty())
    return fail("replay.nothing_runs",
                out.notes.empty() ? "the recording holds no calls of an actor that would run"
                                  : fmt::format("no actor is left that would run: {}",
                                                fmt::join(out.notes, "; ")));
  return out;
}

}  // namespace hocket::replay
