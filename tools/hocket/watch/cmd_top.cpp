#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/core/clock.hpp"
#include "tools/hocket/watch/commands.hpp"
#include "tools/hocket/status_source.hpp"
#include "tools/hocket/watch/top_view.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

/// Over the last look without a flicker: each line cleared to its end, then all below. What the
/// window has no room for is cut: a line that wraps, or scrolls, would leave its rest behind.
std::string redrawn(const std::string& text, const terminal& t) {
  std::string out = "\033[H";
  std::istringstream in(text);
  int line_number = 0;
  for (std::string line; std::getline(in, line); ++line_number)
    if (line_number < t.rows - 1) out += cut(line, t.columns) + "\033[K\n";
  if (line_number > t.rows - 1)
    out += cut(fmt::format("… {} lines more: the window is too low", line_number - t.rows + 1),
               t.columns) +
           "\033[K";
  return out + "\033[J";
}

/// Runs that are looked at again and again.
class watched {
 public:
  explicit watched(const watch_options& where) : sources_(status_sources(where)) {
    looks_.resize(sources_.size());
    answered_ns_.resize(sources_.size());
  }

  const std::vector<run_look>& look() {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      auto& one = looks_[i];
      one.source = sources_[i]->name();
      // What was last seen is what rates are counted from.
      if (!one.now.empty()) one.before = std::exchange(one.now, "");
      auto now = sources_[i]->ask(5000);
      if (now) {
        one.now = std::move(*now);
        one.fault = {};
        answered_ns_[i] = monotonic_ns();
      } else {
        one.fault = now.error();
      }
      one.silent_s = static_cast<double>(monotonic_ns() - answered_ns_[i]) / 1e9;
    }
    return looks_;
  }

 private:
  std::vector<std::unique_ptr<status_source>> sources_;
  std::vector<run_look> looks_;
  std::vector<std::int64_t> answered_ns_;
};

bool any_answers(const std::vector<run_look>& all) {
  return std::any_of(all.begin(), all.end(), [](const run_look& r) { return !r.now.empty(); });
}

void print_json(const std::vector<run_look>& all) {
  using json = nlohmann::ordered_json;
  for (const auto& r : all) {
    // One run: its line as it came. Several: each line says whose it is.
    if (all.size() == 1) {
      fmt::print("{}\n", r.now);
      continue;
    }
    json line{{"source", r.source}};
    const auto status = json::parse(r.now, nullptr, false);
    const auto before = json::parse(r.before, nullptr, false);
    if (status.is_object()) {
      line.update(status);
    } else if (before.is_object()) {
      // It answered before: who it was, and since when it does not.
      if (const auto host = before.find("host"); host != before.end()) line["host"] = *host;
      line["state"] = fate_of(r.fault);
      line["silent_s"] = r.silent_s;
      line["fault"] = r.fault.message;
    } else {
      line["fault"] = r.fault.message;
    }
    fmt::print("{}\n", line.dump(-1, ' ', false, json::error_handler_t::replace));
  }
}

}  // namespace

int run_top(const top_options& o) {
  watched all(o.where);
  const auto* looks = &all.look();
  if (!any_answers(*looks))
    return complain(looks->front().fault, exit_of_silence(o.where),
                    "is a graph running? give its --out folder, --socket or --connect");
  std::signal(SIGINT, [](int) { stop_asked = 1; });
  auto t = this_terminal();
  // Two looks a moment apart give rates also with --once.
  if (o.once && !o.json) {
    usleep(500'000);
    looks = &all.look();
  }
  while (stop_asked == 0 && any_answers(*looks)) {
    if (o.json) {
      print_json(*looks);
    } else {
      t = resized(t);
      auto text = top_text(*looks, t);
      if (t.is_terminal && !o.once) text = redrawn(text, t);
      fmt::print("{}", text);
    }
    std::fflush(stdout);
    if (o.once) return exit_fine;
    usleep(static_cast<useconds_t>(o.every_s * 1e6));
    looks = &all.look();
  }
  if (stop_asked == 0)
    fmt::print(stderr, "{}\n", looks->size() == 1 ? "the run has ended" : "all runs have ended");
  return exit_fine;
}

}  // namespace hocket::cli
