// `hocket hz`: how often, how regularly and how much a port of a running graph carries.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include <fmt/format.h>

#include "graph/core/clock.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/watch/commands.hpp"
#include "tools/hocket/watch/port_questions.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

bool over() { return signal_that_came() != 0 || output_abandoned(); }

std::string text_of(const json& j) {
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// "mic.audio @edge" is mic.audio, of a link that comes from another host.
std::string port_of(const std::string& end) { return end.substr(0, end.find(" @")); }

/// What queues behind the port have dropped since the run began, by link and reason.
json drops_of(status_source& run, const std::string& port, bool is_input) {
  json out = json::object();
  const auto text = run.ask(5000);
  const auto status = text ? json::parse(*text, nullptr, false) : json();
  if (!status.is_object() || !status.contains("links") || !status["links"].is_array()) return out;
  for (const auto& l : status["links"]) {
    const auto from = l.value("from", ""), to = l.value("to", "");
    if (port_of(is_input ? to : from) != port) continue;
    const auto drops = l.find("dropped");
    if (drops == l.end() || !drops->is_object()) continue;
    for (const auto& [why, n] : drops->items())
      if (n.is_number_unsigned() && n.get<std::uint64_t>() > 0)
        out[fmt::format("{} > {}", from, to)][why] = n;
  }
  return out;
}

std::uint64_t sum_of(const json& drops) {
  std::uint64_t n = 0;
  for (const auto& [link, whys] : drops.items())
    for (const auto& [why, count] : whys.items()) n += count.get<std::uint64_t>();
  return n;
}

std::string amount(double bytes) {
  if (bytes < 10'000) return fmt::format("{:.0f} B/s", bytes);
  if (bytes < 10e6) return fmt::format("{:.1f} kB/s", bytes / 1e3);
  return fmt::format("{:.1f} MB/s", bytes / 1e6);
}

std::string figures_text(const json& f) {
  auto out =
      fmt::format("{:.2f}/s  {}", f.value("per_s", 0.0), amount(f.value("bytes_per_s", 0.0)));
  if (f.contains("mean_ms"))
    out +=
        fmt::format("  every {:.1f} ms, jitter {:.1f} ({:.1f} to {:.1f})", f.value("mean_ms", 0.0),
                    f.value("jitter_ms", 0.0), f.value("min_ms", 0.0), f.value("max_ms", 0.0));
  return out;
}

void show(const hz_options& o, json figures, const json& drops, const char* type) {
  figures["dropped"] = drops;
  if (o.json) {
    json line = {{"type", type}, {"port", o.port}};
    line.update(figures);
    return say("{}\n", text_of(line));
  }
  std::string whys;
  for (const auto& [link, all] : drops.items())
    for (const auto& [why, n] : all.items())
      whys +=
          fmt::format("{}{}: {} {}", whys.empty() ? "" : ", ", link, n.get<std::uint64_t>(), why);
  say("{}: {}  dropped {}{}\n", o.port, figures_text(figures), sum_of(drops),
      whys.empty() ? "" : fmt::format(" ({})", whys));
}

/// Waits for a while, or until somebody ends it.
void wait(double s) {
  const auto until = monotonic_ns() + static_cast<std::int64_t>(s * 1e9);
  while (!over() && monotonic_ns() < until) usleep(20'000);
}

}  // namespace

int run_hz(const hz_options& o) {
  keep_output();
  end_in_order_on_signals();
  while_blocked([] { return signal_that_came() != 0; });
  // The run keeps the meter for some periods.
  const auto asked = text_of(
      {{o.input ? "input" : "output", o.port}, {"session", o.session}, {"every_s", o.every_s}});
  auto found = find_run(o.where, "hz " + asked);
  if (!found) return give_up(found.error(), o.where);
  auto& run = *found->run;
  const auto number = found->answer.value("hz", std::uint64_t{0});
  const bool is_input = found->answer.value("is", "output") == "input";
  if (found->answer.value("also", "") == "input")
    say(stderr, "note: {} is an output and an input; this is the output, --input is the other\n",
        o.port);
  say(stderr, "{}: measuring\n", o.port);
  std::fflush(stderr);
  json last = json::object(), drops = json::object();
  for (std::uint64_t n = 0; !over() && (o.count == 0 || n < o.count); ++n) {
    wait(o.every_s);
    auto next = ask(run, fmt::format("hz_of {}", number));
    if (!next) {
      const auto& code = next.error().code;
      if (code != "status.no_run" && code != "status.dead") return give_up(next.error(), o.where);
      say(stderr, "{}: the run has ended\n", o.port);
      break;
    }
    last = next->value("all", json::object());
    next->erase("all");
    drops = drops_of(run, o.port, is_input);
    show(o, std::move(*next), drops, "window");
    std::fflush(stdout);
  }
  (void)ask(run, fmt::format("hz_end {}", number));  // where it has ended, so has the meter
  show(o, std::move(last), drops, "summary");
  return exit_fine;
}

}  // namespace hocket::cli
