// Runs a set against a subject: in parallel, resumable, with progress.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/duplex/families.hpp"
#include "tools/duplex/score.hpp"
#include "tools/duplex/subject.hpp"

namespace hocket::duplex {

/// An item with what was done. `of` holds no samples.
struct played_item {
  item of;
  timeline did;
  scored judged;
};

struct bench_settings {
  std::string out;  ///< results: <out>/items/<family>/<id>.json; nothing is written where ""
  int jobs = 2;     ///< runs of the graph at once
  int batch = 16;   ///< items (sessions) in one run
  bool real_time = false;
  bool fresh = false;                            ///< forgets what `out` holds of another run
  const scenarios::speech_bank* bank = nullptr;  ///< held-out part, for bank_families
  bool keep_sound = false;                       ///< also <id>.wav: person left, model right
  std::function<void(std::size_t done, std::size_t all, const std::string& what)> progress;
};

/// What is still to be played, and how long it lasts: the length of a family is that of one of its
/// items. *Errors*: those of make_item.
struct work_left {
  std::size_t items = 0;
  double seconds = 0;
};
result<work_left> left_to_play(std::uint64_t seed, const std::vector<item_spec>& specs,
                               const std::string& out,
                               const scenarios::speech_bank* bank = nullptr);

/// Plays all items that `out` does not hold yet; long sessions last, alone, since their times are
/// measured. In virtual time the result depends on graph, seed, specs and `batch` alone: an item's
/// place in its batch is the number of its session, which seeds the model's noise. A batch that was
/// not finished is played again as a whole.
/// *Errors*: duplex.other_run where `out` holds results of another run; those of drive.
result<std::vector<played_item>> run_bench(const subject& what, std::uint64_t seed,
                                           const std::vector<item_spec>& specs,
                                           const bench_settings& how);

/// What the results depend on: the graph with its files' sizes and times, the seed, the way it runs.
std::string identity_of(const subject& what, std::uint64_t seed, const bench_settings& how);

}  // namespace hocket::duplex
