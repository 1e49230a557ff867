#include "tools/plan/capacity.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hocket::planning {
namespace {

double positions_after(const model_shape& s, double minutes) {
  return minutes * 60 * s.micro_turns_per_s() * static_cast<double>(s.positions());
}

/// Largest whole number up to `most` for which `holds`, which turns false once.
template <class Holds>
double largest(double most, Holds holds) {
  if (!holds(1)) return 0;
  double low = 1, high = 2;
  while (high <= most && holds(high)) low = high, high *= 2;
  high = std::min(high, most + 1);
  while (high - low > 1) {
    const double middle = std::floor((low + high) / 2);
    (holds(middle) ? low : high) = middle;
  }
  return low;
}

constexpr double most_sessions = 1 << 20;

/// Sequences that a device group decodes at once, each at least at the demanded rate, and the share of
/// its time that the prompts take.
group_capacity requests_of(const workload& w, group_capacity out) {
  auto step = w.shape;  // one position of each sequence
  step.inputs = 1, step.outputs = 0, step.head_rows = 1, step.flow_width = 0;
  const double tokens = w.prompt_tokens + w.answer_tokens, rate = w.requests_per_minute / 60;
  out.session_gb = w.shape.kv_bytes(tokens) / 1e9;
  const double free_gb = out.memory_gb - out.weight_gb;
  auto prompt = step;
  prompt.inputs = static_cast<std::int64_t>(w.prompt_tokens);
  const double prompt_ms = cost_of(prompt, w.on, out.devices, 1, w.prompt_tokens / 2).total_ms;
  const auto at = [&](double batch) { return cost_of(step, w.on, out.devices, batch, tokens); };
  const double batch = largest(most_sessions, [&](double b) {
    return at(b).total_ms <= 1000 / w.tokens_per_s && b * out.session_gb <= free_gb;
  });
  if (batch == 0) {
    out.cost = at(1);
    if (out.session_gb <= free_gb) out.binding = out.cost.binding;
    return out;
  }
  out.cost = at(batch), out.in_memory = batch;
  out.binding = (batch + 1) * out.session_gb > free_gb ? bound::memory : out.cost.binding;
  const double ms_per_request = prompt_ms + w.answer_tokens * out.cost.total_ms / batch;
  out.sessions = std::floor(1000 / ms_per_request / rate);
  return out;
}

}  // namespace

group_capacity capacity_of(const workload& w, const demand& need, std::int64_t devices) {
  group_capacity out;
  out.devices = devices;
  out.weight_gb = weight_bytes(w.shape) / 1e9;
  out.memory_gb = w.on.memory_gb * w.on.usable_share * static_cast<double>(devices);
  out.session_gb = w.shape.kv_bytes(positions_after(w.shape, need.longest_minutes)) / 1e9;
  out.binding = bound::memory;
  if (out.weight_gb >= out.memory_gb) return out;
  if (w.requests_per_minute > 0) return requests_of(w, out);
  const double past = positions_after(w.shape, need.session_minutes);
  const double limit = w.shape.micro_turn_ms * need.deadline_share;
  const auto at = [&](double n) { return cost_of(w.shape, w.on, devices, n, past); };
  const double in_time = largest(most_sessions, [&](double n) { return at(n).total_ms <= limit; });
  const double in_memory = std::floor((out.memory_gb - out.weight_gb) / out.session_gb);
  out.sessions = out.in_memory = std::min(in_time, in_memory);
  out.cost = at(std::max(out.sessions, 1.0));
  out.binding = in_memory < in_time ? bound::memory : out.cost.binding;
  return out;
}

group_capacity best_capacity(const workload& w, const demand& need) {
  if (w.devices > 0) return capacity_of(w, need, w.devices);
  auto best = capacity_of(w, need, 1);
  for (std::int64_t n = 2; n <= w.on.devices; n *= 2) {
    auto more = capacity_of(w, need, n);
    if (more.sessions / static_cast<double>(n) >
            best.sessions / static_cast<double>(best.devices) ||
        best.sessions == 0)
      best = std::move(more);
  }
  return best;
}

namespace {

fleet fleet_of(const workload& w, const demand& need, const group_capacity& group,
               double sessions) {
  fleet f;
  f.model = w.name, f.on = w.on.name, f.group = group;
  f.groups_per_machine =
      std::floor(static_cast<double>(w.on.devices) / static_cast<double>(group.devices));
  const double per_machine = group.sessions * f.groups_per_machine;
  const auto regions = static_cast<double>(need.regions);
  const double in_region = sessions / (regions - static_cast<double>(need.lost_regions));
  const double needed = std::ceil(in_region / per_machine);
  const double spare = static_cast<double>(need.spare_racks * need.machines_per_rack);
  f.machines = regions * (needed + spare);
  f.spare_machines = regions * (needed + spare) - std::ceil(sessions / per_machine);
  const auto devices = static_cast<double>(w.on.devices);
  f.megawatts = f.machines * devices * (w.on.watts + w.on.host_watts) * need.power_overhead / 1e6;
  f.eur_per_hour = f.machines * devices * w.on.eur_per_hour;
  f.lost_sessions = std::min(in_region, static_cast<double>(need.machines_per_rack) * per_machine);
  return f;
}

deployment for_sessions(const plan_file& plan, const std::vector<group_capacity>& groups,
                        double sessions) {
  deployment d;
  d.sessions = sessions;
  for (std::size_t i = 0; i < plan.models.size(); ++i) {
    d.fleets.push_back(fleet_of(plan.models[i], plan.need, groups[i], sessions));
    d.machines += d.fleets.back().machines;
    d.megawatts += d.fleets.back().megawatts;
    d.eur_per_hour += d.fleets.back().eur_per_hour;
  }
  d.eur_per_session_hour = d.eur_per_hour / (sessions * plan.need.mean_share);
  return d;
}

}  // namespace

deployment deploy(const plan_file& plan) {
  deployment d;
  std::vector<group_capacity> groups;
  for (const auto& w : plan.models) {
    groups.push_back(best_capacity(w, plan.need));
    const auto& g = groups.back();
    if (g.sessions >= 1) continue;
    d.impossible.push_back(
        g.weight_gb >= g.memory_gb
            ? fmt::format("{}: {:.1f} GB of weights, a machine {} has {:.1f} GB for them", w.name,
                          g.weight_gb, w.on.name, g.memory_gb)
        : g.binding == bound::memory
            ? fmt::format("{}: no memory is left for a session of {:.2f} GB beside {:.1f} GB of "
                          "weights on {}",
                          w.name, g.session_gb, g.weight_gb, w.on.name)
        : w.requests_per_minute > 0
            ? fmt::format(
                  "{}: one answer on {} takes {:.1f} ms a token, {:.1f} ms are wanted, or its "
                  "requests come faster than one at a time ({})",
                  w.name, w.on.name, g.cost.total_ms, 1000 / w.tokens_per_s,
                  to_string(g.cost.binding))
            : fmt::format("{}: one session on {} takes {:.1f} ms of a micro-turn's {:.0f} ms ({})",
                          w.name, w.on.name, g.cost.total_ms,
                          w.shape.micro_turn_ms * plan.need.deadline_share,
                          to_string(g.cost.binding)));
  }
  if (!d.impossible.empty()) return d;
  if (plan.need.sessions > 0) return for_sessions(plan, groups, plan.need.sessions);
  // As many as the power carries, to a millionth.
  double low = 0, high = 1e11;
  while (high - low > 1 && (high - low) / high > 1e-6) {
    const double middle = std::floor((low + high) / 2);
    (for_sessions(plan, groups, middle).megawatts <= plan.need.megawatts ? low : high) = middle;
  }
  if (low < 1) {
    d.impossible.push_back(
        fmt::format("{} MW do not carry the spare machines alone", plan.need.megawatts));
    return d;
  }
  return for_sessions(plan, groups, low);
}

}  // namespace hocket::planning
