#include "actors/host/graph_run.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/host/actor_cell.hpp"
#include "actors/host/counters.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run_changes.hpp"
#include "graph/spec/to_yaml.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::host {

graph_run::graph_run(host_plan p, const registry& t, runtime_options o)
    : types(t), options(std::move(o)), time(options.virtual_time), view(*this), requests(*this) {
  install(std::make_unique<const plan_revision>(std::move(p)));
  shown_ = &graph();
  for (auto* o : options.observers)
    if (o->wants_calls()) tracers_.push_back(o);
  if (options.peers && !local().alone()) peers = options.peers(*this);
  if (options.changes) changes = options.changes(*this);
}

std::string current_plan_view::name() const { return run_.current().view.name(); }
std::string current_plan_view::hash() const { return run_.current().view.hash(); }
// All hosts' parts: a recording of one host is a recording of the graph.
std::string current_plan_view::expanded_yaml() const {
  return trust::graph_without_secrets(spec::to_yaml(run_.local().whole));
}
std::string current_plan_view::output_of(const packet_header& header) const {
  return run_.current().view.output_of(header);
}

void graph_run::install(std::unique_ptr<const plan_revision> next) {
  bool sources = false;
  for (const auto& a : next->local.whole.actors)
    sources = sources || (a.type->info.source && !a.removed);
  has_sources_.store(sources);
  {
    std::lock_guard lock(closed_mutex_);
    closed_accounts_.resize(next->graph.links.size());
  }
  closed_totals_.resize(next->graph.actors.size());
  current_.store(next.get(), std::memory_order_release);
  revisions_.push_back(std::move(next));
}

// The wire's threads call the run, and what changes it, until they have ended.
graph_run::~graph_run() {
  if (peers) peers->close();
}

void graph_run::detach_all() {
  {
    std::lock_guard lock(observers_mutex_);
    muted_ = true;
  }
  std::vector<std::shared_ptr<actor_cell>> cells;
  {
    std::lock_guard lock(topology_);
    cells.swap(cells_);
  }
  for (auto& c : cells) c->break_links();
  if (peers) peers->detach_all();
}

std::vector<std::shared_ptr<actor_cell>> graph_run::all_cells() const {
  std::lock_guard lock(topology_);
  return cells_;
}

std::shared_ptr<session_state> graph_run::find_session(session_id id) const {
  std::lock_guard lock(topology_);
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second;
}

std::vector<session_id> graph_run::open_sessions() const {
  std::lock_guard lock(topology_);
  std::vector<session_id> ids;
  for (const auto& [id, s] : sessions_)
    if (!s->closing.load()) ids.push_back(id);
  return ids;
}

std::size_t graph_run::session_count() const {
  std::lock_guard lock(topology_);
  return sessions_.size();
}

session_id graph_run::next_session() {
  std::lock_guard lock(topology_);
  return static_cast<session_id>(next_session_++);
}

void graph_run::notify_loop() {
  if (on_notify) on_notify();
}

void graph_run::pause_time_before(std::int64_t before_ns) {
  pause_before_ns_.store(before_ns);
  notify_loop();
}

void graph_run::event(std::string_view actor, std::string_view what, std::string_view detail) {
  if (options.observers.empty()) return;
  std::lock_guard lock(observers_mutex_);
  if (muted_) return;
  for (auto* o : options.observers) o->event(now(), actor, what, detail);
}

void graph_run::notify_emitted(actor_index actor, std::size_t port, const packet& p) {
  std::lock_guard lock(observers_mutex_);
  if (muted_ || actor >= shown_->actors.size()) return;
  for (auto* o : options.observers) o->packet_emitted(*shown_, actor, port, p);
}

void graph_run::notify_rewired(const graph_revision& now) {
  std::lock_guard lock(observers_mutex_);
  shown_ = &now.graph;
  if (muted_) return;
  for (auto* o : options.observers) o->rewired(now);
}

bool graph_run::notify_call(const call_record& r) {
  std::lock_guard lock(observers_mutex_);
  if (r.actor >= shown_->actors.size()) return false;
  if (muted_) return true;
  for (auto* o : tracers_) o->called(*shown_, r);
  return true;
}

void graph_run::notify_marker(actor_index actor, std::size_t port, session_id session, timestamp ts,
                              control what) {
  if (options.observers.empty()) return;
  auto p = make_packet(ts, std::move(what));
  p.header.session = session;
  p.header.stream = static_cast<std::uint32_t>(port);
  p.header.micro_turn = graph().grid.index_of(ts);
  std::lock_guard lock(observers_mutex_);
  if (muted_ || actor >= shown_->actors.size()) return;
  for (auto* o : options.observers) o->marked(*shown_, actor, port, p);
}

void graph_run::count_undeliverable(std::size_t link, drop_reason why) {
  std::lock_guard lock(closed_mutex_);
  ++closed_accounts_[link].sent;
  closed_accounts_[link].drop(why);
}

void graph_run::keep_account(std::size_t link, const account& books) {
  std::lock_guard lock(closed_mutex_);
  closed_accounts_[link].take(books);
}

void graph_run::note_hand_over(actor_index actor, const queued_packet& e, std::int64_t now_ns) {
  auto& budgets = current().budgets;
  if (!budgets.ends_in(actor) || is_virtual()) return;
  const auto broken =
      budgets.note(actor, e.item, e.queued_ns, now_ns != 0 ? now_ns : monotonic_ns());
  if (broken < 0 || stopping()) return;
  // Not here: the caller may hold its mutex.
  after(std::chrono::milliseconds(0), [this, broken, &budgets] {
    stop(end_reason::failed,
         fmt::format("budget {} missed", budgets.path_text(static_cast<std::size_t>(broken))));
  });
}

void graph_run::notify_receivers(actor_cell& c, control::kind what, const std::string& why) {
  event(c.name(), to_string(what), why);
  c.each_link([&](const session_outputs& out, const link_end& r) {
    control content;
    content.what = what;
    content.detail = fmt::format("{}: {}", c.name(), why);
    auto p = make_packet(now(), std::move(content));
    p.header.session = out.id();
    r.to->control_lane(r.queue->port(), std::move(p));
  });
}

void graph_run::interrupt(session_id id, const actor_cell* by) {
  const auto session = find_session(id);
  if (!session) return;
  epoch_number epoch = 0;
  {
    std::lock_guard lock(session->interrupting);
    epoch = session->epoch.load() + 1;
    apply_interrupt(*session, by ? std::vector{by->actor()} : layout().responders, epoch, by);
    if (peers) peers->interrupted(id, epoch, by ? std::optional(by->actor()) : std::nullopt);
  }
  event(by ? by->name() : "", "interrupted", fmt::format("epoch {}", epoch));
}

void graph_run::interrupt_elsewhere(session_id id, epoch_number epoch, const std::string& by) {
  const auto session = find_session(id);
  if (!session) return;
  auto from = layout().responders;
  if (!by.empty()) {
    const auto& actors = local().whole.actors;
    const auto it = std::find_if(actors.begin(), actors.end(),
                                 [&](const auto& a) { return a.name == by && !a.removed; });
    if (it == actors.end()) return;
    from = {static_cast<actor_index>(it - actors.begin())};
  }
  {
    std::lock_guard lock(session->interrupting);
    apply_interrupt(*session, from, epoch, nullptr);
  }
  event("", "interrupted", fmt::format("epoch {}", epoch));
}

void graph_run::apply_interrupt(session_state& session, const std::vector<actor_index>& from,
                                epoch_number epoch, const actor_cell* by) {
  const auto& downstream = layout().downstream;
  auto links = std::vector<bool>(downstream.empty() ? 0 : downstream.front().size(), false);
  for (const auto a : from)
    for (std::size_t l = 0; l < links.size(); ++l) links[l] = links[l] || downstream[a][l];
  const auto id = session.id;
  const auto cells = all_cells();
  const auto concerns = [&](const actor_cell& c) { return c.session() == id || c.is_shared(); };
  // Queues first, then the epoch: a call that starts with the new epoch finds no old input.
  for (const auto& c : cells)
    if (concerns(*c)) c->purge_older(id, links, epoch);
  session.epoch.store(std::max(epoch, session.epoch.load()), std::memory_order_release);
  for (const auto& c : cells) {
    if (!concerns(*c) || c.get() == by) continue;
    control content;
    content.what = control::kind::interrupt;
    content.value = epoch;
    auto p = make_packet(now(), std::move(content));
    p.header.session = id;
    p.header.epoch = epoch;
    c->control_lane(0, std::move(p));
  }
}

namespace {
// What only grows of one actor_status, added to another.
void add_totals(actor_status& into, const actor_status& from) {
  into.packets_in += from.packets_in;
  into.packets_out += from.packets_out;
  into.restarts += from.restarts;
  if (into.last_error.empty()) into.last_error = from.last_error;
  for (const auto& [name, n] : from.counters) add_counter(into, name, n);
}

// What a rewire took out and put back, or replaced, under the same name is one row: its counters go
// on. What is gone for good keeps its row.
void fold_removed(const plan& graph, snapshot& s) {
  for (std::size_t l = 0; l < s.links.size() && l < graph.links.size(); ++l) {
    if (!graph.links[l].removed) continue;
    auto& gone = s.links[l];
    for (std::size_t k = 0; k < s.links.size(); ++k) {
      auto& here = s.links[k];
      if (k == l || here.from.empty() || here.from != gone.from || here.to != gone.to) continue;
      here.sent += gone.sent;
      here.delivered += gone.delivered;
      for (int i = 0; i < drop_reason_count; ++i) here.dropped[i] += gone.dropped[i];
      here.in_flight += gone.in_flight;
      here.blocked_ns += gone.blocked_ns;
      gone.from.clear();
      break;
    }
  }
  std::erase_if(s.links, [](const auto& l) { return l.from.empty(); });
  for (std::size_t a = 0; a < s.actors.size() && a < graph.actors.size(); ++a) {
    if (!graph.actors[a].removed) continue;
    for (std::size_t b = 0; b < s.actors.size(); ++b) {
      if (b == a || s.actors[b].name != s.actors[a].name) continue;
      add_totals(s.actors[b], s.actors[a]);
      s.actors[a].name.clear();
      break;
    }
  }
  std::erase_if(s.actors, [](const auto& a) { return a.name.empty(); });
}
}  // namespace

snapshot graph_run::empty_status() const {
  const auto& graph = this->graph();
  snapshot s;
  s.host = local().host;
  s.now = now();
  for (const auto& l : graph.links) {
    link_account a;
    const auto& from = graph.actors[l.from];
    const auto& to = graph.actors[l.to];
    a.from = from.name + "." + from.type->info.outputs[l.from_port].name;
    a.to = to.name + "." + to.type->info.inputs[l.to_port].name;
    a.queue_size = l.queue.size;
    a.full = l.queue.full;
    a.back_edge = l.back_edge;
    s.links.push_back(std::move(a));
  }
  for (const auto& a : graph.actors) {
    actor_status one;
    one.name = a.name;
    one.component = a.type->info.type;
    one.restart_max = a.restart.max;
    one.restart_within_s = a.restart.within_s;
    if (a.removed) one.state = actor_state::stopped;
    s.actors.push_back(std::move(one));
  }
  return s;
}

snapshot graph_run::status() const {
  std::lock_guard only_one(status_mutex_);
  // In this order: nothing changes queues, and no rewire comes in between.
  std::unique_lock still(handover_);
  std::unique_lock topology(topology_);
  const auto& graph = this->graph();
  auto s = empty_status();
  const auto n = graph.actors.size();
  std::vector<histogram::counts> times(n);
  std::vector<std::int64_t> busy(n, 0);
  s.sessions = sessions_.size();
  for (const auto& c : cells_)
    c->add_status(s.actors[c->actor()], times[c->actor()], busy[c->actor()], s.links);
  {
    std::lock_guard closed(closed_mutex_);
    for (std::size_t l = 0; l < s.links.size(); ++l) closed_accounts_[l].add_to(s.links[l]);
  }
  for (std::size_t a = 0; a < n; ++a) {
    const auto& closed = closed_totals_[a];
    add_totals(s.actors[a], closed.totals);
    for (std::size_t i = 0; i < times[a].size(); ++i) times[a][i] += closed.times[i];
    busy[a] += closed.busy_ns;
  }
  topology.unlock();
  still.unlock();
  add_rates(s, times, busy);
  s.budgets = current().budgets.status();
  if (peers) peers->add_status(s);
  fold_removed(graph, s);
  return s;
}

// Quantiles, and shares of the wall time since the last snapshot; status_mutex_ held.
void graph_run::add_rates(snapshot& s, const std::vector<histogram::counts>& times,
                          const std::vector<std::int64_t>& busy) const {
  const auto now_ns = monotonic_ns();
  const auto wall = last_status_ns_ == 0 ? 0 : now_ns - last_status_ns_;
  last_status_ns_ = now_ns;
  for (std::size_t a = 0; a < s.actors.size(); ++a) {
    s.actors[a].handler_p50_ms = histogram::quantile_ms(times[a], .5);
    s.actors[a].handler_p99_ms = histogram::quantile_ms(times[a], .99);
    s.actors[a].handlers = histogram::buckets_of(times[a], static_cast<double>(busy[a]) / 1e9);
    auto& last = last_busy_ns_[static_cast<actor_index>(a)];
    if (wall > 0)
      s.actors[a].busy_ratio =
          std::max(0., static_cast<double>(busy[a] - last) / static_cast<double>(wall));
    last = busy[a];
  }
}

}  // namespace hocket::host
