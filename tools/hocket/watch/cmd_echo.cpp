// `hocket echo` and `hocket send`: one output of a running graph, looked at and spoken in the name of.
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <iostream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/core/clock.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/status_source.hpp"
#include "tools/hocket/types.hpp"
#include "tools/hocket/watch/commands.hpp"
#include "tools/hocket/watch/port_questions.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

/// After so long without a packet whoever waits is told that there was none.
constexpr std::int64_t silence_ns = 3'000'000'000;

std::string text_of(const json& j) {
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool over() { return signal_that_came() != 0 || output_abandoned(); }

/// Packets per second over the last five seconds.
class meter {
 public:
  void count(std::uint64_t total) {
    const auto now = monotonic_ns();
    seen_.emplace_back(now, total);
    while (seen_.size() > 2 && now - seen_.front().first > 5'000'000'000) seen_.pop_front();
  }
  double per_s() const {
    if (seen_.size() < 2) return 0;
    const auto s = static_cast<double>(seen_.back().first - seen_.front().first) / 1e9;
    return s <= 0 ? 0 : static_cast<double>(seen_.back().second - seen_.front().second) / s;
  }

 private:
  std::deque<std::pair<std::int64_t, std::uint64_t>> seen_;
};

std::string words_of(const json& p) {
  const auto payload = p.value("payload", json::object());
  if (p.value("kind", "") == "text" && payload.contains("value"))
    return fmt::format("{}: {}{}", payload.value("role", ""), payload.value("value", ""),
                       payload.value("final", true) ? "" : " …");
  std::string out;
  for (const auto& [key, v] : payload.items())
    out += fmt::format("{}{} {}", out.empty() ? "" : "  ", key,
                       v.is_string() ? v.get<std::string>() : text_of(v));
  return out;
}

void show(const echo_options& o, json p, double per_s) {
  p["rate_per_s"] = per_s;
  if (o.json) return say("{}\n", text_of(p));
  say("{:9.3f} s  session {} #{}  age {:.0f} ms  {:.1f}/s  {}\n", p.value("at_s", 0.0),
      p.value("session", 0), p.value("seq", 0), p.value("age_ms", 0.0), per_s, words_of(p));
}

void conclude(const echo_options& o, std::uint64_t shown, const json& last, double per_s,
              bool run_ended) {
  const auto total = last.value("total", std::uint64_t{0}),
             missed = last.value("missed", std::uint64_t{0});
  if (o.json)
    return say("{}\n", text_of({{"type", "summary"},
                                {"output", o.output},
                                {"shown", shown},
                                {"total", total},
                                {"missed", missed},
                                {"rate_per_s", per_s},
                                {"run_ended", run_ended}}));
  say(stderr, "{}: {} packets, {:.1f}/s{}{}\n", o.output, total, per_s,
      missed > 0 ? fmt::format(", {} came too fast to be shown", missed) : "",
      run_ended ? "; the run has ended" : "");
}

/// Says once that nothing came, so that a silent output does not look like a command that hangs.
class silence {
 public:
  explicit silence(const echo_options& o) : asked_(o) {}
  void look(std::uint64_t total) {
    if (told_ || total > 0 || monotonic_ns() - since_ns_ < silence_ns) return;
    told_ = true;
    const auto of = asked_.session == 0 ? "" : fmt::format(" in session {}", asked_.session);
    say(stderr, "{}: nothing came in {} s{}; still waiting, Ctrl-C ends it\n", asked_.output,
        silence_ns / 1'000'000'000, of);
    std::fflush(stderr);
  }

 private:
  const echo_options& asked_;
  const std::int64_t since_ns_ = monotonic_ns();
  bool told_ = false;
};

/// One packet, until it is said what became of it.
result<json> deliver(status_source& run, const json& answer, double wait_s) {
  const auto number = answer.value("send", std::uint64_t{0});
  const auto until = monotonic_ns() + static_cast<std::int64_t>(wait_s * 1e9);
  while (!over()) {
    auto how = ask(run, fmt::format("sent {}", number));
    if (!how || how->value("state", "") == "sent") return how;
    if (monotonic_ns() > until)
      return fail("send.waits",
                  fmt::format("it was not taken within {} s: the actor waits for those "
                              "behind it; it will say it when it is its turn",
                              wait_s));
    usleep(10'000);
  }
  return fail("send.waits", "it still waits for its turn");
}

int send_one(const send_options& o, const std::string& payload,
             std::unique_ptr<status_source>& run) {
  const auto line =
      "send " + text_of({{"output", o.output}, {"session", o.session}, {"payload", payload}});
  json answer;
  if (run == nullptr) {
    auto found = find_run(o.where, line);
    if (!found) return give_up(found.error(), o.where);
    run = std::move(found->run);
    answer = std::move(found->answer);
  } else {
    auto next = ask(*run, line);
    if (!next) return give_up(next.error(), o.where);
    answer = std::move(*next);
  }
  const auto how = deliver(*run, answer, o.wait_s);
  if (!how && how.error().code == "send.waits") return complain(how.error(), exit_failed);
  if (!how) return give_up(how.error(), o.where);
  if (o.json)
    say("{}\n", text_of(*how));
  else
    say("{}: session {} packet {} at {:.3f} s\n", o.output, how->value("session", 0),
        how->value("seq", 0), how->value("at_s", 0.0));
  return exit_fine;
}

}  // namespace

int run_echo(const echo_options& o) {
  keep_output();
  end_in_order_on_signals();
  while_blocked([] { return signal_that_came() != 0; });  // a pager that waits
  auto found = find_run(o.where, "echo " + text_of({{"output", o.output}, {"session", o.session}}));
  if (!found) return give_up(found.error(), o.where);
  auto& run = *found->run;
  const auto number = found->answer.value("echo", std::uint64_t{0});
  // From here on nothing is missed: who is to speak may wait for this line.
  say(stderr, "{}: listening\n", o.output);
  std::fflush(stderr);
  meter rate;
  json last = json::object();
  std::uint64_t shown = 0;
  rate.count(0);
  silence silent(o);
  bool gone = false;
  while (!over() && (o.count == 0 || shown < o.count)) {
    usleep(50'000);
    auto next = ask(run, fmt::format("echoed {}", number));
    if (!next) {
      const auto& code = next.error().code;
      if (code != "status.no_run" && code != "status.dead") return give_up(next.error(), o.where);
      conclude(o, shown, last, rate.per_s(), true);
      return exit_fine;
    }
    last = std::move(*next);
    rate.count(last.value("total", std::uint64_t{0}));
    silent.look(last.value("total", std::uint64_t{0}));
    if (const bool now = last.value("gone", false); now != std::exchange(gone, now) && now) {
      say(stderr, "{}: a change of the graph took it away; still waiting, Ctrl-C ends it\n",
          o.output);
      std::fflush(stderr);
    }
    for (auto& p : last["packets"]) {
      if (o.count != 0 && shown >= o.count) break;
      show(o, std::move(p), rate.per_s());
      ++shown;
    }
    std::fflush(stdout);
  }
  (void)run.say(fmt::format("echo_end {}", number), 1000);
  conclude(o, shown, last, rate.per_s(), false);
  return exit_fine;
}

int run_send(const send_options& o) {
  keep_output();
  std::unique_ptr<status_source> run;
  if (o.given) return send_one(o, o.payload, run);
  std::string line;
  while (!over() && std::getline(std::cin, line))
    if (const int failed = send_one(o, line, run); failed != exit_fine) return failed;
  return exit_fine;
}

}  // namespace hocket::cli
