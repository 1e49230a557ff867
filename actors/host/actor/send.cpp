// A packet from outside the graph: as if an actor had emitted it, in its turn.
#include "actors/host/actor/send.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "actors/host/actor/emission.hpp"
#include "actors/host/plan_view.hpp"
#include "graph/core/diagnostic.hpp"

namespace hocket::host {
namespace {

/// Tells once what became of a packet, also where its turn never comes: tasks of an actor that begins
/// anew, or ends, are thrown away.
class answer {
 public:
  answer(std::string who, sent_told told) : who_(std::move(who)), told_(std::move(told)) {}
  ~answer() {
    if (told_)
      told_(fail("send.not_running", who_ + " began anew, or ended, before its turn came"));
  }
  answer(const answer&) = delete;
  answer& operator=(const answer&) = delete;
  void give(result<sent_packet> how) { std::exchange(told_, nullptr)(std::move(how)); }

 private:
  std::string who_;
  sent_told told_;
};

struct place {
  actor_index actor = 0;
  std::size_t port = 0;
};

std::string where_else(const plan& graph, const std::string& name) {
  std::vector<std::string> outputs;
  for (std::size_t a = 0; a < graph.actors.size(); ++a) {
    const auto& actor = graph.actors[a];
    if (actor.removed) continue;
    for (std::size_t i = 0; i < actor.type->info.inputs.size(); ++i) {
      if (name != actor.name + "." + actor.type->info.inputs[i].name) continue;
      for (const auto& l : graph.links)
        if (l.to == a && l.to_port == i && !l.removed)
          return fmt::format("`{}` is an input; it is fed by {}", name,
                             output_name(graph, l.from, l.from_port));
    }
    for (std::size_t p = 0; p < actor.type->info.outputs.size(); ++p)
      outputs.push_back(output_name(graph, static_cast<actor_index>(a), p));
  }
  const auto near = nearest(name, outputs);
  return near.empty() ? fmt::format("no output is called `{}`", name)
                      : fmt::format("no output is called `{}`; did you mean `{}`?", name, near);
}

result<place> find_output(const plan& graph, const std::string& name) {
  for (std::size_t a = 0; a < graph.actors.size(); ++a)
    for (std::size_t p = 0; p < graph.actors[a].type->info.outputs.size(); ++p)
      if (!graph.actors[a].removed && output_name(graph, static_cast<actor_index>(a), p) == name)
        return place{static_cast<actor_index>(a), p};
  return fail("send.no_output", where_else(graph, name));
}

}  // namespace

// On the thread that has the actor's token, between two of its calls.
void emission::say_for(session_id to, std::size_t port, const payload& what,
                       const sent_told& told) {
  for_session(to);
  const auto through = out_;
  if (!through || through->id() != to)
    return told(
        fail("send.no_session", fmt::format("no conversation {}", static_cast<std::uint64_t>(to))));
  const auto& stream = through->streams[port];
  if (stream.ended)
    return told(
        fail("send.ended", output_name(cell_.run_.graph(), cell_.id().actor, port) + " has ended"));
  const auto before = stream.next_seq;
  packet p;
  p.header.ts = cell_.run_.now();
  p.body = std::make_shared<const payload>(what);
  emit(port, p);
  if (stream.next_seq == before)
    return told(fail("send.refused", cell_.id().name + " refused it: see `hocket top`"));
  told(sent_packet{to, before, p.header.ts});
}

void emission::post(actor_cell& to, std::size_t port, session_id session, payload what,
                    const sent_told& told) {
  std::shared_ptr<instance> who;
  {
    std::lock_guard lock(to.mutex_);
    who = to.instance_;
  }
  if (!who) return told(fail("send.not_running", to.id().name + " does not run at present"));
  const auto one = std::make_shared<answer>(to.id().name, told);
  auto say = [port, session, what = std::move(what), one](emitter& out) {
    static_cast<emission&>(out).say_for(session, port, what,
                                        [&](auto how) { one->give(std::move(how)); });
  };
  if (!to.post_task(who, std::move(say)))
    one->give(fail("send.busy", to.id().name + " takes nothing more at present"));
}

void send(graph_run& run, const std::string& output, session_id to, payload what, sent_told told) {
  const auto& now = run.graph();
  const auto at = find_output(now, output);
  if (!at) return told(fail(at));
  const auto& actor = now.actors[at->actor];
  if (!actor.host.empty() && actor.host != run.options.host_name)
    return told(fail("send.other_host",
                     fmt::format("{} runs on host {}: ask the run there", actor.name, actor.host)));
  const auto& type = actor.type->info.outputs[at->port].type;
  if (type.kind != kind_of(what))
    return told(
        fail("send.wrong_kind", fmt::format("{} carries {}, not {}", output, to_string(type.kind),
                                            to_string(kind_of(what)))));
  if (!run.topology.find_session(to))
    return told(fail("send.no_session",
                     fmt::format("no conversation {} is open", static_cast<std::uint64_t>(to))));
  for (const auto& c : run.topology.cells())
    if (c->id().actor == at->actor && (c->id().is_shared() || c->id().session == to) &&
        !c->is_retiring())
      return emission::post(*c, at->port, to, std::move(what), told);
  told(fail("send.not_running", output + ": its actor does not run"));
}

}  // namespace hocket::host
