#include "tools/hocket/picture.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "tools/hocket/canvas.hpp"
#include "tools/hocket/picture_layout.hpp"

namespace hocket::cli {
using namespace picture;

namespace {

// Okabe and Ito's palette, darkened for text on white: told apart with any colour vision.
constexpr color ink = color::of(0x20242c), faint = color::of(0x8a909c), paper = color::of(0xffffff),
                grid_turn = color::of(0xeff1f5), grid_second = color::of(0xd9dde5),
                blue = color::of(0x1f6fb2), orange = color::of(0xc9600a),
                green = color::of(0x0b7a5c), pink = color::of(0xa8327d), red = color::of(0xc0272d);

class painter {
 public:
  painter(const conversation& what, canvas& c) : what_(what), c_(c) {
    person_ = what.person_voice();
    model_ = what.model_voice();
    answers_ = what.responses();
  }

  void draw(const layout& l);

 private:
  void draw_header(const layout& l);
  void draw_row(const layout& l, int row);
  void draw_grid(const layout& l);
  void draw_labels(const layout& l);
  void draw_wave(const layout& l, double axis_y, color k, level_cells turn_record::*who,
                 double scale);
  void draw_words(const layout& l, bool person);
  void draw_responses(const layout& l);
  void draw_delegations(const layout& l);
  void draw_compute(const layout& l);
  void draw_events(const layout& l);
  double x(const layout& l, double t_ms) const { return l.x_of(t_ms - from_); }
  bool inside(double t_ms) const { return t_ms >= from_ && t_ms < to_; }

  const conversation& what_;
  canvas& c_;
  std::vector<voiced> person_, model_;
  std::vector<response> answers_;
  double from_ = 0, to_ = 0;  // the row at work
  double top_ = 0;            // its y
};

void painter::draw(const layout& l) {
  c_.rectangle(0, 0, width, l.height(), paper);
  draw_header(l);
  for (int row = 0; row < l.rows; ++row) draw_row(l, row);
}

void painter::draw_header(const layout& l) {
  c_.text(what_.graph.empty() ? "conversation" : what_.graph, left, 34, {21, true}, ink);
  auto length = fmt::format("{:.1f} s, micro-turns of {:.0f} ms", what_.length_ms() / 1000,
                            what_.micro_turn_ms);
  if (l.origin_ms > 0) length += fmt::format("; the last {:.0f} minutes", max_shown_ms / 60000);
  c_.text(length, left, 54, {12}, faint);

  std::vector<std::pair<std::string, std::string>> blocks;
  std::vector<double> latencies, computes;
  for (const auto& r : answers_) latencies.push_back(r.answered_ms - r.ended_ms);
  for (const auto& [k, t] : what_.turns)
    if (t.compute_ms) computes.push_back(*t.compute_ms);
  if (l.has_compute)
    blocks.emplace_back(
        fmt::format("{:.1f} / {:.1f} ms", quantile(computes, .5), quantile(computes, .99)),
        "compute per micro-turn, p50 / p99");
  if (!what_.delegations.empty()) {
    const auto answered = std::count_if(what_.delegations.begin(), what_.delegations.end(),
                                        [](const auto& d) { return d.answered_ms.has_value(); });
    blocks.emplace_back(fmt::format("{} of {}", answered, what_.delegations.size()),
                        "delegations answered");
  }
  if (!latencies.empty())
    blocks.emplace_back(fmt::format("{:.2f} s", quantile(latencies, .5) / 1000),
                        fmt::format("person ends to model speaks, median of {}", latencies.size()));
  double x = width - right;
  for (const auto& [number, words] : blocks) {
    c_.text(number, x, 34, {16, true}, ink, align::right);
    c_.text(words, x, 52, {10.5}, faint, align::right);
    x -= std::max(c_.text_width(words, {10.5}), c_.text_width(number, {16, true})) + 34;
  }
}

void painter::draw_row(const layout& l, int row) {
  from_ = l.origin_ms + row * l.row_ms;
  to_ = from_ + l.row_ms;
  top_ = header + row * l.row_height();
  draw_grid(l);
  draw_labels(l);
  // Loudness is relative to each voice's own loudest moment; a whisper stays a whisper.
  auto loudest = [&](level_cells turn_record::*who) {
    double out = 0.1;
    for (const auto& [k, t] : what_.turns)
      for (float v : (t.*who).peak) out = std::max(out, static_cast<double>(v));
    return out;
  };
  draw_wave(l, top_ + l.person_axis, blue, &turn_record::person, loudest(&turn_record::person));
  draw_wave(l, top_ + l.model_axis, orange, &turn_record::model, loudest(&turn_record::model));
  draw_words(l, true);
  draw_words(l, false);
  draw_responses(l);
  draw_delegations(l);
  draw_compute(l);
  draw_events(l);
}

void painter::draw_grid(const layout& l) {
  const double y = top_ + axis_height, bottom = top_ + l.bottom;
  const double step = what_.micro_turn_ms;
  const double end = std::min(to_, std::max(what_.length_ms(), from_));
  for (double t = from_; t <= end + 0.5; t += step) {
    const bool second = std::fmod(t + 0.5, 1000) < 1;
    c_.line({x(l, t), y}, {x(l, t), bottom}, second ? grid_second : grid_turn, second ? 1 : 0.8);
    if (second)
      c_.text(fmt::format("{:.0f} s", t / 1000), x(l, t), y - 6, {10}, faint, align::center);
  }
}

void painter::draw_labels(const layout& l) {
  auto label = [&](const std::string& name, double y, color k, const std::string& note = "") {
    c_.text(name, left - 12, top_ + y, {12, true}, k, align::right);
    if (!note.empty()) c_.text(note, left - 12, top_ + y + 13, {9}, faint, align::right);
  };
  label("person", l.person_axis + 4, blue);
  label("model", l.model_axis + 4, orange);
  if (l.delegation_levels > 0) label("background", l.background + 20, green);
  if (l.has_compute)
    label("compute", l.compute + 15, ink, fmt::format("of {:.0f} ms", what_.micro_turn_ms));
}

void painter::draw_wave(const layout& l, double axis_y, color k, level_cells turn_record::*who,
                        double scale) {
  const double half = wave_height / 2 - 2;
  const double cell_ms = what_.micro_turn_ms / level_cells::count;
  const double end = std::min(to_, what_.length_ms());
  if (end > from_) c_.line({x(l, from_), axis_y}, {x(l, end), axis_y}, k.with_alpha(.45), 1);
  // One closed outline per run of consecutive micro-turns: top edge forth, bottom edge back.
  auto shape = [&](const std::array<float, level_cells::count> level_cells::*part, color fill) {
    std::vector<point> upper;
    auto flush = [&] {
      if (upper.size() > 1) {
        auto outline = upper;
        for (auto p = upper.rbegin(); p != upper.rend(); ++p)
          outline.push_back({p->x, 2 * axis_y - p->y});
        c_.polygon(outline, fill);
      }
      upper.clear();
    };
    std::int64_t before = -2;
    for (const auto& [k_turn, t] : what_.turns) {
      const double at = static_cast<double>(k_turn) * what_.micro_turn_ms;
      if (!inside(at)) continue;
      if (k_turn != before + 1) flush();
      before = k_turn;
      for (int i = 0; i < level_cells::count; ++i) {
        const double v = ((t.*who).*part)[static_cast<std::size_t>(i)];
        upper.push_back({x(l, at + (i + .5) * cell_ms), axis_y - v / scale * half});
      }
    }
    flush();
  };
  shape(&level_cells::peak, k.with_alpha(.38));
  shape(&level_cells::rms, k);
}

void painter::draw_words(const layout& l, bool person) {
  const color k = person ? blue : orange;
  for (const auto& w : place_words(what_, person, l, c_)) {
    if (!inside(w.t_ms)) continue;
    const double levels = person ? l.person_levels : l.model_levels;
    // The person's lines stand above the voice and grow upwards, the model's below and downwards.
    const double y = person ? top_ + l.person_words + (levels - w.level) * word_line - 3
                            : top_ + l.model_words + (w.level + 1) * word_line - 2;
    const double at = x(l, w.t_ms);
    const point to = person ? point{at, top_ + l.person_axis - wave_height / 2 + 6}
                            : point{at, top_ + l.model_axis + wave_height / 2 - 6};
    c_.line({at, person ? y + 2 : y - 9}, to, k.with_alpha(.55), .8);
    c_.text(w.text, w.x + 2, y, word_font, ink);
  }
}

void painter::draw_responses(const layout& l) {
  for (const auto& r : answers_) {
    if (!inside(r.answered_ms)) continue;
    const double a = std::max(x(l, r.ended_ms), left), b = x(l, r.answered_ms);
    const double y = top_ + l.latency + latency_height / 2;
    c_.line({a, top_ + l.person_axis + 3}, {a, y + 4}, pink, 1, true);
    c_.line({b, y - 4}, {b, top_ + l.model_axis - 3}, pink, 1, true);
    c_.line({a, y}, {b, y}, pink, 1.6);
    c_.arrow_head({b, y}, 1, 0, pink);
    c_.text(fmt::format("{:.2f} s", (r.answered_ms - r.ended_ms) / 1000), b + 6, y + 4,
            {10.5, true}, pink);
  }
}

void painter::draw_delegations(const layout& l) {
  int levels = 0;
  const auto lines = place_delegations(what_, l, c_, levels);
  for (std::size_t i = 0; i < what_.delegations.size(); ++i) {
    const auto& d = what_.delegations[i];
    const double ends = d.answered_ms.value_or(what_.length_ms());
    if (ends < from_ || d.asked_ms >= to_) continue;
    const bool good = d.outcome == "ok";
    const color k = good || d.outcome.empty() ? green : red;
    const double y = top_ + l.background + lines[i] * delegation_line + 24;
    const double a = x(l, std::max(d.asked_ms, from_)), b = x(l, std::min(ends, to_));
    c_.rounded(a, y - 4, std::max(b - a, 3.0), 8, 4, k.with_alpha(.28));
    c_.line({a, y}, {b, y}, k, 1.4, !d.answered_ms);
    if (inside(d.asked_ms)) {
      c_.line({a, top_ + l.model_axis}, {a, y}, k, 1.4);
      c_.arrow_head({a, y}, 0, 1, k, 6);
      c_.text(delegation_label(d), a + 6, y - 8, task_font, k);
    }
    if (d.answered_ms && inside(*d.answered_ms)) {
      c_.line({b, y}, {b, top_ + l.model_axis + 4}, k, 1.4);
      c_.arrow_head({b, top_ + l.model_axis}, 0, -1, k, 6);
      c_.text(answer_label(d), b + 7, y + 5, answer_font, k);
    }
  }
}

void painter::draw_compute(const layout& l) {
  if (!l.has_compute) return;
  const double base = top_ + l.compute + compute_height - 4, full = compute_height - 8;
  const double end = x(l, std::min(to_, what_.length_ms()));
  if (end <= left) return;
  c_.line({left, base - full}, {end, base - full}, red.with_alpha(.55), 1, true);
  c_.line({left, base}, {end, base}, faint, 1);
  for (const auto& [k, t] : what_.turns) {
    const double at = static_cast<double>(k) * what_.micro_turn_ms;
    if (!t.compute_ms || !inside(at)) continue;
    const bool late = *t.compute_ms > what_.micro_turn_ms;
    const double h = std::max(1.0, std::min(1.0, *t.compute_ms / what_.micro_turn_ms) * full);
    c_.rectangle(x(l, at) + 1.5, base - h, x(l, at + what_.micro_turn_ms) - x(l, at) - 3, h,
                 late ? red : ink.with_alpha(.62));
  }
}

void painter::draw_events(const layout& l) {
  static const std::vector<std::string> shown = {"interrupted", "restarting",     "recovered",
                                                 "hung",        "failed",         "lost",
                                                 "input_lost",  "input_recovered"};
  double free_from = 0;
  for (const auto& e : what_.events) {
    if (!inside(e.t_ms) || std::find(shown.begin(), shown.end(), e.what) == shown.end()) continue;
    const double at = x(l, e.t_ms), y = top_ + axis_height;
    const color k = e.what == "interrupted" ? pink : red;
    c_.line({at, y - 2}, {at, top_ + l.model_axis + wave_height / 2}, k.with_alpha(.7), 1, true);
    c_.polygon({{at - 4, y - 4}, {at + 4, y - 4}, {at, y + 3}}, k);
    const auto words = e.actor.empty() ? e.what : e.what + ": " + e.actor;
    if (at < free_from) continue;  // the mark is there; its words would cover the last ones
    c_.text(words, at + 6, y + 6, {9.5}, k);
    free_from = at + 14 + c_.text_width(words, {9.5});
  }
}

}  // namespace

result<void> draw_conversation(const conversation& what, const std::string& path) {
  // Text is measured on a throw-away surface first: the height follows from the words.
  auto measure = canvas::open("measure.png", 8, 8, 1);
  if (!measure) return fail(measure);
  const auto l = plan_picture(what, *measure);
  auto c = canvas::open(path, width, l.height(), 1.5);
  if (!c) return fail(c);
  painter(what, *c).draw(l);
  return c->finish();
}

}  // namespace hocket::cli
