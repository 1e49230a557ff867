// Every way to misbehave in the run itself: the run goes on, the actor is named, the law holds, and a
// bystander hears everything.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>

#include <fmt/format.h>

#include "actors/host/actor/own_words.hpp"
#include "actors/observe/metrics_text.hpp"
#include "actors/start_run.hpp"
#include "graph/schema/codec.hpp"
#include "graph/text/clean.hpp"
#include "tests/fault/same_process/rogue.hpp"

namespace hocket::unruly {
namespace {

/// What a run said of each actor; whatever it says is clean and bounded.
class listener final : public host::observer {
 public:
  void event(timestamp, std::string_view actor, std::string_view what,
             std::string_view detail) override {
    std::lock_guard lock(mutex_);
    if (clean_text(detail) != detail || (!actor.empty() && detail.size() > 8192)) ++unclean_;
    auto& of = of_[std::string(actor)];
    ++of.count[std::string(what)];
    if (of.count[std::string(what)] < 100) of.text += fmt::format("{}: {}\n", what, detail);
  }
  struct said {
    std::string text;
    std::map<std::string, int> count;
  };
  said of(const std::string& actor) {
    std::lock_guard lock(mutex_);
    return of_[actor];
  }
  int unclean() {
    std::lock_guard lock(mutex_);
    return unclean_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, said> of_;
  int unclean_ = 0;
};

/// A rogue of this way behind the words, and the ears behind it.
std::string actors_of(const std::string& name, const way& w, int watchdog_ms) {
  const auto port = [&](const char* p) { return fmt::format("{}: {}.{}", p, name, p); };
  return fmt::format(R"(
  {0}:
    component: unruly.rogue
    how: {1}
    watchdog_ms: {2}
    restart: {{policy: on_failure, max: {3}, within_s: 60, backoff_ms: 1, then: continue}}
    inputs: {{words: src.words}}
  {0}_ears:
    component: unruly.ears
    inputs: {{{4}, {5}, {6}, {7}, {8}, {9}, {10}, {11}}}
)",
                     name, w.name, watchdog_ms, w.becomes == fate::lost ? 2 : 20, port("words"),
                     port("sound"), port("numbers"), port("pictures"), port("results"),
                     port("tasks"), port("examples"), port("marks"));
}

struct world {
  listener ears;
  host::run_summary end;
  std::string not_started;

  world(const std::string& rogues, bool virtual_time) {
    const auto text = fmt::format(R"(
hocket: 1
name: unruly
clock: {{micro_turn_ms: 50}}
actors:
  src: {{component: unruly.words}}
  bystander: {{component: unruly.relay, inputs: {{words: src.words}}}}
  bystander_ears: {{component: unruly.ears, inputs: {{words: bystander.words}}}}
{})",
                                  rogues);
    // Kept: a call that hung still comes back, some time after it was released.
    static const auto& known = *new registry(types());
    static auto& plans = *new std::deque<plan>;
    diagnostics findings;
    auto read = load_plan("unruly.yaml", text, known, {}, findings);
    REQUIRE_MESSAGE(read, findings.to_string());
    const auto& graph = plans.emplace_back(std::move(*read));
    start_options o;
    o.virtual_time = virtual_time;
    o.max_sessions = 1;
    o.drain_limit_s = virtual_time ? 2 : 60;
    o.observers = {&ears};
    begin();
    if (auto started = start_run(graph, known, o)) {
      end = (*started)->wait();
      release();  // those that stay find that all is over
    } else {
      not_started = started.error().message;
    }
    release();
  }

  void check_law() {
    CHECK(end.why == host::end_reason::finished);
    CHECK(end.last.law_holds());
    for (const auto& l : end.last.links) CHECK(l.in_flight == 0);
    const auto page = observe::metrics_text({}, end.last);
    CHECK(wire::is_utf8(page));
    CHECK(page.size() < 4'000'000);
    CHECK(ears.unclean() == 0);
    const auto all = heard_by("bystander_ears");
    CHECK(all.words ==
          std::vector<std::string>{"w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9"});
    CHECK(all.faults.empty());
  }

  void check(const std::string& name, const way& w) {
    const auto said = ears.of(name);
    CAPTURE(said.text);
    CHECK(said.text.find(w.said) != std::string::npos);
    const auto told = [&](const char* what) {
      return said.count.contains(what) ? said.count.at(what) : 0;
    };
    CHECK(told("log") <= 10 * host::line_limit::lines_a_second);
    const auto heard = heard_by(name + "_ears");
    CHECK(heard.faults.empty());
    // Nothing invented, nothing twice, nothing out of order.
    CHECK(std::is_sorted(heard.words.begin(), heard.words.end()));
    CHECK(std::adjacent_find(heard.words.begin(), heard.words.end()) == heard.words.end());
    for (const auto& word : heard.words) CHECK(word.size() == 2);
    const auto row = std::find_if(end.last.actors.begin(), end.last.actors.end(),
                                  [&](const auto& a) { return a.name == name; });
    REQUIRE(row != end.last.actors.end());
    CHECK(clean_text(row->last_error) == row->last_error);
    CHECK(row->counters.size() <= 1100);
    for (const auto& [counter, n] : row->counters) {
      CHECK(clean_text(counter) == counter);
      CHECK(counter.size() < 200);
    }
    switch (w.becomes) {
      case fate::goes_on:
      case fate::bad_packet:
        CHECK(heard.words.size() == 10);
        CHECK(told("failed") == 0);
        CHECK(told("hung") == 0);
        CHECK((told("bad_packet") == 1) == (w.becomes == fate::bad_packet));
        break;
      case fate::fails:
        // What it had in hand is lost, and nothing else.
        CHECK(heard.words.size() >= 9);
        CHECK(told("failed") == 1);
        CHECK(row->last_error.empty() == (std::string_view(w.when) == "close"));
        break;
      case fate::hangs: CHECK(told("hung") >= 1); break;
      case fate::lost: CHECK(told("lost") == 1); break;
      case fate::no_start: break;
    }
  }
};

bool is_in_real_time(const way& w) {
  return w.becomes != fate::no_start && w.where != way::clocks::virtual_only;
}

/// Only what hangs meets its limit, however slow the machine. Opening has six times as long.
int watchdog_of(const way& w) {
  if (w.becomes != fate::hangs) return 120'000;
  const std::string_view when = w.when;
  return when == "open" || when == "make" ? 60 : 300;
}

}  // namespace

TEST_CASE("over 100 ways to misbehave in the run: each alone, in virtual time") {
  CHECK(ways().size() > 100);
  for (const auto& w : ways()) {
    if (w.where == way::clocks::real_only) continue;
    const std::string how = w.name;
    CAPTURE(how);
    world run(actors_of("rogue", w, watchdog_of(w)), true);
    if (w.becomes != fate::no_start) {
      CHECK(run.not_started == "");
      run.check_law();
      run.check("rogue", w);
      continue;
    }
    CAPTURE(run.not_started);
    CHECK(run.not_started.find("rogue (unruly.rogue) did not open") != std::string::npos);
    CHECK(run.not_started.find(w.said) != std::string::npos);
    CHECK(clean_text(run.not_started) == run.not_started);
  }
}

TEST_CASE("over 100 ways to misbehave in the run: all at once, in real time") {
  std::string all;
  for (const auto& w : ways())
    if (is_in_real_time(w)) all += actors_of(w.name, w, 4 * watchdog_of(w));
  world run(all, false);
  CHECK(run.not_started == "");
  run.check_law();
  for (const auto& w : ways()) {
    if (!is_in_real_time(w)) continue;
    const std::string how = w.name;
    CAPTURE(how);
    run.check(how, w);
  }
}

}  // namespace hocket::unruly
