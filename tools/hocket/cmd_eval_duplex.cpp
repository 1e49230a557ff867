// hocket eval duplex: how a graph converses.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/duplex/bench.hpp"
#include "tools/duplex/compare.hpp"
#include "tools/duplex/picture.hpp"
#include "tools/duplex/recorded.hpp"
#include "tools/duplex/set_files.hpp"
#include "tools/duplex/summary.hpp"
#include "tools/hocket/commands.hpp"
#include "tools/hocket/terminal.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

using namespace duplex;
namespace fs = std::filesystem;

std::uint64_t seed_of(const duplex_options& o) { return o.seed ? o.seed : set_options{}.seed; }

set_options set_of(const duplex_options& o) {
  set_options set;
  set.seed = seed_of(o);
  set.quick = o.quick;
  set.families = o.families;
  set.long_minutes = o.long_minutes;
  return set;
}

void show_progress(bool terminal, std::size_t done, std::size_t all, const std::string& what) {
  const double share = double(done) / double(all);
  const auto bar = std::string(static_cast<std::size_t>(share * 30), '#');
  if (terminal)
    fmt::print(stderr, "\r[{:<30}] {:>4} of {}  {}\x1b[K{}", bar, done, all, what,
               done == all ? "\r\x1b[K" : "");
  else
    fmt::print(stderr, "{} of {} items, {}\n", done, all, what);
}

// The numbers, with what each item gave, so that runs can be compared item by item.
std::string json_of(const bench_report& r, const std::vector<played_item>& all) {
  auto out = nlohmann::ordered_json::parse(r.numbers.to_json());
  for (const auto& d : r.definitions) out["definitions"][d.name] = d.what;
  for (const auto& e : r.errors) out["errors"].push_back(e);
  for (const auto& o : all) {
    nlohmann::ordered_json one{{"good", o.judged.good}, {"verdict", o.judged.verdict}};
    for (const auto& [key, value] : o.judged.values) one["values"][key] = value;
    out["items"][o.of.key()] = one;
  }
  return out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int print_report(const duplex_options& o, const bench_report& r,
                 const std::vector<played_item>& all) {
  const auto json = json_of(r, all);
  std::error_code ignored;
  fs::create_directories(o.out, ignored);
  const auto file = (fs::path(o.out) / "report.json").string();
  std::ofstream(file) << json;
  if (o.json) {
    fmt::print("{}", json);
  } else {
    fmt::print("{}\n", r.numbers.to_table());
    for (const auto& d : r.definitions) fmt::print("{}: {}\n", d.name, d.what);
    fmt::print("\nwrote {}\n", file);
  }
  const auto pictures = draw_families(all, (fs::path(o.out) / "pictures").string());
  if (!pictures) fmt::print(stderr, "warning: {}\n", pictures.error().message);
  for (const auto& e : r.errors) fmt::print(stderr, "error: {} [duplex.clocks]\n", e);
  return r.errors.empty() ? exit_fine : exit_failed;
}

left_out not_asked_for(const duplex_options& o) {
  left_out out;
  if (o.families.empty()) return out;
  std::vector<std::string> names{"session", "robustness"};
  for (const auto& f : all_families()) names.emplace_back(f.name);
  for (const auto& name : names)
    if (std::ranges::count(o.families, name) == 0) out.emplace_back(name, "left out by --family");
  return out;
}

int judge_recording(const duplex_options& o) {
  const auto specs = plan_set(set_of(o));
  if (!specs) return complain(specs.error(), exit_bad_input);
  std::vector<std::string> absent;
  auto all = read_recorded(o.recorded, seed_of(o), *specs, absent);
  if (!all) return complain(all.error(), exit_bad_input);
  left_out missing = not_asked_for(o);
  for (const auto& f : all_families())
    if (std::ranges::none_of(*all, [&](const auto& i) { return i.of.family == f.name; }))
      missing.emplace_back(f.name, "no recording of it");
  for (const char* name : {"session", "robustness"})
    missing.emplace_back(name, "no recording of it");
  auto r = summarise(*all, missing);
  if (!absent.empty())
    r.numbers.note(fmt::format("{} of {} items have no recording, such as {}", absent.size(),
                               specs->size(), absent.front()));
  return print_report(o, r, *all);
}

int write_test_set(const duplex_options& o) {
  const auto specs = plan_set(set_of(o));
  if (!specs) return complain(specs.error(), exit_bad_input);
  const bool terminal = this_terminal().is_terminal;
  const auto done = write_set(o.write, seed_of(o), *specs, [&](std::size_t n, std::size_t all) {
    if (terminal || n == all) show_progress(terminal, n, all, "written");
  });
  if (!done) return complain(done.error(), exit_failed);
  fmt::print("wrote {} items to {}\n", specs->size(), o.write);
  return exit_fine;
}

int compare_reports(const duplex_options& o) {
  const auto found = compare_runs(o.compare.at(0), o.compare.at(1));
  if (!found) return complain(found.error(), exit_bad_input);
  return found->print(o.json);
}

int judge_graph(const duplex_options& o) {
  const auto types = known_types(o.how.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  const auto loaded = load_graph(o.graph, *types, o.how);
  if (report(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
  const auto what = make_subject(*loaded.graph, *loaded.types, {o.input, o.audio, o.texts});
  if (!what) return complain(what.error(), exit_bad_input);
  const auto specs = plan_set(set_of(o));
  if (!specs) return complain(specs.error(), exit_bad_input);

  left_out missing = not_asked_for(o);
  for (const auto& f : all_families())
    if (f.video && !what->camera) missing.emplace_back(f.name, "the graph has no video input");
  std::vector<item_spec> played;
  for (const auto& spec : *specs)
    if (const auto* f = find_family(spec.family); !f || !f->video || what->camera)
      played.push_back(spec);
  const bool terminal = this_terminal().is_terminal;
  bench_settings how;
  how.out = o.out;
  how.jobs = o.jobs;
  how.batch = o.batch;
  how.real_time = o.real_time;
  how.fresh = o.fresh;
  how.keep_sound = o.keep_sound;
  how.progress = [&](std::size_t done, std::size_t all, const std::string& item) {
    if (!o.json) show_progress(terminal, done, all, item);
  };
  const auto all = run_bench(*what, seed_of(o), played, how);
  if (!all)
    return complain(all.error(),
                    all.error().code == "duplex.other_run" ? exit_bad_input : exit_failed);
  return print_report(o, summarise(*all, missing), *all);
}

}  // namespace

int run_eval_duplex(const duplex_options& o) {
  if (!o.compare.empty()) return compare_reports(o);
  if (!o.write.empty()) return write_test_set(o);
  return o.recorded.empty() ? judge_graph(o) : judge_recording(o);
}

}  // namespace hocket::cli
