#include "actors/observe/metrics_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/alerts/names.hpp"
#include "actors/observe/exposition.hpp"
#include "actors/observe/peer_metrics.hpp"
#include "graph/contract/run_figures.hpp"

namespace hocket::observe {
namespace {

using host::actor_state;
using host::drop_reason;

double as_double(std::uint64_t n) { return static_cast<double>(n); }

void write_run(exposition& out, const host::snapshot& s) {
  out.family("hocket_stream_time_seconds", "gauge", "Stream time of the run.");
  out.sample({}, s.now.seconds());
  out.family("hocket_sessions", "gauge", "Conversations that are open.");
  out.sample({}, as_double(s.sessions));
  out.family("hocket_accounts_hold", "gauge",
             "1 while sent = delivered + dropped + in flight on every edge.");
  out.sample({}, s.law_holds() ? 1 : 0);
}

void write_edges(exposition& out, const host::snapshot& s) {
  const auto each = [&](auto value) {
    for (const auto& l : s.links) out.sample({{"from", l.from}, {"to", l.to}}, value(l));
  };
  out.family("hocket_edge_sent_packets_total", "counter", "Packets put on an edge.");
  each([](const auto& l) { return as_double(l.sent); });
  out.family("hocket_edge_packets_total", "counter",
             "Packets that left an edge: delivered, or dropped for a reason.");
  for (const auto& l : s.links) {
    out.sample({{"from", l.from}, {"to", l.to}, {"fate", "delivered"}, {"reason", ""}},
               as_double(l.delivered));
    for (int i = 0; i < host::drop_reason_count; ++i)
      out.sample({{"from", l.from},
                  {"to", l.to},
                  {"fate", "dropped"},
                  {"reason", to_string(static_cast<drop_reason>(i))}},
                 as_double(l.dropped[i]));
  }
  out.family("hocket_edge_in_flight_packets", "gauge",
             "Packets that wait in an edge's queue or are in the receiver's hands.");
  each([](const auto& l) { return as_double(l.in_flight); });
  out.family("hocket_edge_deepest_packets", "gauge", "The deepest that an edge's queue ever was.");
  each([](const auto& l) { return as_double(l.depth_max); });
  out.family("hocket_edge_queue_size_packets", "gauge",
             "What an edge's queue takes, for each conversation.");
  for (const auto& l : s.links)
    out.sample({{"from", l.from}, {"to", l.to}, {"full", to_string(l.full)}}, l.queue_size);
  out.family("hocket_edge_blocked_seconds_total", "counter",
             "Time that senders waited for room, counted when each wait ends.");
  each([](const auto& l) { return static_cast<double>(l.blocked_ns) / 1e9; });
  out.family("hocket_edge_waiting_seconds", "gauge",
             "How long a sender has been waiting for room right now.");
  each([](const auto& l) { return l.waiting_ms / 1e3; });
}

void write_actors(exposition& out, const host::snapshot& s) {
  const auto each = [&](auto value) {
    for (const auto& a : s.actors) out.sample({{"actor", a.name}}, value(a));
  };
  out.family("hocket_actor_info", "gauge", "1; the component of an actor is a label.");
  for (const auto& a : s.actors) out.sample({{"actor", a.name}, {"component", a.component}}, 1);
  out.family("hocket_actor_state", "gauge", "1 for the state that an actor is in, else 0.");
  for (const auto& a : s.actors)
    for (auto i = 0; i <= static_cast<int>(actor_state::stopped); ++i) {
      const auto state = static_cast<actor_state>(i);
      out.sample({{"actor", a.name}, {"state", to_string(state)}}, a.state == state ? 1 : 0);
    }
  out.family("hocket_actor_packets_total", "counter", "Packets handed to an actor, or emitted.");
  for (const auto& a : s.actors) {
    out.sample({{"actor", a.name}, {"direction", "in"}}, as_double(a.packets_in));
    out.sample({{"actor", a.name}, {"direction", "out"}}, as_double(a.packets_out));
  }
  out.family("hocket_actor_restarts_total", "counter", "Restarts after a failure or a hang.");
  each([](const auto& a) { return as_double(a.restarts); });
  out.family("hocket_actor_queued_packets", "gauge", "Packets in front of an actor.");
  each([](const auto& a) { return as_double(a.queued); });
  out.family("hocket_actor_call_seconds", "gauge",
             "How long the call that an actor is in has lasted; 0 where it is in none.");
  each([](const auto& a) { return a.call_ms / 1e3; });
  out.family("hocket_actor_handler_seconds", "histogram",
             "Time of calls into the component; of an actor that is handed micro-turns, its "
             "compute per micro-turn.");
  for (const auto& a : s.actors) out.sample({{"actor", a.name}}, a.handlers);
  out.family("hocket_component_events", "gauge", "What components count of themselves.");
  for (const auto& a : s.actors)
    for (const auto& [name, n] : a.counters)
      out.sample({{"actor", a.name}, {"event", name}}, static_cast<double>(n));
}

void write_alerts(exposition& out, const host::snapshot& s) {
  const auto each = [&](auto value) {
    for (const auto& a : s.actors)
      if (watches_run(a.component))
        out.sample({{"alert", a.name}}, static_cast<double>(value(alerts::row_of(a.counters))));
  };
  const auto watches = [](const auto& a) { return watches_run(a.component); };
  if (std::ranges::none_of(s.actors, watches)) return;
  out.family("hocket_alert_active", "gauge", "1 while an alert is raised, else 0.");
  each([](const auto& r) { return r.is_active ? 1 : 0; });
  out.family("hocket_alerts_raised_total", "counter", "How often an alert was raised.");
  each([](const auto& r) { return r.raised; });
}

void write_budgets(exposition& out, const host::snapshot& s) {
  if (s.budgets.empty()) return;
  // Two budgets may watch one path: the limit tells them apart.
  const auto each = [&](auto write) {
    for (const auto& b : s.budgets) write(b, fmt::format("{}", b.limit_ms));
  };
  const auto each_number = [&](auto value) {
    each([&](const auto& b, const std::string& limit) {
      out.sample({{"path", b.path}, {"limit_ms", limit}}, value(b));
    });
  };
  out.family("hocket_budget_limit_seconds", "gauge", "What the graph file allows on a path.");
  each_number([](const auto& b) { return b.limit_ms / 1e3; });
  out.family("hocket_budget_checks_total", "counter", "Micro-turns that a budget was checked for.");
  each_number([](const auto& b) { return as_double(b.checked); });
  out.family("hocket_budget_misses_total", "counter", "Micro-turns that took longer.");
  each_number([](const auto& b) { return as_double(b.missed); });
  out.family("hocket_budget_blamed_misses_total", "counter",
             "Misses by the hop that took the largest share over what was to be expected.");
  each([&](const auto& b, const std::string& limit) {
    for (const auto& [hop, n] : b.blamed)
      out.sample({{"path", b.path}, {"limit_ms", limit}, {"blame", hop}}, as_double(n));
  });
  out.family("hocket_budget_latency_seconds", "histogram",
             "From capture to hand-over, the worst of each micro-turn.");
  each([&](const auto& b, const std::string& limit) {
    out.sample({{"path", b.path}, {"limit_ms", limit}}, b.latencies);
  });
}

}  // namespace

std::string metrics_text(const run_identity& who, const std::optional<host::snapshot>& s) {
  exposition out;
  out.family("hocket_run_info", "gauge", "1; what runs here is in the labels.");
  out.sample({{"graph", who.graph},
              {"graph_hash", who.graph_hash},
              {"host", who.host},
              {"version", who.version},
              {"revision", who.revision}},
             1);
  out.family("hocket_open", "gauge", "1 while the graph is open; 0 before and after.");
  out.sample({}, s ? 1 : 0);
  if (s) {
    write_run(out, *s);
    write_actors(out, *s);
    write_edges(out, *s);
    write_peers(out, *s);
    write_budgets(out, *s);
    write_alerts(out, *s);
  }
  return std::move(out).text();
}

}  // namespace hocket::observe
