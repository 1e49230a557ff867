#include "tools/hocket/run/screen.hpp"

#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/alerts/names.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/run_figures.hpp"
#include "tools/report/conversation.hpp"

namespace hocket::cli {

using namespace report;
namespace {

void write_line(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

/// "→ 2 × 3 (calculator)" and the like; empty for what is shown elsewhere.
std::string short_text(const fact& f) {
  switch (f.what) {
    case fact::kind::delegation:
      return f.detail == "cancel" ? fmt::format("× #{} cancelled", f.request)
                                  : fmt::format("→ #{} {}", f.request, f.text);
    case fact::kind::tool_call: return fmt::format("⚙ {}", f.role);
    case fact::kind::tool_result:
      return f.detail == "ok" ? "" : fmt::format("⚙ {} {}", f.role, f.detail);
    case fact::kind::text:
      return is_result(f.role)
                 ? fmt::format("← {}{}", f.request ? fmt::format("#{} ", f.request) : "", f.text)
                 : "";
    case fact::kind::event:
      return f.role == "log" ? fmt::format("{}: {}", f.actor, f.text)
                             : fmt::format("! {}{}{}", f.actor.empty() ? "" : f.actor + " ", f.role,
                                           f.text.empty() ? "" : ": " + f.text);
    default: return "";
  }
}

/// Every run has these; a row for each would only hide what matters.
bool is_routine(const fact& f) {
  static const std::set<std::string> every_run = {
      "opened",         "closed",        "session_opened", "session_closing",
      "session_closed", "end_of_stream", "stopping",       "finished"};
  return f.what == fact::kind::event && every_run.contains(f.role);
}

std::string side_text(const timeline_row& row) {
  std::string out;
  for (const auto& f : row.happened)
    if (const auto t = short_text(f); !t.empty() && !is_routine(f))
      out += (out.empty() ? "" : "  ") + t;
  return out;
}

/// "slow, lossy": the alerts that are raised.
std::string active_alerts(const host::snapshot& now) {
  std::string out;
  for (const auto& a : now.actors)
    if (watches_run(a.component) && alerts::row_of(a.counters).is_active)
      out += (out.empty() ? "" : ", ") + a.name;
  return out;
}

class terminal_screen final : public screen {
 public:
  explicit terminal_screen(const terminal& t) : t_(t) {}

 private:
  void show(const fact& f) override {
    if (f.what == fact::kind::start) return show_head(f);
    if (f.what == fact::kind::end || f.what == fact::kind::start) return;
    if (f.session != 0 && session_ == 0) session_ = f.session;
    if (f.session != 0 && f.session != session_) return;
    for (const auto& row : rows_.take(f)) show_row(row);
  }

  void show_head(const fact& f) {
    lay_out();
    clear_status();
    print(paint(t_, "1", f.text) + paint(t_, "2", "  " + f.detail));
    auto line = fit("   time", 9) + fit("person", words_ + bars_ + 1, true) + " │ " +
                fit("model", bars_ + 1 + words_);
    if (side_ > 0) line += " " + fit("background", side_);
    print(paint(t_, "2", line + (compute_wide_ > 0 ? " compute" : "")));
  }

  /// Widths for the window as it is now. What is not wide enough for all loses the background, then
  /// the compute time, then words.
  void lay_out() {
    t_ = resized(t_);
    bars_ = std::clamp((t_.columns - 30) / 5, 3, 12);
    compute_wide_ = t_.columns >= 64 ? 16 : 0;
    const int rest = t_.columns - 9 - 2 * bars_ - 6 - compute_wide_;
    words_ = std::clamp(rest / 4, std::clamp(rest / 2, 1, 8), 30);
    side_ = std::max(0, rest - 2 * words_);
    if (side_ < 8) side_ = 0;
  }

  /// A line that does not wrap, whatever the window is.
  void print(const std::string& line) { write_line(cut(line, t_.columns - 1)); }

  void show_row(const timeline_row& row) {
    const auto& turn = row.turn;
    if (turn.compute_ms) compute_.push_back(*turn.compute_ms);
    if (compute_.size() > 600) compute_.erase(compute_.begin(), compute_.begin() + 100);
    auto line = fit(fmt::format("{:6.1f} s", turn.t_ms / 1000), 9);
    line += paint(t_, "34", fit(row.words(true), words_, true)) + " ";
    line += paint(t_, "34", bar_leftward(loudness(turn.person.loudest()), bars_));
    line += paint(t_, turn.model.silent() ? "2" : "1;33", turn.model.silent() ? " │ " : " ┃ ");
    line += paint(t_, "33", bar(loudness(turn.model.loudest()), bars_)) + " ";
    line += paint(t_, "33", fit(row.words(false), words_)) + " ";
    if (side_ > 0) line += paint(t_, "32", fit(side_text(row), side_)) + " ";
    if (turn.compute_ms && compute_wide_ > 0) {
      const double part = *turn.compute_ms / turn.micro_turn_ms;
      line += paint(t_, part > 1 ? "1;31" : "2",
                    fmt::format("{:4.0f} ms ", *turn.compute_ms) + bar(part, 6));
    }
    clear_status();
    line.erase(line.find_last_not_of(' ') + 1);
    print(line);
  }

  void show_status(const host::snapshot& now) override {
    lay_out();
    std::uint64_t drops = 0, queued = 0, restarts = 0, missed = 0;
    for (const auto& l : now.links)
      for (const auto d : l.dropped) drops += d;
    for (const auto& a : now.actors) {
      queued += a.queued;
      restarts += a.restarts;
    }
    for (const auto& b : now.budgets) missed += b.missed;
    auto line = fmt::format(
        "{:6.1f} s  compute p50 {:.0f} p99 {:.0f} ms   queued {}  dropped {}  restarts {}"
        "  budget misses {}  sessions {}   Ctrl-C stops",
        now.now.seconds(), quantile(compute_, .5), quantile(compute_, .99), queued, drops, restarts,
        missed, now.sessions);
    if (const auto raised = active_alerts(now); !raised.empty())
      line = fmt::format("ALERT {}  {}", raised, line);
    clear_status();
    status_wide_ = std::max(1, t_.columns - 1);
    fmt::print("{}", paint(t_, "7", fit(line, status_wide_)));
    std::fflush(stdout);
  }

  void show_end() override {
    clear_status();
    std::fflush(stdout);
  }

  /// A window that became narrower broke the status line into several: all of them go.
  void clear_status() {
    if (status_wide_ == 0) return;
    const int lines = (status_wide_ - 1) / std::max(1, resized(t_).columns);
    if (lines > 0) fmt::print("\033[{}A", lines);
    fmt::print("\r\033[J");
    status_wide_ = 0;
  }

  terminal t_;
  int bars_ = 12, words_ = 20, side_ = 20, compute_wide_ = 16;
  std::uint64_t session_ = 0;
  row_builder rows_;
  std::vector<double> compute_;
  int status_wide_ = 0;  ///< columns of the status line that stands there; 0: none does
};

class plain_screen final : public screen {
  void show(const fact& f) override {
    if (f.what == fact::kind::start) return write_line(fmt::format("{}: {}", f.text, f.detail));
    if (f.what == fact::kind::end) {
      for (const auto& late : rows_.rest())
        if (!is_routine(late) && !short_text(late).empty())
          write_line(fmt::format("{:8.1f} s  {}", late.t_ms / 1000, short_text(late)));
      return;
    }
    if (f.session != 0 && session_ == 0) session_ = f.session;
    if (f.session != 0 && f.session != session_) return;
    for (const auto& row : rows_.take(f)) show_row(row);
  }

  void show_row(const timeline_row& row) {
    const auto person = row.words(true), model = row.words(false), side = side_text(row);
    const bool speaks = row.turn.person.loudest() > 0.02, answers = !row.turn.model.silent();
    const bool changed = speaks != person_spoke_ || answers != model_spoke_;
    person_spoke_ = speaks;
    model_spoke_ = answers;
    if (person.empty() && model.empty() && side.empty() && !changed) return;
    auto line = fmt::format("{:8.1f} s  person {:>6}  model {:>6}", row.turn.t_ms / 1000,
                            speaks ? decibels(row.turn.person.loudest()) : "-",
                            answers ? decibels(row.turn.model.loudest()) : "-");
    if (row.turn.compute_ms) line += fmt::format("  {:5.1f} ms", *row.turn.compute_ms);
    if (!person.empty()) line += fmt::format("  heard \"{}\"", person);
    if (!model.empty()) line += fmt::format("  says \"{}\"", model);
    if (!side.empty()) line += "  " + side;
    write_line(line);
  }

  std::uint64_t session_ = 0;
  row_builder rows_;
  bool person_spoke_ = false, model_spoke_ = false;
};

class json_screen final : public screen {
 public:
  explicit json_screen(bool with_words) : with_words_(with_words) {}

 private:
  using json = nlohmann::ordered_json;

  void show(const fact& f) override {
    if (f.what == fact::kind::start || f.what == fact::kind::end) return;
    if (f.session == 0) return write_line(to_json_line(f, with_words_));
    for (const auto& row : rows_[f.session].take(f)) {
      const auto& turn = row.turn;
      auto level = [](const level_cells& c) {
        return c.silent() ? json() : json(std::round(200 * std::log10(double{c.loudest()})) / 10);
      };
      json line = {{"type", "turn"},
                   {"session", turn.session},
                   {"turn", turn.turn},
                   {"t_ms", turn.t_ms},
                   {"person_db", level(turn.person)},
                   {"model_db", level(turn.model)},
                   {"voice", !turn.model.silent()},
                   {"compute_ms", turn.compute_ms ? json(*turn.compute_ms) : json()}};
      if (with_words_) {
        line["heard"] = row.words(true);
        line["said"] = row.words(false);
      }
      json happened = json::array();
      for (const auto& other : row.happened)
        if (other.what != fact::kind::text || is_result(other.role))
          happened.push_back(json::parse(to_json_line(other, with_words_)));
      if (!happened.empty()) line["happened"] = std::move(happened);
      write_line(line.dump(-1, ' ', false, json::error_handler_t::replace));
    }
  }

  void show_end() override { std::fflush(stdout); }

  bool with_words_;
  std::map<std::uint64_t, row_builder> rows_;
};

}  // namespace

std::string timeline_row::words(bool person) const {
  std::string out;
  for (const auto& f : happened) {
    if (f.what != fact::kind::text) continue;
    if (speaker_of(f.role) != (person ? speaker::person : speaker::model)) continue;
    out += (out.empty() ? "" : " ") + f.text;
  }
  return out;
}

std::vector<timeline_row> row_builder::take(const fact& f) {
  if (f.what != fact::kind::turn) {
    waiting_.push_back(f);
    return {};
  }
  timeline_row row;
  row.turn = f;
  // What came after its micro-turn was closed is worth a row of its own only with words in it.
  const bool again = f.turn <= last_turn_;
  last_turn_ = std::max(last_turn_, f.turn);
  const double end_ms = f.t_ms + f.micro_turn_ms;
  std::erase_if(waiting_, [&](const fact& w) {
    if (w.t_ms >= end_ms) return false;
    row.happened.push_back(w);
    return true;
  });
  if (again && row.happened.empty()) return {};
  return {row};
}

std::vector<fact> row_builder::rest() {
  std::vector<fact> out(waiting_.begin(), waiting_.end());
  waiting_.clear();
  return out;
}

void screen::take(const fact& f) {
  std::lock_guard hold(lock_);
  queue_.push_back(f);
}

void screen::refresh(const host::snapshot& now) {
  std::deque<fact> ready;
  {
    std::lock_guard hold(lock_);
    ready.swap(queue_);
  }
  for (const auto& f : ready) show(f);
  std::fflush(stdout);
  show_status(now);
}

void screen::finish() {
  std::deque<fact> ready;
  {
    std::lock_guard hold(lock_);
    ready.swap(queue_);
  }
  for (const auto& f : ready) show(f);
  show_end();
}

std::unique_ptr<screen> make_terminal_screen(const terminal& t) {
  return std::make_unique<terminal_screen>(t);
}
std::unique_ptr<screen> make_plain_screen() { return std::make_unique<plain_screen>(); }
std::unique_ptr<screen> make_json_screen(bool with_words) {
  return std::make_unique<json_screen>(with_words);
}

}  // namespace hocket::cli
