#include "actors/rewire/messages.hpp"

#include <algorithm>

namespace hocket::rewire {
namespace {

// The enums of both sides have the same values in the same order.
static_assert(static_cast<int>(wire::rewire_state::committed) ==
              static_cast<int>(rewire_state::committed));
static_assert(static_cast<int>(wire::rewire_state::unchanged) ==
              static_cast<int>(rewire_state::unchanged));
static_assert(static_cast<int>(wire::rewire_state::planned) ==
              static_cast<int>(rewire_state::planned));
static_assert(static_cast<int>(wire::rewire_state::rolled_back) ==
              static_cast<int>(rewire_state::rolled_back));
static_assert(static_cast<int>(wire::actor_fate::rewired) == static_cast<int>(actor_fate::rewired));
static_assert(static_cast<int>(wire::actor_fate::adjusted) ==
              static_cast<int>(actor_fate::adjusted));
static_assert(static_cast<int>(wire::actor_fate::replaced) ==
              static_cast<int>(actor_fate::replaced));
static_assert(static_cast<int>(wire::actor_fate::added) == static_cast<int>(actor_fate::added));
static_assert(static_cast<int>(wire::actor_fate::removed) == static_cast<int>(actor_fate::removed));
static_assert(static_cast<int>(wire::link_fate::requeued) == static_cast<int>(link_fate::requeued));
static_assert(static_cast<int>(wire::link_fate::added) == static_cast<int>(link_fate::added));
static_assert(static_cast<int>(wire::link_fate::removed) == static_cast<int>(link_fate::removed));

constexpr int prepare_limit_max_s = 86'400;

}  // namespace

std::shared_ptr<const wire::rewire_request> to_message(const rewire_request& r) {
  auto m = std::make_shared<wire::rewire_request>();
  m->file = r.graph.file;
  m->text = r.graph.text;
  m->includes = r.graph.includes;
  m->not_before_ns = r.not_before.ns();
  m->dry_run = r.dry_run;
  m->prepare_limit_s = static_cast<std::uint32_t>(std::max(r.prepare_limit_s, 0));
  m->hash = r.hash;
  m->revision = static_cast<std::uint32_t>(r.revision);
  return m;
}

rewire_request from_message(const wire::rewire_request& m) {
  rewire_request r{{m.file, m.text, m.includes}};
  r.not_before = timestamp(m.not_before_ns);
  r.dry_run = m.dry_run;
  r.prepare_limit_s =
      static_cast<int>(std::min<std::uint32_t>(m.prepare_limit_s, prepare_limit_max_s));
  r.hash = m.hash;
  r.revision = static_cast<int>(m.revision);
  return r;
}

std::shared_ptr<const wire::rewire_outcome> to_message(const rewire_outcome& o) {
  auto m = std::make_shared<wire::rewire_outcome>();
  m->state = static_cast<wire::rewire_state>(o.state);
  m->graph = o.graph;
  m->revision = static_cast<std::uint32_t>(o.revision);
  m->hash_before = o.hash_before;
  m->hash_after = o.hash_after;
  m->at_ns = o.at.ns();
  m->prepared_ms = o.prepared_ms;
  m->settled_ms = o.settled_ms;
  m->host = o.host;
  m->code = o.code;
  m->why = o.why;
  for (const auto& a : o.actors)
    m->actors.push_back(
        {a.name, a.component, a.host, static_cast<wire::actor_fate>(a.fate), a.why});
  for (const auto& l : o.links)
    m->links.push_back({l.name, static_cast<wire::link_fate>(l.fate), l.why});
  m->others = o.others;
  m->actors_kept = static_cast<std::uint32_t>(o.actors_kept);
  m->links_kept = static_cast<std::uint32_t>(o.links_kept);
  for (const auto& p : o.packets) m->packets.push_back({p.link, p.handed_over, p.dropped});
  m->notes = o.notes;
  return m;
}

rewire_outcome from_message(const wire::rewire_outcome& m) {
  rewire_outcome o;
  o.state = static_cast<rewire_state>(m.state);
  o.graph = m.graph;
  o.revision = static_cast<int>(m.revision);
  o.hash_before = m.hash_before;
  o.hash_after = m.hash_after;
  o.at = timestamp(m.at_ns);
  o.prepared_ms = m.prepared_ms;
  o.settled_ms = m.settled_ms;
  o.host = m.host;
  o.code = m.code;
  o.why = m.why;
  for (const auto& a : m.actors)
    o.actors.push_back({a.name, a.component, a.host, static_cast<actor_fate>(a.fate), a.why});
  for (const auto& l : m.links)
    o.links.push_back({l.name, static_cast<link_fate>(l.fate), l.queue});
  o.others = m.others;
  o.actors_kept = m.actors_kept;
  o.links_kept = m.links_kept;
  for (const auto& p : m.packets) o.packets.push_back({p.link, p.handed_over, p.dropped});
  o.notes = m.notes;
  return o;
}

}  // namespace hocket::rewire
