#include "tools/report/picture.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tools/report/canvas.hpp"
#include "tools/report/excerpt.hpp"
#include "tools/report/picture_layout.hpp"

namespace hocket::report {
using namespace picture;

namespace {

// Okabe and Ito's palette, darkened for text on white: told apart with any colour vision.
constexpr color ink = color::of(0x20242c), faint = color::of(0x7c828e), paper = color::of(0xffffff),
                grid_turn = color::of(0xeff1f5), grid_second = color::of(0xd9dde5),
                blue = color::of(0x1f6fb2), orange = color::of(0xc9600a),
                green = color::of(0x0b7a5c), pink = color::of(0xa8327d), red = color::of(0xc0272d);

class painter {
 public:
  painter(const conversation& whole, const excerpt& part, const layout& l, canvas& c)
      : whole_(whole), part_(part), what_(part.kept), l_(l), c_(c), answers_(what_.responses()) {}

  void draw();

 private:
  void draw_header();
  void draw_row();
  void draw_grid();
  void draw_labels();
  void draw_wave(double axis_y, color k, level_cells turn_record::*who);
  void draw_words(const std::vector<placed_label>& words, bool person);
  void draw_responses();
  void draw_delegation(const delegation_record& d, int line);
  void draw_compute();
  void draw_events();

  double x(double t_ms) const { return l_.x_of(*r_, t_ms); }
  double y(double in_row) const { return r_->top + in_row; }
  /// Words over lines stay legible.
  void text_on_paper(const std::string& s, double x, double y, font f, color k) {
    c_.rectangle(x - 1, y - f.size + 1, c_.text_width(s, f) + 2, f.size + 2, paper.with_alpha(.85));
    c_.text(s, x, y, f, k);
  }

  const conversation& whole_;  // the figures of the header are over all of it
  const excerpt& part_;
  const conversation& what_;
  const layout& l_;
  canvas& c_;
  const std::vector<response> answers_;
  const row* r_ = nullptr;  // the row at work
};

void painter::draw() {
  c_.rectangle(0, 0, width, l_.height, paper);
  draw_header();
  for (const auto& r : l_.rows) {
    r_ = &r;
    draw_row();
  }
}

void painter::draw_header() {
  c_.text(what_.graph.empty() ? "conversation" : what_.graph, left, 34, {21, true}, ink);
  const double length = what_.length_ms();
  auto about =
      fmt::format("{:.1f} s, micro-turns of {:.0f} ms", length / 1000, what_.micro_turn_ms);
  if (l_.shown_from_ms > 0)
    about += fmt::format("; the first {:.0f} s are not shown", l_.shown_from_ms / 1000);
  if (l_.shown_to_ms < length)
    about += fmt::format("; then {:.1f} s of silence", (length - l_.shown_to_ms) / 1000);
  if (part_.words_left_out > 0)
    about += fmt::format("; {} words have no room", part_.words_left_out);
  if (part_.requests_left_out > 0)
    about += fmt::format("; {} requests have no room", part_.requests_left_out);
  c_.text(about, left, 54, {12}, faint);

  struct block {
    std::string number, words;
    color k;
  };
  std::vector<block> blocks;
  std::vector<double> latencies, computes;
  for (const auto& r : whole_.responses()) latencies.push_back(r.answered_ms - r.ended_ms);
  for (const auto& [k, t] : whole_.turns)
    if (t.compute_ms) computes.push_back(*t.compute_ms);
  if (l_.has_compute)
    blocks.push_back(
        {fmt::format("{:.1f} / {:.1f} ms", quantile(computes, .5), quantile(computes, .99)),
         "compute per micro-turn, p50 / p99", ink});
  if (!whole_.delegations.empty()) {
    const auto answered = std::count_if(whole_.delegations.begin(), whole_.delegations.end(),
                                        [](const auto& d) { return d.answered_ms.has_value(); });
    blocks.push_back({fmt::format("{} of {}", answered, whole_.delegations.size()),
                      "delegations answered", green});
  }
  if (!latencies.empty())
    blocks.push_back({fmt::format("{:.2f} s", quantile(latencies, .5) / 1000),
                      fmt::format("person ends to model speaks, median of {}", latencies.size()),
                      pink});
  double at = width - right;
  for (const auto& b : blocks) {
    c_.text(b.number, at, 34, {16, true}, b.k, align::right);
    c_.text(b.words, at, 52, {10.5}, faint, align::right);
    at -= std::max(c_.text_width(b.words, {10.5}), c_.text_width(b.number, {16, true})) + 34;
  }
}

void painter::draw_row() {
  draw_grid();
  draw_labels();
  draw_wave(y(r_->person_axis), blue, &turn_record::person);
  draw_wave(y(r_->model_axis), orange, &turn_record::model);
  for (const auto& [index, line] : r_->delegations) draw_delegation(what_.delegations[index], line);
  draw_responses();
  draw_words(r_->person_words, true);
  draw_words(r_->model_words, false);
  draw_compute();
  draw_events();
}

void painter::draw_grid() {
  const auto first = static_cast<std::int64_t>(std::ceil(r_->from_ms / what_.micro_turn_ms - 1e-6));
  const auto last = static_cast<std::int64_t>(std::floor(r_->to_ms / what_.micro_turn_ms + 1e-6));
  for (auto k = first; k <= last; ++k) {
    const double t = static_cast<double>(k) * what_.micro_turn_ms;
    const bool second = std::fmod(t + 0.5, 1000) < 1;
    c_.line({x(t), y(axis_height)}, {x(t), y(r_->bottom)}, second ? grid_second : grid_turn,
            second ? 1 : 0.8);
    if (second)
      c_.text(fmt::format("{:.0f} s", t / 1000), x(t), y(axis_height) - 6, {10}, faint,
              align::center);
  }
}

void painter::draw_labels() {
  auto label = [&](const std::string& name, double at, color k, const std::string& note) {
    c_.text(name, left - 14, y(at), {12, true}, k, align::right);
    c_.text(note, left - 14, y(at) + 13, {9}, faint, align::right);
  };
  label("person", r_->person_axis, blue, r_->person_words.empty() ? "" : "words as heard");
  label("model", r_->model_axis, orange, r_->model_words.empty() ? "" : "words as said");
  if (!r_->delegations.empty()) label("background", r_->background + 20, green, "task and result");
  if (l_.has_compute)
    label("compute", r_->compute + 14, ink, fmt::format("of {:.0f} ms", what_.micro_turn_ms));
}

void painter::draw_wave(double axis_y, color k, level_cells turn_record::*who) {
  // Loudness is relative to each voice's own loudest moment; a whisper stays a whisper.
  double loudest = 0.1;
  for (const auto& [turn, t] : what_.turns)
    for (float v : (t.*who).peak) loudest = std::max(loudest, static_cast<double>(v));
  const double half = wave_height / 2 - 2;
  const double cell_ms = what_.micro_turn_ms / level_cells::count;
  c_.line({x(r_->from_ms), axis_y}, {x(r_->to_ms), axis_y}, k.with_alpha(.45), 1);
  // One closed outline per run of consecutive micro-turns: top edge forth, bottom edge back.
  auto shape = [&](const std::array<float, level_cells::count> level_cells::*part, color fill) {
    std::vector<point> upper;
    auto flush = [&] {
      auto outline = upper;
      for (auto p = upper.rbegin(); p != upper.rend(); ++p)
        outline.push_back({p->x, 2 * axis_y - p->y});
      if (upper.size() > 1) c_.polygon(outline, fill);
      upper.clear();
    };
    std::int64_t before = -2;
    for (const auto& [turn, t] : what_.turns) {
      const double at = static_cast<double>(turn) * what_.micro_turn_ms;
      if (at + what_.micro_turn_ms <= r_->from_ms || at >= r_->to_ms) continue;
      if (turn != before + 1) flush();
      before = turn;
      for (int i = 0; i < level_cells::count; ++i)
        if (const double cell = at + (i + .5) * cell_ms; r_->holds(cell))
          upper.push_back(
              {x(cell), axis_y - ((t.*who).*part)[static_cast<std::size_t>(i)] / loudest * half});
    }
    flush();
  };
  shape(&level_cells::peak, k.with_alpha(.38));
  shape(&level_cells::rms, k);
}

void painter::draw_words(const std::vector<placed_label>& words, bool person) {
  const color k = person ? blue : orange;
  // The person's lines stand above the voice and grow upwards, the model's below and downwards.
  auto line_y = [&](const placed_label& w) {
    return person ? y(r_->person_text) + (r_->person_levels - w.level) * word_line - 3
                  : y(r_->model_text) + (w.level + 1) * word_line - 2;
  };
  for (const auto& w : words) {
    const double at = x(w.t_ms), edge = person ? y(r_->person_axis) - wave_height / 2 + 6
                                               : y(r_->model_axis) + wave_height / 2 - 6;
    c_.line({at, person ? line_y(w) + 2 : line_y(w) - 9}, {at, edge}, k.with_alpha(.55), .8);
  }
  for (const auto& w : words) text_on_paper(w.text, w.x + 2, line_y(w), word_font, ink);
}

void painter::draw_responses() {
  for (const auto& r : answers_) {
    if (!r_->holds(r.answered_ms)) continue;
    const double a = std::max(x(r.ended_ms), left), b = x(r.answered_ms);
    const double at = y(r_->latency) + latency_height / 2;
    c_.line({a, y(r_->person_axis) + 3}, {a, at + 4}, pink, 1, true);
    c_.line({b, at - 4}, {b, y(r_->model_axis) - 3}, pink, 1, true);
    c_.line({a, at}, {b, at}, pink, 1.6);
    c_.arrow_head({b, at}, 1, 0, pink);
    text_on_paper(fmt::format("{:.2f} s", (r.answered_ms - r.ended_ms) / 1000), b + 6, at + 4,
                  {10.5, true}, pink);
  }
}

void painter::draw_delegation(const delegation_record& d, int line) {
  const double ends = d.answered_ms.value_or(d.ended_ms.value_or(l_.shown_to_ms));
  const color k = d.outcome.empty() || d.outcome == "ok" ? green : red;
  const double at = y(r_->background) + line * delegation_line + 24;
  const double a = x(std::max(d.asked_ms, r_->from_ms)), b = x(std::min(ends, r_->to_ms));
  c_.rounded(a, at - 4, std::max(b - a, 3.0), 8, 4, k.with_alpha(.28));
  c_.line({a, at}, {b, at}, k, 1.4, !d.answered_ms);
  if (r_->holds(d.asked_ms)) {
    c_.line({a, y(r_->model_axis)}, {a, at}, k, 1.4);
    c_.arrow_head({a, at}, 0, 1, k, 6);
    text_on_paper(delegation_label(d), a + 6, at - 8, task_font, k);
  }
  if (d.answered_ms && r_->holds(*d.answered_ms)) {
    c_.line({b, at}, {b, y(r_->model_axis) + 4}, k, 1.4);
    c_.arrow_head({b, y(r_->model_axis)}, 0, -1, k, 6);
    text_on_paper(answer_label(d), b + 7, at + 5, answer_font, k);
  }
}

void painter::draw_compute() {
  if (!l_.has_compute) return;
  const double base = y(r_->compute) + compute_height - 4, full = compute_height - 8;
  c_.line({x(r_->from_ms), base - full}, {x(r_->to_ms), base - full}, red.with_alpha(.55), 1, true);
  c_.line({x(r_->from_ms), base}, {x(r_->to_ms), base}, faint, 1);
  for (const auto& [turn, t] : what_.turns) {
    const double at = static_cast<double>(turn) * what_.micro_turn_ms;
    if (!t.compute_ms || !r_->holds(at)) continue;
    const double part = *t.compute_ms / what_.micro_turn_ms;
    const double h = std::max(1.0, std::min(1.0, part) * full);
    c_.rectangle(x(at) + 1.5, base - h, what_.micro_turn_ms * l_.px_per_ms - 3, h,
                 part > 1 ? red : ink.with_alpha(.62));
  }
}

void painter::draw_events() {
  static const std::vector<std::string> shown = {"interrupted", "restarting",     "recovered",
                                                 "hung",        "failed",         "lost",
                                                 "input_lost",  "input_recovered"};
  double free_from = 0;
  for (const auto& e : what_.events) {
    if (!r_->holds(e.t_ms) || std::find(shown.begin(), shown.end(), e.what) == shown.end())
      continue;
    const double at = x(e.t_ms), top = y(axis_height);
    const color k = e.what == "interrupted" ? pink : red;
    c_.line({at, top - 2}, {at, y(r_->model_axis) + wave_height / 2}, k.with_alpha(.7), 1, true);
    c_.polygon({{at - 4, top - 4}, {at + 4, top - 4}, {at, top + 3}}, k);
    const auto words = e.actor.empty() ? e.what : e.what + ": " + e.actor;
    if (at < free_from) continue;  // the mark is there; its words would cover the last ones
    text_on_paper(words, at + 6, top + 6, {9.5}, k);
    free_from = at + 14 + c_.text_width(words, {9.5});
  }
}

}  // namespace

result<void> draw_conversation(const conversation& what, const std::string& path) {
  // Text is measured on a throw-away surface first: the height follows from the words.
  auto measure = canvas::open("measure.png", 8, 8, 1);
  if (!measure) return fail(measure);
  const auto part = excerpt_of(what, max_shown_ms);
  const auto l = plan_picture(part.kept, *measure);
  auto c = canvas::open(path, width, l.height, 1.5);
  if (!c) return fail(c);
  painter(what, part, l, *c).draw();
  return c->finish();
}

}  // namespace hocket::report
