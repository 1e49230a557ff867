#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/hocket/commands.hpp"
#include "tools/hocket/status_source.hpp"
#include "tools/hocket/top_view.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

/// Over the last look without a flicker: each line cleared to its end, then all below.
std::string redrawn(const std::string& text) {
  std::string out = "\033[H";
  for (const char c : text) out += c == '\n' ? "\033[K\n" : std::string(1, c);
  return out + "\033[J";
}

using sources = std::vector<std::unique_ptr<status_source>>;

std::vector<run_look> look_at(const sources& all, const std::vector<run_look>& before) {
  std::vector<run_look> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    run_look one;
    one.source = all[i]->name();
    // What was last seen is what rates are counted from.
    if (i < before.size()) one.before = before[i].now.empty() ? before[i].before : before[i].now;
    if (auto now = all[i]->ask(5000))
      one.now = std::move(*now);
    else
      one.fault = now.error();
    out.push_back(std::move(one));
  }
  return out;
}

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
    if (const auto status = json::parse(r.now, nullptr, false); status.is_object())
      line.update(status);
    else
      line["fault"] = r.fault.message;
    fmt::print("{}\n", line.dump(-1, ' ', false, json::error_handler_t::replace));
  }
}

}  // namespace

int run_top(const top_options& o) {
  const auto all = status_sources(o.where);
  auto looks = look_at(all, {});
  if (!any_answers(looks))
    return complain(looks.front().fault, exit_failed,
                    "is a graph running? give its --out folder, --socket or --connect");
  std::signal(SIGINT, [](int) { stop_asked = 1; });
  const auto t = this_terminal();
  // Two looks a moment apart give rates also with --once.
  if (o.once && !o.json) {
    usleep(500'000);
    looks = look_at(all, looks);
  }
  while (stop_asked == 0 && any_answers(looks)) {
    if (o.json) {
      print_json(looks);
    } else {
      auto text = top_text(looks, t);
      if (t.is_terminal && !o.once) text = redrawn(text);
      fmt::print("{}", text);
    }
    std::fflush(stdout);
    if (o.once) return exit_fine;
    usleep(static_cast<useconds_t>(o.every_s * 1e6));
    looks = look_at(all, looks);
  }
  if (stop_asked == 0)
    fmt::print(stderr, "{}\n", all.size() == 1 ? "the run has ended" : "all runs have ended");
  return exit_fine;
}

}  // namespace hocket::cli
