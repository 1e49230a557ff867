#include "tools/report/curves.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "tools/report/canvas.hpp"

namespace hocket::report {
namespace {

constexpr double width = 920, height = 560, left = 64, right = 150, gap = 46, top = 40;
const color ink = color::of(0x20242c), faint = color::of(0xd8dce4);

using columns = std::map<std::string, std::vector<double>>;

columns read_csv(const std::string& path) {
  columns all;
  std::ifstream in(path);
  std::string line, cell;
  std::vector<std::string> names;
  while (std::getline(in, line)) {
    std::stringstream cells(line);
    std::size_t i = 0;
    while (std::getline(cells, cell, ',')) {
      if (all.size() < 1 || names.empty() || i >= names.size()) {
        names.push_back(cell);
        all[cell];
      } else {
        all[names[i]].push_back(std::strtod(cell.c_str(), nullptr));
      }
      ++i;
    }
  }
  return all;
}

struct series {
  std::string name;
  color stroke;
  const std::vector<double>* x;
  const std::vector<double>* y;
  bool dots = false;
};

struct panel {
  double y, h;
  double last_step;
  std::function<double(double)> scale;  ///< value -> 0 (bottom) to 1 (top)

  double at_x(double step) const { return left + (width - left - right) * step / last_step; }
  double at_y(double v) const { return y + h * (1 - std::clamp(scale(v), 0.0, 1.0)); }
};

void draw(canvas& c, const panel& p, const std::string& title, const std::vector<double>& ticks,
          const std::vector<series>& lines) {
  c.text(title, left, p.y - 10, {.size = 13, .bold = true, .italic = false}, ink);
  for (const double tick : ticks) {
    c.line({left, p.at_y(tick)}, {width - right, p.at_y(tick)}, faint);
    c.text(fmt::format("{:g}", tick), left - 8, p.at_y(tick) + 4, {}, ink, align::right);
  }
  const double step = std::pow(10.0, std::floor(std::log10(p.last_step))) / 2;
  for (double x = 0; x <= p.last_step; x += step)
    c.text(fmt::format("{:g}", x), p.at_x(x), p.y + p.h + 16, {}, ink, align::center);
  double label = p.y + 12;
  for (const auto& s : lines) {
    if (s.x->empty() || s.x->size() != s.y->size()) continue;
    std::vector<point> points;
    for (std::size_t i = 0; i < s.x->size(); ++i)
      points.push_back({p.at_x((*s.x)[i]), p.at_y((*s.y)[i])});
    if (points.size() > 1) c.polyline(points, s.stroke, 1.6);
    if (s.dots)
      for (const auto& at : points) c.rounded(at.x - 3.5, at.y - 3.5, 7, 7, 3.5, s.stroke);
    c.text(fmt::format("{} {:.3g}", s.name, s.y->back()), width - right + 10, label, {}, s.stroke);
    label += 17;
  }
}

}  // namespace

result<void> draw_training_curves(const std::string& folder, const std::string& path) {
  auto curve = read_csv(folder + "/curve.csv");
  auto eval = read_csv(folder + "/eval.csv");
  const auto& steps = curve["step"];
  if (steps.size() < 2)
    return fail("train.curve", folder + "/curve.csv: fewer than two rows; train a little longer");
  auto opened = canvas::open(path, width, height, 1.5);
  if (!opened) return fail(opened);
  canvas& c = *opened;
  c.rectangle(0, 0, width, height, color::of(0xffffff));
  const double h = (height - top - 2 * gap) / 2;
  auto& field = eval["field_recall"];
  if (!field.empty() && field.back() < 0) field.clear();  // a training without one
  const double last = std::max(steps.back(), eval["step"].empty() ? 1.0 : eval["step"].back());
  const panel losses{top, h, last, [](double v) { return (std::log10(v) + 3.5) / 4.2; }};
  draw(c, losses, "losses (log scale) over steps", {0.001, 0.01, 0.1, 1},
       {{"text", color::of(0x1f6feb), &steps, &curve["loss_text"]},
        {"heard", color::of(0x2a9d57), &steps, &curve["loss_heard"]},
        {"voice gate", color::of(0xb0770a), &steps, &curve["loss_gate"]},
        {"flow", color::of(0x8a4fd0), &steps, &curve["loss_flow"]}});
  const panel rates{top + h + gap, h, last, [](double v) { return v; }};
  draw(c, rates,
       "words: lines teacher-forced on training voices, dots closed loop on held-out voices",
       {0, 0.25, 0.5, 0.75, 0.85, 1},
       {{"recall", color::of(0x1f6feb), &steps, &curve["word_recall"]},
        {"false", color::of(0xc2453a), &steps, &curve["word_false"]},
        {"heard", color::of(0x2a9d57), &steps, &curve["heard_recall"]},
        {"loop recall", color::of(0x0b3d91), &eval["step"], &eval["recall"], true},
        {"loop precision", color::of(0xe07b39), &eval["step"], &eval["precision"], true},
        {"field recall", color::of(0x7a5195), &eval["step"], &field, true}});
  return c.finish();
}

}  // namespace hocket::report
