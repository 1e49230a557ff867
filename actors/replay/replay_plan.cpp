#include "actors/replay/replay_plan.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/record/graph_recorder.hpp"
#include "actors/replay/lacking.hpp"
#include "actors/replay/listener.hpp"
#include "actors/replay/names.hpp"
#include "actors/replay/player.hpp"
#include "graph/contract/run_figures.hpp"

namespace hocket::replay {
namespace {

using graphs = std::vector<const plan*>;

/// A glob may mean somebody who is in one of the graphs alone.
result<void> check_globs(const graphs& all, const std::vector<std::string>& globs) {
  const auto& graph = *all.front();
  std::vector<std::string> names;
  for (const auto* g : all)
    for (const auto& a : g->actors)
      if (std::find(names.begin(), names.end(), a.name) == names.end()) names.push_back(a.name);
  for (const auto& glob : globs) {
    if (std::any_of(names.begin(), names.end(),
                    [&](const auto& name) { return record::matches_glob(glob, name); }))
      continue;
    const auto near = nearest(glob, names);
    return fail("replay.no_such_actor",
                fmt::format("no actor of {} matches `{}`; {}", graph.name, glob,
                            near.empty() ? fmt::format("its actors: {}", fmt::join(names, ", "))
                                         : fmt::format("did you mean `{}`?", near)));
  }
  return {};
}

result<std::vector<role>> cast(const plan& graph, const record::recording& from,
                               const replay_request& request) {
  std::vector<role> roles(graph.actors.size(), role::left_out);
  for (std::size_t i = 0; i < roles.size(); ++i) {
    const auto& a = graph.actors[i];
    const bool replaced = std::find(request.replaced.begin(), request.replaced.end(), a.name) !=
                          request.replaced.end();
    const bool runs = request.only.empty()
                          ? (!a.type->info.source && !watches_run(a.type->info.type)) || replaced ||
                                only_listened(graph, static_cast<actor_index>(i), from)
                          : matches_any(request.only, a.name);
    if (runs && !matches_any(request.play, a.name)) roles[i] = role::live;
  }
  for (const auto& l : graph.links)
    if (roles[l.to] == role::live && roles[l.from] != role::live) roles[l.from] = role::played;
  if (std::find(roles.begin(), roles.end(), role::live) == roles.end())
    return fail("replay.nothing_runs", "no actor is left that would run; name one with --only");
  return roles;
}

std::vector<std::string> warnings_of(const record::recording& from, bool sees_marks) {
  std::vector<std::string> out;
  if (!from.how_it_ended().complete)
    out.push_back("the recording is INCOMPLETE: " + from.how_it_ended().why);
  if (!from.is_virtual())
    out.push_back(
        "it was recorded in real time: packets come at the next whole millisecond, and "
        "nothing is late");
  if (const auto host = from.fact("host"); !host.empty())
    out.push_back("host " + host +
                  " recorded it: what other hosts emitted is not in it, and not compared");
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

/// The plans of a replay, one graph after the other.
class maker {
 public:
  maker(std::shared_ptr<const record::recording> from, const replay_request& request,
        replay_plan& out)
      : from_(std::move(from)), request_(request), out_(out) {}

  result<plan> make(const plan& original) {
    const auto roles = cast(original, *from_, request_);
    if (!roles) return fail(roles);
    lacking_list lacking(*from_);
    lacking.look(original, *roles, 1);
    const auto found = lacking.findings("");
    if (found.has_errors()) return fail(found.items().front().code, found.items().front().message);
    plan made;
    copy_part(original, *roles, made);
    std::size_t next = 0;
    for (std::size_t i = 0; i < roles->size(); ++i) {
      const auto is = (*roles)[i];
      note(is == role::live     ? out_.live
           : is == role::played ? out_.played
                                : out_.left_out,
           original.actors[i].name);
      if (is == role::left_out) continue;
      if (is == role::played) put_player(made.actors[next], original.grid);
      if (is == role::live && only_listened(original, static_cast<actor_index>(i), *from_))
        put_listener(made.actors[next]);
      ++next;
    }
    return made;
  }

 private:
  static void note(std::vector<std::string>& list, const std::string& name) {
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  }

  // One type for an actor that is the same one in several graphs: it is played on.
  void put_player(plan_actor& a, const micro_turn_grid& grid) {
    auto& type = players_[{a.name, a.type}];
    if (type == nullptr) {
      auto what = track_of(from_, a.name, a.type->info);
      out_.types.push_back(
          std::make_unique<component_type>(player_type(std::move(what), a.type->info, grid)));
      type = out_.types.back().get();
    }
    a.type = type;
    a.config = type->make_config();
    a.policy = input_policy::immediate;
    a.restart = {};
    a.restart.when = restart_policy::mode::never;
    a.restart.stop_graph = true;
  }

  void put_listener(plan_actor& a) {
    auto& type = listeners_[a.type];
    if (type == nullptr) {
      out_.types.push_back(std::make_unique<component_type>(listener_type(*a.type)));
      type = out_.types.back().get();
    }
    a.type = type;
  }

  std::shared_ptr<const record::recording> from_;
  const replay_request& request_;
  replay_plan& out_;
  std::map<const component_type*, const component_type*> listeners_;
  std::map<std::pair<std::string, const component_type*>, const component_type*> players_;
};

}  // namespace

diagnostics find_lacking(const plan& original, const record::recording& from,
                         const std::string& file, const replay_request& request,
                         const std::vector<later_graph>& later) {
  lacking_list out(from);
  const auto look = [&](const plan& graph, int revision) {
    if (const auto roles = cast(graph, from, request)) out.look(graph, *roles, revision);
  };
  look(original, 1);
  for (const auto& l : later) look(l.graph, l.number);
  return out.findings(file);
}

result<replay_plan> make_replay(const plan& original, std::shared_ptr<const record::recording> from,
                                const replay_request& request,
                                const std::vector<later_graph>& later) {
  graphs all{&original};
  for (const auto& l : later) all.push_back(&l.graph);
  HOCKET_TRY(check_globs(all, request.only));
  HOCKET_TRY(check_globs(all, request.play));
  replay_plan out;
  maker make(from, request, out);
  auto first = make.make(original);
  if (!first) return fail(first);
  out.graph = std::move(*first);
  for (const auto& l : later) {
    auto next = make.make(l.graph);
    if (!next)
      return fail(next.error().code,
                  fmt::format("revision {}: {}", l.number, next.error().message));
    out.later.push_back({l.number, l.from, std::move(*next)});
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
