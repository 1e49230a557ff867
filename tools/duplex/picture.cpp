#include "tools/duplex/picture.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <map>

#include "graph/trust/files.hpp"
#include "tools/duplex/families.hpp"
#include "tools/report/canvas.hpp"

namespace hocket::duplex {
namespace {

using report::align;
using report::canvas;
using report::color;

// The palette of tools/hocket/picture.cpp: told apart with any colour vision.
constexpr color ink = color::of(0x20242c), faint = color::of(0x7c828e), paper = color::of(0xffffff),
                grid = color::of(0xe3e6ec), blue = color::of(0x1f6fb2),
                orange = color::of(0xc9600a), green = color::of(0x0b7a5c),
                pink = color::of(0xa8327d), red = color::of(0xc0272d);

constexpr double width = 1160, left = 84, right = 24, header = 62, panel = 242, wave = 26;
constexpr double longest_s = 40;  ///< of a long session only its begin is shown

std::string quoted(const std::vector<std::string>& words, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < std::min(most, words.size()); ++i)
    out += (i ? " or \u201c" : "\u201c") + words[i] + "\u201d";
  return out;
}

class painter {
 public:
  painter(canvas& c, const played_item& o, double top, const char* which)
      : c_(c), o_(o), top_(top), which_(which) {
    length_s_ = std::min(longest_s, std::max(1.0, o.of.length_s()));
  }

  void draw() {
    draw_title();
    draw_window();
    draw_axis();
    draw_wave(person_y(), o_.did.person_db, blue);
    draw_wave(model_y(), o_.did.model_db, orange);
    draw_said();
    draw_words();
    draw_events();
  }

 private:
  double x(double s) const { return left + s / length_s_ * (width - left - right); }
  double person_y() const { return top_ + 86; }
  double model_y() const { return top_ + 148; }

  void draw_title() {
    const bool good = o_.judged.good >= 0.5;
    c_.text(o_.of.key(), left, top_ + 16, {13, true}, ink);
    const double at = left + c_.text_width(o_.of.key(), {13, true}) + 14;
    c_.text(fmt::format("{}: {}", which_, o_.judged.verdict), at, top_ + 16, {13},
            good ? green : red);
    c_.text("wanted: " + wanted_of(o_.of), width - right, top_ + 16, {11}, green, align::right);
    std::string values;
    for (const auto& [key, value] : o_.judged.values)
      if (!key.starts_with("label_") && key.find("disagree") == key.npos)
        values += fmt::format("{}{} {:.3g}", values.empty() ? "" : "   ", key, value);
    while (c_.text_width(values, {9.5}) > width - left - right && values.size() > 10)
      values.resize(values.size() - 1);
    c_.text(values, left, top_ + 31, {9.5}, faint);
  }

  // What the score looks at: the pause, the overlap, the windows of due words.
  void draw_window() {
    const double y = top_ + 42, height = model_y() + wave - y;
    const double from = std::min(o_.of.from_s, length_s_), to = std::min(o_.of.to_s, length_s_);
    if (o_.of.expect.due.empty() && to > from) {
      c_.rectangle(x(from), y, x(to) - x(from), height, blue.with_alpha(0.08));
      // Between the two sounds.
      c_.text(window_of(o_.of), x(from) + 3, top_ + 120, {9, false, true}, blue.with_alpha(0.8));
    }
    for (const auto& d : o_.of.expect.due) {
      if (d.to_s > length_s_) continue;
      c_.rectangle(x(d.from_s), y, x(d.to_s) - x(d.from_s), height, green.with_alpha(0.10));
      c_.line({x(d.at_s), y}, {x(d.at_s), y + height}, green, 1, true);
    }
    for (const double end : o_.of.expect.clause_ends_s)
      if (end < length_s_)
        c_.line({x(end), y}, {x(end), y + height}, green.with_alpha(0.6), 1, true);
  }

  void draw_axis() {
    const double step = length_s_ > 20 ? 5 : 1;
    for (double s = 0; s <= length_s_ + 1e-9; s += step) {
      c_.line({x(s), top_ + 42}, {x(s), top_ + panel - 26}, grid, 1);
      c_.text(fmt::format("{:.0f} s", s), x(s), top_ + panel - 12, {9.5}, faint, align::center);
    }
    c_.text("person", left - 12, person_y() + 4, {11, true}, blue, align::right);
    c_.text("model", left - 12, model_y() + 4, {11, true}, orange, align::right);
  }

  void draw_wave(double y, const std::vector<std::int8_t>& levels, color k) {
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const double s = static_cast<double>(i) / 50;
      if (s >= length_s_) break;
      const double h = std::clamp((levels[i] + 55) / 45.0, 0.0, 1.0) * wave;
      if (h > 0.5) c_.rectangle(x(s), y - h, std::max(0.6, x(s + 0.02) - x(s)), 2 * h, k);
    }
    c_.line({left, y}, {width - right, y}, k.with_alpha(0.5), 0.8);
  }

  // Two lines above the person's sound; what fits on neither is left out.
  void draw_said() {
    double free[2] = {0, 0};
    for (const auto& s : o_.of.sounds) {
      if (s.from_s() > length_s_) break;
      const std::string text = s.who == "user" ? s.text : s.who + ": " + s.text;
      const report::font how{10, false, s.who != "user"};
      const double at = x(s.from_s());
      const int line = at >= free[0] ? 0 : 1;
      if (at < free[line]) continue;
      c_.text(text, at, person_y() - wave - 3 - 11 * line, how, blue);
      free[line] = at + c_.text_width(text, how) + 6;
    }
  }

  void draw_words() {
    double free[2] = {0, 0};
    for (const auto& w : o_.did.words) {
      if (w.at_s > length_s_) break;
      const int line = x(w.at_s) >= free[0] ? 0 : 1;
      const double at = std::max(x(w.at_s), free[line]);
      c_.line({x(w.at_s), model_y() + wave}, {x(w.at_s), model_y() + wave + 5}, orange, 1);
      c_.text(w.word, at, model_y() + wave + 16 + 12 * line, {10}, orange);
      free[line] = at + c_.text_width(w.word, {10}) + 5;
    }
  }

  void draw_events() {
    for (const double d : o_.did.delegations_s)
      if (d < length_s_) c_.line({x(d), top_ + 42}, {x(d), model_y() + wave}, pink, 1.4);
    double free = 0;
    for (const auto& call : o_.did.calls) {
      if (call.at_s > length_s_) continue;
      const auto text =
          call.tool + " " + call.arguments.dump() + (call.in_force ? "" : " (taken back)");
      const double at = std::max(x(call.at_s), free);
      c_.text(text, at, model_y() + wave + 42, {9}, pink);
      free = at + c_.text_width(text, {9}) + 8;
    }
  }

  canvas& c_;
  const played_item& o_;
  const double top_;
  const char* which_;
  double length_s_ = 1;
};

/// The model was silent where it was to be spoken over: no example of how it handles that.
bool says_little(const played_item& o) {
  const auto v = o.judged.values.find("was_speaking");
  return v != o.judged.values.end() && v->second == 0;
}

}  // namespace

std::string wanted_of(const item& of) {
  const auto& e = of.expect;
  const auto calls = [&] {
    std::string out;
    for (const auto& c : e.calls.front())
      out += (out.empty() ? "" : ", ") + c.tool + " " + c.arguments.dump();
    return out.size() > 90 ? out.substr(0, 87) + "…" : out;
  };
  if (e.label == "SILENCE") return "not a word";
  if (e.label == "RESUME") return "goes on with its answer";
  if (of.family == "barge_in") return "falls silent at once";
  if (of.family == "rep_count") return fmt::format("counts to {}", e.count);
  if (!e.clause_ends_s.empty()) return "a short sound after each dotted line";
  if (!e.due.empty()) {
    std::vector<std::string> words;
    for (const auto& d : e.due)
      if (std::ranges::count(words, d.words.front()) == 0) words.push_back(d.words.front());
    return quoted(words, 2) + " in the green windows";
  }
  if (!e.calls.empty() && !e.calls.front().empty()) return calls();
  const auto reply = e.replies.empty() ? "" : quoted(e.replies, 1);
  if (of.family == "pause") return "silence in the pause, then " + reply;
  return reply.empty() ? "see the family" : reply;
}

std::string window_of(const item& of) {
  if (of.family == "pause") return "pause";
  if (of.family == "session") return "";
  if (of.family == "bystander") return "not for the model";
  if (of.family == "rep_count") return "count";
  if (!of.expect.clause_ends_s.empty()) return "story";
  return of.expect.sequence.empty() ? "the answer is awaited" : "overlap";
}

result<void> draw_items(const std::vector<const played_item*>& items, const std::string& title,
                        const std::string& path) {
  const double height = header + panel * static_cast<double>(items.size());
  auto c = canvas::open(path, width, height, 2);
  if (!c) return fail(c);
  c->rectangle(0, 0, width, height, paper);
  c->text(title, left, 30, {18, true}, ink);
  const auto* family = find_family(items.front()->of.family);
  c->text(family ? family->what : "", left, 48, {11}, faint);
  for (std::size_t i = 0; i < items.size(); ++i)
    painter(*c, *items[i], header + panel * static_cast<double>(i), i == 0 ? "best" : "worst")
        .draw();
  return c->finish();
}

result<std::vector<std::string>> draw_families(const std::vector<played_item>& all,
                                               const std::string& folder) {
  std::map<std::string, std::vector<const played_item*>> families;
  for (const auto& o : all)
    if (o.of.condition == "clean" && !o.judged.verdict.empty()) families[o.of.family].push_back(&o);
  if (const auto made = trust::folder::open(folder); !made)
    return fail("picture.cannot_write", made.error().message);
  std::vector<std::string> files;
  for (auto& [name, items] : families) {
    // Of those that are alike rather one in which something happened.
    const auto better = [](const auto* a, const auto* b) {
      return std::pair(a->judged.good, !says_little(*a)) <
             std::pair(b->judged.good, !says_little(*b));
    };
    const auto* best = *std::ranges::max_element(items, better);
    const auto* worst = *std::ranges::min_element(items, [](const auto* a, const auto* b) {
      return std::pair(a->judged.good, says_little(*a)) <
             std::pair(b->judged.good, says_little(*b));
    });
    std::vector<const played_item*> shown{best};
    if (worst->judged.good < best->judged.good) shown.push_back(worst);
    for (const char* ending : {".svg", ".png"}) {
      const auto path = (std::filesystem::path(folder) / (name + ending)).string();
      HOCKET_TRY(draw_items(shown, name, path));
      files.push_back(path);
    }
  }
  return files;
}

}  // namespace hocket::duplex
