#include "actors/replay/lacking.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/host/plan_view.hpp"

namespace hocket::replay {
namespace {

void note(std::vector<std::string>& list, const std::string& name) {
  if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
}

std::string of_revision(int revision) {
  return revision > 1 ? fmt::format("revision {}: ", revision) : "";
}

/// Actors of which every connected input comes from an output that was recorded.
std::vector<std::string> fed_by(const plan& graph, const record::recording& from) {
  std::map<actor_index, bool> fed;
  for (const auto& l : graph.links) {
    const bool has = from.find(host::output_name(graph, l.from, l.from_port)) != nullptr;
    const auto at = fed.emplace(l.to, true).first;
    at->second = at->second && has;
  }
  std::vector<std::string> out;
  for (const auto& [actor, is] : fed)
    if (is) out.push_back(graph.actors[actor].name);
  return out;
}

}  // namespace

void lacking_list::look(const plan& graph, const std::vector<role>& roles, int revision) {
  for (const auto& l : graph.links) {
    if (roles[l.to] != role::live || roles[l.from] != role::played) continue;
    const auto& actor = graph.actors[l.from];
    hosts_.insert(actor.host);
    const auto name = host::output_name(graph, l.from, l.from_port);
    if (from_.find(name) != nullptr) continue;
    auto it = std::find_if(all_.begin(), all_.end(), [&](const auto& o) { return o.name == name; });
    if (it == all_.end()) it = all_.insert(it, {name, actor.name, actor.host, {}, revision});
    note(it->feeds, graph.actors[l.to].name);
  }
  auto fed = fed_by(graph, from_);
  if (looked_)
    std::erase_if(fed_, [&](const auto& name) {
      return std::find(fed.begin(), fed.end(), name) == fed.end();
    });
  else
    fed_ = std::move(fed);
  looked_ = true;
}

bool lacking_list::elsewhere(const output& o) const {
  const auto here = from_.fact("host");
  return !here.empty() && !o.host.empty() && o.host != here;
}

diagnostic lacking_list::not_recorded(const output& o) const {
  std::vector<std::string> there;
  for (const auto& r : from_.outputs()) there.push_back(r.name);
  return {severity::error,
          {},
          "replay.not_recorded",
          fmt::format("{}{} feeds {}, but is not in the recording (which holds {})",
                      of_revision(o.revision), o.name, fmt::join(o.feeds, ", "),
                      there.empty() ? "no outputs" : fmt::format("{}", fmt::join(there, ", "))),
          fmt::format("run fewer actors with --only, or give {} another component with --replace",
                      o.actor),
          {}};
}

diagnostic lacking_list::other_host(const std::string& host) const {
  std::vector<std::string> what, actors;
  int revision = 0;
  for (const auto& o : all_) {
    if (o.host != host || !elsewhere(o)) continue;
    what.push_back(fmt::format("{} (feeds {})", o.name, fmt::join(o.feeds, ", ")));
    note(actors, o.actor + "=COMPONENT");
    revision = revision == 0 ? o.revision : std::min(revision, o.revision);
  }
  diagnostic d;
  d.code = "replay.other_host";
  d.message =
      fmt::format("{}host {} made this recording, and what host {} emitted is not in it: {}",
                  of_revision(revision), from_.fact("host"), host, fmt::join(what, ", "));
  if (hosts_.size() == 1)
    d.hint = fmt::format(
        "replay the recording that host {0} made (`hocket run GRAPH --host {0} --record FILE`): "
        "all that is played comes from there",
        host);
  else
    d.hint = fmt::format(
        "what is played comes from hosts {}, and a replay takes one recording: make one of theirs "
        "(`hocket record merge FILE --with FILE -o WHOLE`), choose actors that one of them feeds "
        "with --only, or replace the others",
        fmt::join(hosts_, ", "));
  if (!fed_.empty())
    d.notes.push_back(fmt::format("this recording feeds {0}: `--only {0}`", fmt::join(fed_, ",")));
  d.notes.push_back(
      fmt::format("to run something else in its place: `--replace {}`, keys with --set",
                  fmt::join(actors, " --replace ")));
  return d;
}

diagnostics lacking_list::findings(const std::string& file) const {
  diagnostics out;
  std::set<std::string> told;
  for (const auto& o : all_) {
    if (elsewhere(o) && !told.insert(o.host).second) continue;
    auto d = elsewhere(o) ? other_host(o.host) : not_recorded(o);
    d.where.file = file;
    out.add(std::move(d));
  }
  return out;
}

}  // namespace hocket::replay
