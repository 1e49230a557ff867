// hocket eval duplex: how a graph converses.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "graph/trust/files.hpp"
#include "tools/duplex/bench.hpp"
#include "tools/duplex/compare.hpp"
#include "tools/duplex/judged.hpp"
#include "tools/duplex/picture.hpp"
#include "tools/duplex/recorded.hpp"
#include "tools/duplex/rules.hpp"
#include "tools/duplex/set_files.hpp"
#include "tools/duplex/summary.hpp"
#include "tools/hocket/eval/duplex_through.hpp"
#include "tools/hocket/eval/eval_duplex.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {

using namespace report;
namespace {

using namespace duplex;
namespace fs = std::filesystem;

std::uint64_t seed_of(const duplex_request& o) { return o.seed ? o.seed : set_options{}.seed; }

// In real time everything takes as long as it lasts: a few of each family, and what has to be long,
// or is there nine times, only where it is asked for.
set_options set_of(const duplex_request& o) {
  set_options set;
  set.seed = seed_of(o);
  set.quick = o.quick;
  set.items = o.items;
  set.families = o.families;
  set.long_minutes = o.long_minutes;
  set.bank = !o.bank.empty();
  if (!o.real_time) return set;
  if (o.items == 0) set.items = 4;
  set.robustness = std::ranges::count(o.families, "robustness") > 0;
  if (std::ranges::count(o.families, "session") == 0) set.long_minutes = 0;
  return set;
}

// What was left to the command is chosen by the clock.
duplex_request completed(duplex_request o) {
  if (o.out.empty()) o.out = o.real_time ? "out/duplex-real-time" : "out/duplex";
  if (o.jobs == 0) o.jobs = o.real_time ? 1 : 2;
  if (o.batch == 0) o.batch = o.real_time ? 1 : 16;
  return o;
}

double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : 0;
}

// The clock, said where the numbers are read.
std::string clock_note(const duplex_request& o, double load_before) {
  if (!o.real_time)
    return "virtual time: computing takes none; `--real-time` measures latency with it";
  const auto at_once = o.jobs * o.batch;
  return fmt::format(
      "real time: latencies hold the computing; {}; load average of the machine {:.1f} before and "
      "{:.1f} after, on {} cores",
      at_once == 1 ? "one conversation at a time"
                   : fmt::format("{} conversations at once", at_once),
      load_before, load_average(), this_machine().cores);
}

// Before it begins: how long it will take.
result<void> announce(const duplex_request& o, const std::vector<item_spec>& specs,
                      const scenarios::speech_bank* bank) {
  if (!o.real_time) return {};
  const auto left = left_to_play(seed_of(o), specs, o.fresh ? "" : o.out, bank);
  if (!left) return fail(left);
  const double minutes = (left->seconds / (o.jobs * o.batch) + 1.0 * double(left->items)) / 60;
  fmt::print(stderr,
             "real time: {} of {} items still to be played, {} at a time: about {:.0f} min. "
             "What is done is kept: the same command goes on from there.\n",
             left->items, specs.size(), o.jobs * o.batch, std::ceil(minutes));
  return {};
}

// The numbers, with what each item gave, so that runs can be compared item by item.
std::string json_of(const duplex_request& o, const bench_report& r,
                    const std::vector<played_item>& all) {
  auto out = nlohmann::ordered_json::parse(r.numbers.to_json());
  out["clock"] = !o.recorded.empty() ? "recorded" : o.real_time ? "real" : "virtual";
  if (o.recorded.empty()) out["at_once"] = {{"jobs", o.jobs}, {"batch", o.batch}};
  for (const auto& d : r.definitions) out["definitions"][d.name] = d.what;
  for (const auto& e : r.errors) out["errors"].push_back(e);
  for (const auto& played : all) {
    const auto& judged = played.judged;
    nlohmann::ordered_json one{{"good", judged.good}, {"verdict", judged.verdict}};
    for (const auto& [key, value] : judged.values) one["values"][key] = value;
    out["items"][played.of.key()] = one;
  }
  return out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int print_report(const duplex_request& o, const bench_report& r,
                 const std::vector<played_item>& all) {
  const auto json = json_of(o, r, all);
  const auto file = (fs::path(o.out) / "report.json").string();
  if (const auto done = trust::write_file(file, json); !done) tell(done.error(), exit_failed);
  if (o.quiet) {  // one of two that are set beside each other: told, and no reason to stop
    for (const auto& e : r.errors) say(stderr, "warning: {}: {} [duplex.clocks]\n", file, e);
    return exit_fine;
  }
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

left_out not_asked_for(const duplex_request& o) {
  left_out out;
  if (o.bank.empty())
    for (const auto& f : bank_families())
      out.emplace_back(f.name, "needs --bank: people's recordings are not in the repository");
  if (!o.recorded.empty())
    out.emplace_back(any_family, "a recording does not tell");
  else if (!o.real_time)
    out.emplace_back(any_family, "virtual time: computing takes none; see --real-time");
  if (o.families.empty()) {
    if (o.real_time)
      for (const char* name : {"session", "robustness"})
        out.emplace_back(name, fmt::format("left out in real time; --family {}", name));
    return out;
  }
  std::vector<std::string> names{"session", "robustness"};
  for (const auto* list : {&all_families(), &bank_families()})
    for (const auto& f : *list) names.emplace_back(f.name);
  for (const auto& name : names)
    if (std::ranges::count(o.families, name) == 0) out.emplace_back(name, "left out by --family");
  return out;
}

int judge_recording(const duplex_request& o) {
  if (!o.bank.empty())
    return complain({"duplex.bank", "--bank goes with a graph, not with --recorded or --write"},
                    exit_bad_input);
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

int write_test_set(const duplex_request& o) {
  if (!o.bank.empty())
    return complain({"duplex.bank", "--bank goes with a graph, not with --recorded or --write"},
                    exit_bad_input);
  const auto specs = plan_set(set_of(o));
  if (!specs) return complain(specs.error(), exit_bad_input);
  const auto done = [&] {
    progress shown(o.json, specs->size(), "making the test set");
    return write_set(o.write, seed_of(o), *specs,
                     [&](std::size_t n, std::size_t) { shown.at(n, "written"); });
  }();
  if (!done) return complain(done.error(), exit_failed);
  fmt::print("wrote {} items to {}\n", specs->size(), o.write);
  return exit_fine;
}

int compare_reports(const duplex_request& o) {
  const auto found = compare_runs(o.compare.at(0), o.compare.at(1));
  if (!found) return complain(found.error(), exit_bad_input);
  return found->print(o.json);
}

int judge_graph(const duplex_request& o) {
  const auto loaded = load_graph_to_run(o.graph, o.how);
  if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
  const auto what = make_subject(*loaded.graph, *loaded.types, {o.input, o.audio, o.texts});
  if (!what) return complain(what.error(), exit_bad_input);
  const auto specs = plan_set(set_of(o));
  if (!specs) return complain(specs.error(), exit_bad_input);

  std::shared_ptr<const scenarios::speech_bank> bank;
  if (!o.bank.empty()) {
    auto opened = scenarios::speech_bank::open(o.bank, scenarios::split::heldout);
    if (!opened) return complain(opened.error(), exit_bad_input);
    bank = std::move(*opened);
  }
  left_out missing = not_asked_for(o);
  for (const auto& f : all_families())
    if (f.video && !what->camera) missing.emplace_back(f.name, "the graph has no video input");
  std::vector<item_spec> played;
  for (const auto& spec : *specs)
    if (const auto* f = find_family(spec.family); !f || !f->video || what->camera)
      played.push_back(spec);
  bench_settings how;
  how.out = o.out;
  how.jobs = o.jobs;
  how.batch = o.batch;
  how.real_time = o.real_time;
  how.fresh = o.fresh;
  how.keep_sound = o.keep_sound;
  how.bank = bank.get();
  if (const auto said = announce(o, played, how.bank); !said)
    return complain(said.error(), exit_failed);
  const double load_before = load_average();
  auto all = [&] {
    progress shown(o.json, played.size(), "making and playing items");
    how.progress = [&](std::size_t done, std::size_t n, const std::string& item) {
      shown.set_all(n);
      shown.at(done, item);
    };
    return run_bench(*what, seed_of(o), played, how);
  }();
  if (!all)
    return complain(all.error(),
                    all.error().code == "duplex.other_run" ? exit_bad_input : exit_failed);
  const auto listened = read_judged(o.out, *all);
  if (!listened) return complain(listened.error(), exit_bad_input);
  auto r = summarise(*all, missing);
  r.numbers.note(clock_note(o, load_before));
  if (listened->items > 0)
    r.numbers.note(
        fmt::format("{} answers were judged by {} and {}", listened->items,
                    listened->recogniser.empty() ? "no recogniser" : listened->recogniser,
                    listened->quality.empty() ? "no judge of quality" : listened->quality));
  return print_report(o, r, *all);
}

}  // namespace

int judge_duplex(const duplex_request& given) {
  if (!given.through.empty()) return judge_through(given);
  const auto o = completed(given);
  if (!o.compare.empty()) return compare_reports(o);
  if (!o.write.empty()) return write_test_set(o);
  return o.recorded.empty() ? judge_graph(o) : judge_recording(o);
}

}  // namespace hocket::cli
