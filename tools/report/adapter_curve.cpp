#include "tools/report/adapter_curve.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "tools/report/canvas.hpp"

namespace hocket::report {
namespace {

constexpr double width = 920, height = 430, left = 84, right = 140, top = 52;
const color ink = color::of(0x20242c), faint = color::of(0xd8dce4);

/// Rows of a CSV file by the names of its columns; an empty cell is not a number.
std::vector<std::map<std::string, double>> rows_of(const std::string& path) {
  std::vector<std::map<std::string, double>> out;
  std::ifstream in(path);
  std::vector<std::string> names;
  for (std::string line; std::getline(in, line);) {
    std::stringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
    if (names.empty()) {
      names = row;
      continue;
    }
    std::map<std::string, double> by_name;
    for (std::size_t i = 0; i < std::min(names.size(), row.size()); ++i)
      by_name[names[i]] = row[i].empty() ? std::nan("") : std::strtod(row[i].c_str(), nullptr);
    out.push_back(std::move(by_name));
  }
  return out;
}

struct axes {
  double x0, x1, y0, y1, y, h;
  double at_x(double x) const {
    return left + (width - left - right) * (x - x0) / std::max(x1 - x0, 1e-9);
  }
  double at_y(double v) const { return y + h * (1 - (v - y0) / std::max(y1 - y0, 1e-9)); }
};

/// A curve of one column over another; its last value stands beside it.
void curve(canvas& c, const axes& a, const std::vector<std::map<std::string, double>>& rows,
           const char* x, const char* column, const char* name, color stroke, double label) {
  std::vector<point> points;
  double last = 0;
  for (const auto& r : rows) {
    if (!r.contains(x) || !r.contains(column) || !std::isfinite(r.at(column))) continue;
    points.push_back({a.at_x(r.at(x)), a.at_y(r.at(column))});
    last = r.at(column);
  }
  if (points.empty()) return;
  if (points.size() > 1) c.polyline(points, stroke, 1.6);
  for (const auto& p : points) c.rounded(p.x - 1.8, p.y - 1.8, 3.6, 3.6, 1.8, stroke);
  c.text(fmt::format("{} {:.3g}", name, last), width - right + 10, label, {}, stroke);
}

void frame(canvas& c, const axes& a, const std::string& title, const std::string& unit) {
  c.text(title, left, a.y - 10, {.size = 13, .bold = true, .italic = false}, ink);
  for (int i = 0; i <= 4; ++i) {
    const double v = a.y0 + (a.y1 - a.y0) * i / 4, x = a.x0 + (a.x1 - a.x0) * i / 4;
    c.line({left, a.at_y(v)}, {width - right, a.at_y(v)}, faint);
    c.text(fmt::format("{:.3g}", v), left - 8, a.at_y(v) + 4, {}, ink, align::right);
    c.text(fmt::format("{:.4g}{}", x, unit), a.at_x(x), a.y + a.h + 17, {}, ink, align::center);
  }
}

double highest(const std::vector<std::map<std::string, double>>& rows, const char* column) {
  double most = 0;
  for (const auto& r : rows)
    if (r.contains(column) && std::isfinite(r.at(column))) most = std::max(most, r.at(column));
  return most;
}

}  // namespace

result<void> draw_adapter_curve(const std::string& folder, const std::string& path) {
  const auto rows = rows_of(folder + "/curve.csv");
  if (rows.empty()) return fail("train.curve", folder + "/curve.csv: no rows to draw");
  auto opened = canvas::open(path, width, height, 1.5);
  if (!opened) return fail(opened);
  auto& c = *opened;
  c.rectangle(0, 0, width, height, color::of(0xffffff));
  const double most = std::max(highest(rows, "loss"), highest(rows, "validation"));
  const axes a{0, highest(rows, "step"), 0, std::max(most, 1e-6) * 1.05, top, height - top - 60};
  frame(c, a, "loss of a target over steps", "");
  curve(c, a, rows, "step", "loss", "loss", color::of(0x1f6feb), a.y + 14);
  curve(c, a, rows, "step", "validation", "validation", color::of(0x2a9d57), a.y + 31);
  return c.finish();
}

}  // namespace hocket::report
