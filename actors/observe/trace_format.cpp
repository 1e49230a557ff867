#include "actors/observe/trace_format.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hocket::observe {
namespace {

std::string as_json(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string us(std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

/// What tells one packet on one link from all others (FNV-1a over the names of both ends).
std::string id_of(const traced_call& c, const traced_input& in) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (std::uint64_t word :
       {std::uint64_t{c.actor}, std::uint64_t{in.port}, std::uint64_t{in.sender},
        std::uint64_t{in.stream}, in.session, in.seq})
    for (int i = 0; i < 8; ++i, word >>= 8) {
      h ^= word & 0xff;
      h *= 0x100000001b3ULL;
    }
  // A string: a number of that size would lose digits in a viewer written in JavaScript.
  return fmt::format("\"0x{:x}\"", h);
}

}  // namespace

trace_format::trace_format(const plan& graph)
    : graph_(&graph), first_actors_(graph.actors.size()) {}

void trace_format::append(std::string& out, const trace_record& r) {
  // A server sees more conversations than we want to remember: a track may be named twice.
  if (named_.size() > 100'000) named_.clear();
  if (!is_known(r)) return;
  std::visit([&](const auto& one) { write(out, one); }, r);
}

// The snapshot that a depth comes from may be ahead of rewired().
bool trace_format::is_known(const trace_record& r) const {
  if (const auto* c = std::get_if<traced_call>(&r)) return c->actor < graph().actors.size();
  if (const auto* d = std::get_if<traced_depth>(&r)) return d->link < graph().links.size();
  return true;
}

void trace_format::begin(std::string& out) {
  out += first_ ? "\n" : ",\n";
  first_ = false;
}

int trace_format::process_of(actor_index actor) const {
  for (std::size_t i = 0; i < graph().hosts.size(); ++i)
    if (graph().hosts[i].name == graph().actors[actor].host) return static_cast<int>(i) + 1;
  return 1;
}

void trace_format::name_process(std::string& out, int pid) {
  if (!named_.insert({pid, -1}).second) return;
  const auto host = static_cast<std::size_t>(pid - 1);
  const auto name =
      host < graph().hosts.size() ? graph().name + " on " + graph().hosts[host].name : graph().name;
  begin(out);
  out += fmt::format(R"({{"ph":"M","pid":{},"name":"process_name","args":{{"name":{}}}}})", pid,
                     as_json(name));
}

trace_format::track trace_format::track_of(std::string& out, actor_index actor,
                                           std::uint64_t session) {
  const auto& a = graph().actors[actor];
  if (a.type->info.scope == instance_scope::shared) session = 0;
  // Those that came with a rewire have tracks behind all others: numbers once given stay.
  const auto width = static_cast<std::int64_t>(first_actors_) + 1;
  const bool late = actor >= first_actors_;
  const track t{process_of(actor),
                late ? (std::int64_t{1} << 40) + (static_cast<std::int64_t>(session) << 16) + actor
                     : static_cast<std::int64_t>(session) * width + actor + 1};
  name_process(out, t.pid);
  if (!named_.insert({t.pid, t.tid}).second) return t;
  const auto name = session > 1 ? fmt::format("{} #{}", a.name, session) : a.name;
  begin(out);
  out += fmt::format(R"({{"ph":"M","pid":{},"tid":{},"name":"thread_name","args":{{"name":{}}}}})",
                     t.pid, t.tid, as_json(name));
  // In the order of the graph file, conversation after conversation.
  begin(out);
  out += fmt::format(
      R"({{"ph":"M","pid":{},"tid":{},"name":"thread_sort_index","args":{{"sort_index":{}}}}})",
      t.pid, t.tid, static_cast<std::int64_t>(std::max<std::uint64_t>(session, 1)) * width + actor);
  return t;
}

void trace_format::write(std::string& out, const traced_call& c) {
  const auto at = track_of(out, c.actor, c.session);
  const auto& info = graph().actors[c.actor].type->info;
  std::string name(to_string(c.what));
  if (c.what == host::call_kind::packet && !c.inputs.empty())
    name = info.inputs[c.inputs.front().port].name;
  if (c.what == host::call_kind::sets)
    name = graph().actors[c.actor].policy == input_policy::micro_turn ? "micro-turn" : "set";
  begin(out);
  out += fmt::format(
      R"({{"ph":"X","cat":"call","name":{},"pid":{},"tid":{},"ts":{},"dur":{},"args":{{)",
      as_json(name), at.pid, at.tid, us(c.began_ns),
      us(std::max<std::int64_t>(c.ended_ns - c.began_ns, 0)));
  out += fmt::format(R"("session":{},"packets":{})", c.session, c.inputs.size());
  if (c.micro_turn >= 0) out += fmt::format(R"(,"micro_turn":{})", c.micro_turn);
  if (c.what == host::call_kind::packet && !c.inputs.empty()) {
    const auto& in = c.inputs.front();
    out += fmt::format(R"(,"micro_turn":{},"seq":{},"epoch":{},"wait_us":{})", in.micro_turn,
                       in.seq, in.epoch, us(std::max<std::int64_t>(c.began_ns - in.queued_ns, 0)));
  }
  std::int64_t oldest_ns = 0;
  for (const auto& in : c.inputs)
    if (in.origin_ns > 0 && (oldest_ns == 0 || in.origin_ns < oldest_ns)) oldest_ns = in.origin_ns;
  if (oldest_ns > 0)
    out += fmt::format(R"(,"age_us":{})", us(std::max<std::int64_t>(c.ended_ns - oldest_ns, 0)));
  if (c.failed) out += R"(,"failed":true)";
  out += c.failed ? R"(},"cname":"terrible"})" : "}}";
  for (const auto& in : c.inputs) write_input(out, c, in);
}

// The wait in the queue, and the arrow from the call that emitted the packet to this one.
void trace_format::write_input(std::string& out, const traced_call& c, const traced_input& in) {
  const auto to = track_of(out, c.actor, c.session);
  const auto id = id_of(c, in);
  const auto name = as_json(graph().actors[c.actor].name + "." +
                            graph().actors[c.actor].type->info.inputs[in.port].name);
  if (in.queued_ns > 0 && in.queued_ns < c.began_ns) {
    begin(out);
    out += fmt::format(R"({{"ph":"b","cat":"queue","name":{},"id":{},"pid":{},"tid":{},"ts":{}}})",
                       name, id, to.pid, to.tid, us(in.queued_ns));
    begin(out);
    out += fmt::format(R"({{"ph":"e","cat":"queue","name":{},"id":{},"pid":{},"tid":{},"ts":{}}})",
                       name, id, to.pid, to.tid, us(c.began_ns));
  }
  // Another host says who sent what it sends.
  if (!in.has_sender || in.sender >= graph().actors.size()) return;
  const auto from = track_of(out, in.sender, in.session);
  begin(out);
  out += fmt::format(R"({{"ph":"s","cat":"packet","name":{},"id":{},"pid":{},"tid":{},"ts":{}}})",
                     name, id, from.pid, from.tid, us(in.emitted_ns));
  begin(out);
  out += fmt::format(
      R"({{"ph":"f","bp":"e","cat":"packet","name":{},"id":{},"pid":{},"tid":{},"ts":{}}})", name,
      id, to.pid, to.tid, us(c.began_ns));
}

void trace_format::write(std::string& out, const traced_event& e) {
  int pid = 1;
  for (std::size_t a = 0; a < graph().actors.size(); ++a)
    if (graph().actors[a].name == e.actor) pid = process_of(static_cast<actor_index>(a));
  name_process(out, pid);
  if (named_.insert({pid, 0}).second) {
    begin(out);
    out += fmt::format(
        R"({{"ph":"M","pid":{},"tid":0,"name":"thread_name","args":{{"name":"what happened"}}}})",
        pid);
  }
  begin(out);
  out += fmt::format(
      R"({{"ph":"i","s":"p","cat":"event","name":{},"pid":{},"tid":0,"ts":{},"args":{{"detail":{}}}}})",
      as_json(e.actor.empty() ? e.what : e.actor + " " + e.what), pid, us(e.at_ns),
      as_json(e.detail));
}

void trace_format::write(std::string&, const traced_plan& p) {
  kept_ = p;
  graph_ = kept_.get();
}

void trace_format::write(std::string& out, const traced_depth& d) {
  const auto& l = graph().links[d.link];
  const auto& to = graph().actors[l.to];
  const auto name = as_json(to.name + "." + to.type->info.inputs[l.to_port].name + " queue");
  const int pid = process_of(l.to);
  name_process(out, pid);
  begin(out);
  out += fmt::format(
      R"({{"ph":"C","cat":"queue","name":{},"pid":{},"ts":{},"args":{{"in flight":{},"dropped":{}}}}})",
      name, pid, us(d.at_ns), d.in_flight, d.dropped);
}

}  // namespace hocket::observe
