#include "actors/replay/replay_plan.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/host/plan_view.hpp"
#include "actors/record/graph_recorder.hpp"
#include "actors/replay/player.hpp"

namespace hocket::replay {
namespace {

enum class role : std::uint8_t { live, played, left_out };

result<std::vector<bool>> chosen(const plan& graph, const std::vector<std::string>& globs) {
  std::vector<bool> out(graph.actors.size());
  std::vector<std::string> names;
  for (const auto& a : graph.actors) names.push_back(a.name);
  for (const auto& glob : globs) {
    bool any = false;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (record::matches_glob(glob, names[i])) any = out[i] = true;
    if (any) continue;
    const auto near = nearest(glob, names);
    return fail("replay.no_such_actor",
                fmt::format("no actor of {} matches `{}`; {}", graph.name, glob,
                            near.empty() ? fmt::format("its actors: {}", fmt::join(names, ", "))
                                         : fmt::format("did you mean `{}`?", near)));
  }
  return out;
}

result<std::vector<role>> cast(const plan& graph, const replay_request& request) {
  const auto only = chosen(graph, request.only);
  if (!only) return fail(only);
  const auto play = chosen(graph, request.play);
  if (!play) return fail(play);
  std::vector<role> roles(graph.actors.size(), role::left_out);
  for (std::size_t i = 0; i < roles.size(); ++i) {
    const bool runs = request.only.empty() ? !graph.actors[i].type->info.source : bool((*only)[i]);
    if (runs && !(*play)[i]) roles[i] = role::live;
  }
  for (const auto& l : graph.links)
    if (roles[l.to] == role::live && roles[l.from] != role::live) roles[l.from] = role::played;
  if (std::find(roles.begin(), roles.end(), role::live) == roles.end())
    return fail("replay.nothing_runs", "no actor is left that would run; name one with --only");
  return roles;
}

result<void> check_recorded(const plan& graph, const std::vector<role>& roles,
                            const record::recording& from) {
  for (const auto& l : graph.links) {
    if (roles[l.to] != role::live || roles[l.from] != role::played) continue;
    const auto name = host::output_name(graph, l.from, l.from_port);
    if (from.find(name) != nullptr) continue;
    std::vector<std::string> there;
    for (const auto& o : from.outputs()) there.push_back(o.name);
    return fail("replay.not_recorded",
                fmt::format("{} feeds {}, but is not in the recording (which holds {}); run fewer "
                            "actors with --only, or give {} another component with --replace",
                            name, graph.actors[l.to].name, fmt::join(there, ", "),
                            graph.actors[l.from].name));
  }
  return {};
}

std::vector<std::string> warnings_of(const record::recording& from, bool sees_marks) {
  std::vector<std::string> out;
  if (!from.how_it_ended().complete)
    out.push_back("the recording is INCOMPLETE: " + from.how_it_ended().why);
  if (!from.is_virtual())
    out.push_back(
        "it was recorded in real time: packets come at the next whole millisecond, and "
        "nothing is late");
  if (!sees_marks)
    out.push_back(
        "it was recorded by an actor of the graph: bounds, ends and interruptions of "
        "played actors are not in it");
  for (const auto& e : from.events()) {
    if (e.what == "interrupted" && e.actor.empty())
      out.push_back(
          fmt::format("the interruption from outside at {:.3f} s is not repeated", e.at.seconds()));
    if (e.what == "session_opened" && e.at.ns() > 0)
      out.push_back(fmt::format("session {} began at {:.3f} s; here it runs from the beginning",
                                e.detail, e.at.seconds()));
    if (e.what == "restarting" || e.what == "lost" || e.what == "hung")
      out.push_back(
          fmt::format("{} failed at {:.3f} s; that is not repeated", e.actor, e.at.seconds()));
  }
  return out;
}

bool interrupts(const record::recording& from, const std::string& actor) {
  return std::any_of(from.events().begin(), from.events().end(),
                     [&](const auto& e) { return e.what == "interrupted" && e.actor == actor; });
}

/// The plan of what is left: indices are new.
void copy_part(const plan& original, const std::vector<role>& roles, plan& out) {
  std::vector<actor_index> place(roles.size());
  out.name = original.name;
  out.file = original.file;
  out.grid = original.grid;
  out.hash = original.hash;
  for (std::size_t i = 0; i < roles.size(); ++i) {
    if (roles[i] == role::left_out) continue;
    place[i] = static_cast<actor_index>(out.actors.size());
    out.actors.push_back(original.actors[i]);
    out.actors.back().host.clear();  // a replay is one process
  }
  for (auto l : original.links) {
    if (roles[l.to] != role::live || roles[l.from] == role::left_out) continue;
    l.from = place[l.from];
    l.to = place[l.to];
    out.links.push_back(std::move(l));
  }
  for (auto b : original.budgets) {
    const bool whole = std::all_of(b.path.begin(), b.path.end(),
                                   [&](auto i) { return roles[i] != role::left_out; });
    if (!whole) continue;
    for (auto& i : b.path) i = place[i];
    out.budgets.push_back(std::move(b));
  }
  for (const auto i : original.start_order)
    if (roles[i] != role::left_out) out.start_order.push_back(place[i]);
}

}  // namespace

result<replay_plan> make_replay(const plan& original, std::shared_ptr<const record::recording> from,
                                const replay_request& request) {
  const auto roles = cast(original, request);
  if (!roles) return fail(roles);
  HOCKET_TRY(check_recorded(original, *roles, *from));
  replay_plan out;
  copy_part(original, *roles, out.graph);
  for (std::size_t i = 0; i < roles->size(); ++i) {
    const auto& name = original.actors[i].name;
    auto& list = (*roles)[i] == role::live     ? out.live
                 : (*roles)[i] == role::played ? out.played
                                               : out.left_out;
    list.push_back(name);
  }
  for (auto& a : out.graph.actors) {
    if (std::find(out.played.begin(), out.played.end(), a.name) == out.played.end()) continue;
    auto what = track_of(from, a.name, a.type->info);
    out.types.push_back(std::make_unique<component_type>(
        player_type(std::move(what), a.type->info, original.grid)));
    a.type = out.types.back().get();
    a.config = a.type->make_config();
    a.policy = input_policy::immediate;
    a.restart.when = restart_policy::mode::never;
    a.restart.stop_graph = true;
  }
  if (const auto ids = from->sessions(); !ids.empty())
    out.sessions =
        static_cast<int>(std::min<std::uint64_t>(static_cast<std::uint64_t>(ids.back()), 100'000));
  out.warnings = warnings_of(*from, from->fact("recorder") == "run");
  for (const auto& name : out.left_out)
    if (interrupts(*from, name))
      out.warnings.push_back(name + " interrupted in the recorded run, and is left out here");
  out.same_epochs = out.left_out.empty() && from->fact("edges") == "*";
  return out;
}

}  // namespace hocket::replay
