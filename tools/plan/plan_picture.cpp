#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tools/plan/plan_report.hpp"
#include "tools/report/canvas.hpp"

namespace hocket::planning {
namespace {

using namespace report;

constexpr double width = 960, margin = 40, bar_left = 230, bar_right = 700, row = 62, day_h = 190;
const color ink = color::of(0x20242c), faint = color::of(0xd8dce4), soft = color::of(0x6b7280);
const std::array<std::pair<const char*, color>, 4> parts = {{{"read", color::of(0x3b6fb6)},
                                                             {"compute", color::of(0xc2703d)},
                                                             {"begin", color::of(0x8a8f98)},
                                                             {"links", color::of(0x5d9a68)}}};

void legend(canvas& to, double y) {
  double x = bar_left;
  for (const auto& [name, fill] : parts) {
    to.rectangle(x, y - 8, 10, 10, fill);
    to.text(name, x + 14, y, {.size = 10}, soft);
    x += 34 + to.text_width(name, {.size = 10});
  }
}

/// A micro-turn with all its sessions against its deadline, and the memory of a group.
void draw_fleet(canvas& to, const fleet& f, const workload& w, const demand& need, double y) {
  const auto& c = f.group.cost;
  to.text(f.model, margin, y + 12, {.size = 12, .bold = true}, ink);
  to.text(w.shape.name, margin, y + 26, {.size = 9}, soft);
  to.text(fmt::format("{} x {}", f.group.devices, f.on), margin, y + 38, {.size = 9}, soft);
  const double limit = w.requests_per_minute > 0 ? 1000 / w.tokens_per_s
                                                 : w.shape.micro_turn_ms * need.deadline_share;
  const double scale = (bar_right - bar_left) / std::max({limit, c.total_ms, 1e-9});
  // Reading and computing overlap: the longer one counts, the other lies below it.
  const double work = std::max(0.0, c.total_ms - c.overhead_ms - c.link_ms);
  const bool reads = c.bandwidth_ms >= c.compute_ms;
  to.rectangle(bar_left, y, work * scale, 14, parts[reads ? 0 : 1].second);
  to.rectangle(bar_left, y + 14, (reads ? c.compute_ms : c.bandwidth_ms) * scale, 4,
               parts[reads ? 1 : 0].second);
  double x = bar_left + work * scale;
  to.rectangle(x, y, c.overhead_ms * scale, 14, parts[2].second);
  x += c.overhead_ms * scale;
  to.rectangle(x, y, c.link_ms * scale, 14, parts[3].second);
  to.line({bar_left + limit * scale, y - 3}, {bar_left + limit * scale, y + 21}, ink, 1.5);
  to.text(fmt::format("{:.3g} of {:.3g} ms", c.total_ms, limit), bar_right + 10, y + 11,
          {.size = 10}, ink);
  const double held = f.group.session_gb * f.group.in_memory;
  const double gb = f.group.memory_gb, memory = (bar_right - bar_left) / gb;
  to.rectangle(bar_left, y + 26, bar_right - bar_left, 10, faint);
  to.rectangle(bar_left, y + 26, f.group.weight_gb * memory, 10, color::of(0x7a5ea8));
  to.rectangle(bar_left + f.group.weight_gb * memory, y + 26,
               std::min(held, gb - f.group.weight_gb) * memory, 10, color::of(0xb9a5d9));
  to.text(fmt::format("{} + {} of {} GB", short_number(f.group.weight_gb), short_number(held),
                      short_number(gb)),
          bar_right + 10, y + 35, {.size = 10}, ink);
}

void draw_day(canvas& to, const plan_report& r, double y) {
  const auto& hours = r.simulated->by_hour;
  double most = 1;
  for (const auto& h : hours) most = std::max(most, h.sessions);
  to.text(fmt::format("sessions at once, hour by hour (1/{:.0f} of the fleet); red: refused or "
                      "interrupted",
                      1 / r.slice),
          margin, y, {.size = 11, .bold = true}, ink);
  const double left = margin + 50, right = width - margin, top = y + 14, bottom = y + day_h;
  const double step = (right - left) / static_cast<double>(std::max<std::size_t>(hours.size(), 1));
  for (const double share : {0.0, 0.5, 1.0}) {
    const double at = bottom - share * (bottom - top);
    to.line({left, at}, {right, at}, faint);
    to.text(fmt::format("{:.0f}", share * most), left - 6, at + 4, {.size = 10}, soft,
            align::right);
  }
  for (std::size_t i = 0; i < hours.size(); ++i) {
    const double x = left + step * static_cast<double>(i);
    const double h = hours[i].sessions / most * (bottom - top);
    to.rectangle(x + 1, bottom - h, step - 2, h, color::of(0x3b6fb6));
    const double lost = hours[i].refused + hours[i].interrupted;
    if (lost > 0) {
      const double red = std::clamp(lost / most, 0.02, 1.0) * (bottom - top);
      to.rectangle(x + 1, bottom - red, step - 2, red, color::of(0xb63b3b));
    }
    if (i % 6 == 0)
      to.text(fmt::format("{} h", i), x, bottom + 14, {.size = 10}, soft, align::left);
  }
}

}  // namespace

result<void> draw_plan(const plan_report& r, const std::string& path) {
  const auto& d = r.result;
  const double fleets = row * static_cast<double>(d.fleets.size());
  const double height = 96 + fleets + (r.simulated ? day_h + 60 : 10);
  auto opened = canvas::open(path, width, height, 2);
  if (!opened) return fail(opened);
  auto& to = *opened;
  to.rectangle(0, 0, width, height, color::of(0xffffff));
  to.text(r.plan.name, margin, 30, {.size = 16, .bold = true}, ink);
  to.text(d.impossible.empty()
              ? fmt::format("{} sessions at once: {} machines, {:.4g} MW, {:.3g} EUR per "
                            "session-hour",
                            short_number(d.sessions), short_number(d.machines), d.megawatts,
                            d.eur_per_session_hour)
              : "impossible: " + d.impossible.front(),
          margin, 50, {.size = 12}, ink);
  if (d.impossible.empty()) legend(to, 74);
  double y = 92;
  for (std::size_t i = 0; i < d.fleets.size(); ++i, y += row)
    draw_fleet(to, d.fleets[i], r.plan.models[i], r.plan.need, y);
  if (r.simulated) draw_day(to, r, y + 16);
  return to.finish();
}

}  // namespace hocket::planning
