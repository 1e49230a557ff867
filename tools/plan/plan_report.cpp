#include "tools/plan/plan_report.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hocket::planning {
namespace {

using json = nlohmann::ordered_json;

std::string advice(const fleet& f, const workload& w) {
  switch (f.group.binding) {
    case bound::memory:
      return "memory binds: fewer bits of weights or keys, a shorter window, or more devices a "
             "model";
    case bound::bandwidth:
      return "reading binds: fewer bits of weights, fewer drawn positions, or loops over fewer "
             "layers";
    case bound::compute: return "computing binds: a narrower arithmetic, or fewer positions";
    case bound::overhead:
      return fmt::format("what begins {} passes binds: draw several positions in one",
                         1 + w.shape.outputs);
    case bound::link: return "links between devices bind: fewer devices a model";
  }
  return "";
}

std::string text_of(const fleet& f, const workload& w, const demand& need) {
  const auto& g = f.group;
  const auto& c = g.cost;
  auto s = fmt::format("\n{}: {} on {} x {}\n", f.model, w.shape.name, g.devices, f.on);
  s += fmt::format("  parameters        {} ({} at a position), {:.4g} GB of {:.4g} GB\n",
                   short_number(w.shape.parameters()), short_number(w.shape.active_parameters()),
                   g.weight_gb, g.memory_gb);
  s += fmt::format("  a session         {:.4g} MB at its longest\n", g.session_gb * 1e3);
  s += fmt::format("  sessions          {} on {} devices ({} each), {} bind\n",
                   short_number(g.sessions), g.devices,
                   short_number(std::floor(g.sessions / static_cast<double>(g.devices))),
                   to_string(g.binding));
  if (w.requests_per_minute == 0)
    s += fmt::format(
        "  a micro-turn      {:.4g} of {:.0f} ms: read {:.4g} GB in {:.4g} ms, {:.4g} TFLOP in "
        "{:.4g} ms, begin {:.4g} ms, links {:.4g} ms\n",
        c.total_ms, w.shape.micro_turn_ms * need.deadline_share,
        (c.weight_bytes + c.kv_bytes) / 1e9, c.bandwidth_ms, c.operations / 1e12, c.compute_ms,
        c.overhead_ms, c.link_ms);
  else
    s += fmt::format("  a token           {:.4g} ms for all sequences at once\n", c.total_ms);
  s += fmt::format("  machines          {} ({} spare), {:.4g} MW, {} EUR/h\n",
                   short_number(f.machines), short_number(f.spare_machines), f.megawatts,
                   short_number(f.eur_per_hour));
  s += fmt::format(
      "  a lost rack       interrupts up to {} sessions, which the spare machines take\n",
      short_number(f.lost_sessions));
  return s + "  advice            " + advice(f, w) + "\n";
}

std::string text_of(const simulation& m, const simulation_config& c, double slice) {
  auto s =
      fmt::format("\nsimulated: {} sessions over {:.1f} h on {} groups (1/{} of the fleet)\n",
                  c.sessions, m.hours, c.regions * c.groups_per_region, short_number(1 / slice));
  s += fmt::format(
      "  micro-turns       p50 {:.4g}, p99 {:.4g} ms (tail of one: p99 is {:.3g} of the median)\n",
      m.micro_turn_p50_ms, m.micro_turn_p99_ms, c.tail_p99);
  s += fmt::format("  admission         {} refused, {} interrupted, {} moved, {} rack failures\n",
                   m.refused, m.interrupted, m.moved, m.rack_failures);
  return s + fmt::format("  drain             a full group is empty after {:.0f} min (p99)\n",
                         m.drain_p99_min);
}

json json_of(const fleet& f, const workload& w) {
  const auto& g = f.group;
  return {{"model", f.model},
          {"shape", w.shape.name},
          {"machine", f.on},
          {"parameters", w.shape.parameters()},
          {"active_parameters", w.shape.active_parameters()},
          {"devices", g.devices},
          {"sessions", g.sessions},
          {"binding", to_string(g.binding)},
          {"weight_gb", g.weight_gb},
          {"session_gb", g.session_gb},
          {"memory_gb", g.memory_gb},
          {"micro_turn_ms", g.cost.total_ms},
          {"bandwidth_ms", g.cost.bandwidth_ms},
          {"compute_ms", g.cost.compute_ms},
          {"overhead_ms", g.cost.overhead_ms},
          {"link_ms", g.cost.link_ms},
          {"bytes", g.cost.weight_bytes + g.cost.kv_bytes},
          {"operations", g.cost.operations},
          {"machines", f.machines},
          {"spare_machines", f.spare_machines},
          {"megawatts", f.megawatts},
          {"eur_per_hour", f.eur_per_hour},
          {"lost_rack_sessions", f.lost_sessions}};
}

}  // namespace

std::string short_number(double n) {
  constexpr std::pair<double, const char*> units[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}};
  for (const auto& [size, name] : units)
    if (n >= size) return fmt::format("{:.2f}{}", n / size, name);
  return n >= 100 || n == std::floor(n) ? fmt::format("{:.0f}", n) : fmt::format("{:.2f}", n);
}

std::string to_text(const plan_report& r) {
  const auto& d = r.result;
  auto s = fmt::format("{}\n", r.plan.name);
  for (const auto& why : d.impossible) s += "  impossible: " + why + "\n";
  if (!d.impossible.empty()) return s;
  s += fmt::format(
      "  {} sessions at once in {} regions: {} machines, {:.4g} MW, {:.4g} EUR per session-hour\n",
      short_number(d.sessions), r.plan.need.regions, short_number(d.machines), d.megawatts,
      d.eur_per_session_hour);
  for (std::size_t i = 0; i < d.fleets.size(); ++i)
    s += text_of(d.fleets[i], r.plan.models[i], r.plan.need);
  if (!r.links.empty()) s += "\nbetween hosts, for one session\n";
  for (const auto& l : r.links)
    s += fmt::format("  {} -> {}: {:.4g} kB/s, {:.4g} packets/s over {} links{}\n", l.from, l.to,
                     l.bytes_per_s / 1e3, l.packets_per_s, l.links,
                     l.irregular > 0 ? fmt::format(" ({} of no fixed rate)", l.irregular) : "");
  if (r.simulated) s += text_of(*r.simulated, *r.simulated_as, r.slice);
  if (!r.plan.assumptions.empty()) s += "\nassumed\n";
  for (const auto& a : r.plan.assumptions) s += "  * " + a + "\n";
  s += "\nfigures of machines and models\n";
  for (const auto& w : r.plan.models)
    s += fmt::format("  * {}: {}\n  * {}: {}\n", w.shape.name, w.shape.source, w.on.name,
                     w.on.source);
  return s;
}

json to_json(const plan_report& r) {
  const auto& d = r.result;
  json out = {{"plan", r.plan.name}, {"possible", d.impossible.empty()}};
  if (!d.impossible.empty()) {
    out["impossible"] = d.impossible;
    return out;
  }
  out["sessions"] = d.sessions, out["machines"] = d.machines, out["megawatts"] = d.megawatts;
  out["eur_per_session_hour"] = d.eur_per_session_hour;
  for (std::size_t i = 0; i < d.fleets.size(); ++i)
    out["models"].push_back(json_of(d.fleets[i], r.plan.models[i]));
  for (const auto& l : r.links)
    out["links"].push_back({{"from", l.from},
                            {"to", l.to},
                            {"bytes_per_s", l.bytes_per_s},
                            {"packets_per_s", l.packets_per_s},
                            {"irregular", l.irregular}});
  if (r.simulated) {
    const auto& m = *r.simulated;
    out["simulation"] = {{"sessions", r.simulated_as->sessions},
                         {"slice", r.slice},
                         {"hours", m.hours},
                         {"micro_turn_p50_ms", m.micro_turn_p50_ms},
                         {"micro_turn_p99_ms", m.micro_turn_p99_ms},
                         {"refused", m.refused},
                         {"interrupted", m.interrupted},
                         {"moved", m.moved},
                         {"rack_failures", m.rack_failures},
                         {"drain_p99_min", m.drain_p99_min}};
  }
  out["assumptions"] = r.plan.assumptions;
  return out;
}

std::optional<simulation_config> simulation_of(const plan_report& r, std::int64_t sessions,
                                               double& slice) {
  const auto& need = r.plan.need;
  for (std::size_t i = 0; i < r.result.fleets.size(); ++i) {
    const auto& w = r.plan.models[i];
    if (w.requests_per_minute > 0) continue;
    const auto& f = r.result.fleets[i];
    simulation_config c;
    c.sessions = sessions;
    c.regions = static_cast<int>(need.regions);
    c.sessions_per_group = static_cast<int>(f.group.sessions);
    c.mean_minutes = need.session_minutes;
    // Little's law over 30 hours of the mean load.
    c.day_swing = std::min(1.0, 2 * (1 - need.mean_share));
    const double at_once =
        static_cast<double>(sessions) * need.session_minutes / 60 / 30 / need.mean_share;
    c.busiest_sessions = std::min(at_once, r.result.sessions);
    slice = c.busiest_sessions / r.result.sessions;
    const double groups =
        f.machines * f.groups_per_machine * slice / static_cast<double>(c.regions);
    c.groups_per_region = std::max(1, static_cast<int>(std::lround(groups)));
    c.groups_per_rack = std::clamp(
        static_cast<int>(f.groups_per_machine * static_cast<double>(need.machines_per_rack)), 1,
        c.groups_per_region);
    const double past = need.session_minutes * 60 * w.shape.micro_turns_per_s() *
                        static_cast<double>(w.shape.positions());
    c.micro_turn_ms = [w, past, devices = f.group.devices](int n) {
      return cost_of(w.shape, w.on, devices, n, past).total_ms;
    };
    // Also where a low mean load makes the day shorter than 30 hours.
    if (need.lost_regions > 0) c.lost_region_at_h = 12;
    return c;
  }
  return std::nullopt;
}

}  // namespace hocket::planning
