#include "tools/report/learning.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/report/canvas.hpp"

namespace hocket::report {
namespace {

using nlohmann::json;

constexpr double width = 920, height = 430, left = 84, right = 140, lane = 34, top = 52;
const color ink = color::of(0x20242c), faint = color::of(0xd8dce4);
const color good = color::of(0x2a9d57), bad = color::of(0xc2453a), blue = color::of(0x1f6feb);

std::vector<json> lines_of(const std::string& path) {
  std::vector<json> out;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);)
    if (auto j = json::parse(line, nullptr, false); j.is_object()) out.push_back(std::move(j));
  return out;
}

double number(const json& j, const char* key) {
  const auto v = j.is_object() ? j.value(key, json()) : json();
  return v.is_number() ? v.get<double>() : 0;
}

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

result<void> draw_losses(const std::string& folder, const std::string& path) {
  const auto rows = rows_of(folder + "/curve.csv");
  if (rows.empty()) return fail("train.curve", folder + "/curve.csv: no rows to draw");
  auto opened = canvas::open(path, width, height, 1.5);
  if (!opened) return fail(opened);
  auto& c = *opened;
  c.rectangle(0, 0, width, height, color::of(0xffffff));
  const double most = std::max(highest(rows, "loss"), highest(rows, "validation"));
  const axes a{0, highest(rows, "step"), 0, std::max(most, 1e-6) * 1.05, top, height - top - 60};
  frame(c, a, "loss of a target over steps", "");
  curve(c, a, rows, "step", "loss", "loss", blue, a.y + 14);
  curve(c, a, rows, "step", "validation", "validation", good, a.y + 31);
  return c.finish();
}

/// One lane for each set of requests, with the score of each evaluation.
void lanes(canvas& c, const axes& a, const std::vector<json>& talk) {
  const char* sets[] = {"held_out", "rest", "practice"};
  const char* names[] = {"held out", "rest", "practice"};
  for (int i = 0; i < 3; ++i) {
    const double y = a.y + i * lane;
    c.text(names[i], left - 8, y + 15, {}, ink, align::right);
    c.rectangle(left, y, width - left - right, lane - 10, faint.with_alpha(0.35));
    for (const auto& j : talk) {
      if (j.value("set", json("")) != sets[i]) continue;
      const bool passed = j.value("passed", json(false)) == true;
      const double h = passed ? lane - 10 : (lane - 10) / 2;
      c.rectangle(a.at_x(number(j, "at_s")) - 1.2, y + (lane - 10 - h), 2.4, h,
                  passed ? good : bad);
    }
  }
  for (const auto& j : talk) {
    const double x = a.at_x(number(j, "at_s"));
    if (j.contains("evaluation"))
      c.text(fmt::format("{:.0f} % | {:.0f} %", 100 * number(j["held_out"], "pass1"),
                         100 * number(j["rest"], "pass1")),
             x, a.y - 8, {.size = 12, .bold = true, .italic = false}, ink, align::center);
    if (!j.contains("adapter") || j.contains("set") || j.contains("evaluation")) continue;
    c.line({x, a.y - 4}, {x, height - 44}, blue, 1.4, true);
    const auto name = j["adapter"].is_string() ? j["adapter"].get<std::string>() : "";
    c.text(name.empty() ? "the model by itself" : name, x + 4, height - 50, {}, blue);
  }
}

}  // namespace

result<void> add_learning(const std::string& folder, measures& out) {
  std::vector<json> found;
  std::int64_t swaps = 0, back = 0;
  for (auto& j : lines_of(folder + "/talk.jsonl")) {
    if (j.contains("evaluation") && j.value("held_out", json()).is_object()) {
      found.push_back(j);
    } else if (j.contains("adapter") && !j.contains("set")) {
      (j.value("restored", json(false)) == true ? back : swaps) += 1;
    }
  }
  if (found.empty()) return fail("train.no_talk", folder + "/talk.jsonl: no evaluation");
  const auto &first = found.front(), &last = found.back();
  const auto cases_of = [&](const char* set) {
    return static_cast<std::int64_t>(number(first[set], "cases"));
  };
  const double before = number(first["held_out"], "pass1");
  out.add("learn.before", before, "ratio", cases_of("held_out"));
  out.add("learn.swaps", static_cast<double>(swaps), "count", 1);
  out.add("learn.taken_back", static_cast<double>(back), "count", 1);
  const bool again = found.size() > 1;
  if (again) {
    out.add("learn.after", number(last["held_out"], "pass1"), "ratio", cases_of("held_out"), before,
            goal::at_least);
    if (cases_of("rest") > 0)
      out.add("learn.rest_change", number(last["rest"], "pass1") - number(first["rest"], "pass1"),
              "ratio", cases_of("rest"), 0, goal::at_least);
  }
  for (const char* set : {"held_out", "rest"})
    for (const char* what : {"f1", "exact_arguments", "wrong_calls"}) {
      const auto name = fmt::format("learn.{}.{}", set, what);
      out.add(name + ".before", number(first[set], what), "ratio", cases_of(set));
      if (again) out.add(name + ".after", number(last[set], what), "ratio", cases_of(set));
    }
  out.add("learn.took_s", number(last, "at_s"), "s", 1);
  return {};
}

result<void> draw_learning(const std::string& folder, const std::string& path) {
  const auto talk = lines_of(folder + "/talk.jsonl");
  if (talk.empty()) return draw_losses(folder, path);
  const auto rows = rows_of(folder + "/adapters/curve.csv");
  auto opened = canvas::open(path, width, height, 1.5);
  if (!opened) return fail(opened);
  auto& c = *opened;
  c.rectangle(0, 0, width, height, color::of(0xffffff));
  double end = 0;
  for (const auto& j : talk) end = std::max(end, number(j, "at_s"));
  c.text("requests over time: right (high), wrong (low); held out | rest", left, 22,
         {.size = 13, .bold = true, .italic = false}, ink);
  lanes(c, {0, end, 0, 1, top, 3 * lane}, talk);
  const double y = top + 3 * lane + 34;
  const axes a{0, end, 0, std::max(highest(rows, "loss"), 1e-6) * 1.05, y, height - y - 60};
  frame(c, a, "loss of a target in training", " s");
  curve(c, a, rows, "at_s", "loss", "loss", blue, a.y + 14);
  return c.finish();
}

}  // namespace hocket::report
