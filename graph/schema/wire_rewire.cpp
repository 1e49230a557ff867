#include "graph/schema/wire_rewire.hpp"

namespace hocket::wire {

void write(const rewire_request& r, RewireRequest& out) {
  out.set_file(r.file);
  out.set_text(r.text);
  for (const auto& [path, text] : r.includes) {
    auto& file = *out.add_includes();
    file.set_path(path);
    file.set_text(text);
  }
  out.set_not_before_ns(r.not_before_ns);
  out.set_dry_run(r.dry_run);
  out.set_prepare_limit_s(r.prepare_limit_s);
  out.set_hash(r.hash);
  out.set_revision(r.revision);
}

std::shared_ptr<const rewire_request> read(const RewireRequest& r) {
  auto out = std::make_shared<rewire_request>();
  out->file = r.file();
  out->text = r.text();
  for (const auto& file : r.includes()) out->includes[file.path()] = file.text();
  out->not_before_ns = r.not_before_ns();
  out->dry_run = r.dry_run();
  out->prepare_limit_s = r.prepare_limit_s();
  out->hash = r.hash();
  out->revision = r.revision();
  return out;
}

void write(const rewire_outcome& o, RewireOutcome& out) {
  out.set_state(out_of<RewireState>(o.state));
  out.set_graph(o.graph);
  out.set_revision(o.revision);
  out.set_hash_before(o.hash_before);
  out.set_hash_after(o.hash_after);
  out.set_at_ns(o.at_ns);
  out.set_prepared_ms(o.prepared_ms);
  out.set_settled_ms(o.settled_ms);
  out.set_host(o.host);
  out.set_code(o.code);
  out.set_why(o.why);
  for (const auto& a : o.actors) {
    auto& one = *out.add_actors();
    one.set_name(a.name);
    one.set_component(a.component);
    one.set_host(a.host);
    one.set_fate(out_of<ActorFate>(a.fate));
    for (const auto& w : a.why) one.add_why(w);
  }
  for (const auto& l : o.links) {
    auto& one = *out.add_links();
    one.set_name(l.name);
    one.set_fate(out_of<LinkFate>(l.fate));
    one.set_queue(l.queue);
  }
  for (const auto& t : o.others) out.add_others(t);
  out.set_actors_kept(o.actors_kept);
  out.set_links_kept(o.links_kept);
  for (const auto& p : o.packets) {
    auto& one = *out.add_packets();
    one.set_link(p.link);
    one.set_handed_over(p.handed_over);
    one.set_dropped(p.dropped);
  }
  for (const auto& n : o.notes) out.add_notes(n);
}

std::shared_ptr<const rewire_outcome> read(event_reader& r, const RewireOutcome& o) {
  auto out = std::make_shared<rewire_outcome>();
  out->state = r.as(o.state(), rewire_state::committed);
  out->graph = o.graph();
  out->revision = o.revision();
  out->hash_before = o.hash_before();
  out->hash_after = o.hash_after();
  out->at_ns = o.at_ns();
  out->prepared_ms = o.prepared_ms();
  out->settled_ms = o.settled_ms();
  out->host = o.host();
  out->code = o.code();
  out->why = o.why();
  for (const auto& a : o.actors())
    out->actors.push_back({a.name(),
                           a.component(),
                           a.host(),
                           r.as(a.fate(), actor_fate::removed),
                           {a.why().begin(), a.why().end()}});
  for (const auto& l : o.links())
    out->links.push_back({l.name(), r.as(l.fate(), link_fate::removed), l.queue()});
  out->others.assign(o.others().begin(), o.others().end());
  out->actors_kept = o.actors_kept();
  out->links_kept = o.links_kept();
  for (const auto& p : o.packets())
    out->packets.push_back({p.link(), p.handed_over(), p.dropped()});
  out->notes.assign(o.notes().begin(), o.notes().end());
  return out;
}

}  // namespace hocket::wire
