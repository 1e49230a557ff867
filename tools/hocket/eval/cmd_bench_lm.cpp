// hocket bench lm: how fast a language model reads and speaks, beside what memory gives and, where it is
// there, llama.cpp's own bench on the same file in the same run.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "engine/language/network/open.hpp"
#include "engine/language/network/order_price.hpp"
#include "engine/language/packages/packages.hpp"
#include "engine/transformer/scan_bench.hpp"
#include "tools/hocket/eval/bench_lm.hpp"
#include "tools/hocket/eval/lm_beside.hpp"
#include "tools/hocket/eval/lm_peer.hpp"
#include "tools/hocket/eval/lm_random.hpp"
#include "tools/hocket/eval/lm_rates.hpp"
#include "tools/hocket/progress.hpp"

namespace hocket::cli {

using namespace report;
namespace {

using model_pointer = std::shared_ptr<const language::language_model>;

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

/// A figure that could not be taken.
measure without_value(std::string name, std::string why) {
  measure m;
  m.name = std::move(name);
  m.not_run = std::move(why);
  return m;
}

// Targets: over llama.cpp by what is done, and the share of what reading all weights would give.
constexpr double over_decode = 1.5, over_prompt = 2, over_many = 2, of_floor = 0.7, of_memory = 1.1;

struct bench_plan {
  std::vector<lm_cell> cells;
  std::vector<int> threads{1, 2};
  std::size_t said = 32;  ///< tokens of each sequence when decoding
  int rounds = 3;         ///< ours and the peer's in turns
  bool whole = true;      ///< nothing was left out: what a file costs in memory, and the order, too
};

bench_plan plan_of(bool quick, const lm_bench_options& o) {
  bench_plan p;
  if (quick) p.said = 16, p.rounds = 1;
  if (o.rounds > 0) p.rounds = o.rounds;
  if (!o.threads.empty()) p.threads = o.threads;
  p.whole = o.part.empty() && o.batches.empty() && o.contexts.empty() && o.threads.empty();
  const auto some = [](std::vector<std::size_t> asked, std::vector<std::size_t> usual) {
    return asked.empty() ? usual : asked;
  };
  const bool short_one = quick && o.contexts.empty() && o.batches.empty();
  for (const auto context : some(o.contexts, short_one ? std::vector<std::size_t>{128}
                                                       : std::vector<std::size_t>{128, 2048}))
    for (const auto batch : some(o.batches, short_one ? std::vector<std::size_t>{1, 4}
                                                      : std::vector<std::size_t>{1, 4, 16})) {
      if (o.part.empty() || o.part == "decode") p.cells.push_back({true, batch, context});
      // Sixteen prompts of 2048 tokens would take minutes and say what four of 128 do.
      const bool prompt = batch == 1 || (context == 128 && !short_one);
      if (prompt && (o.part.empty() || o.part == "prompt"))
        p.cells.push_back({false, batch, context});
    }
  return p;
}

/// A file and its name among the figures.
struct bench_file {
  std::string path, type;
  double bytes = 0, read = 0;  ///< of all tensors; what each token reads of them
};

struct bench_context {
  const bench_plan& plan;
  const lm_peer& peer;
  const std::string& saved;  ///< file that what is there is written to after each figure; "": none
  progress& shown;
  measures& out;
};

void add_ratio(const bench_context& c, const std::string& name, const lm_cell& cell,
               const std::vector<double>& ratios) {
  measure m;
  m.name = name + ".over_llama_cpp";
  m.unit = "ratio";
  m.target = cell.batch == 16 ? over_many : cell.decode ? over_decode : over_prompt;
  m.good = goal::at_least;
  m.n = static_cast<std::int64_t>(ratios.size());
  if (ratios.empty()) {
    m.not_run = c.peer.missing().empty() ? "it printed no such row" : c.peer.missing();
  } else {
    m.value = median(ratios);
    m.low = *std::min_element(ratios.begin(), ratios.end());
    m.high = *std::max_element(ratios.begin(), ratios.end());
  }
  c.out.add(std::move(m));
}

/// The most memory that each had with one sequence, MiB.
struct most_memory {
  double ours = 0, peer = 0;
};

/// Figures of one cell: ours and the peer's in turns, told and saved as soon as they are there.
result<void> measure_cell(const bench_context& c, const bench_file& file, lm_rates& ours,
                          const lm_cell& cell, int threads, double gbs, most_memory& most) {
  const auto name = fmt::format("lm.{}.{}", file.type, cell.name(threads));
  c.shown.next(name);
  std::vector<double> rates, ratios;
  for (int round = 0; round < c.plan.rounds; ++round) {
    const auto rate = ours.rate(cell, c.plan.said);
    if (!rate) return fail(rate);
    rates.push_back(*rate);
    if (!c.peer.missing().empty()) continue;
    const auto theirs = c.peer.measure(file.path, {cell}, threads, c.plan.said);
    if (!theirs) return fail(theirs);
    most.peer = std::max(most.peer, theirs->resident_mib);
    if (const auto said = theirs->of(cell); said && *said > 0) ratios.push_back(*rate / *said);
  }
  const double rate = median(rates);
  c.out.add(name + ".tokens_per_s", rate, "1/s", c.plan.rounds);
  if (!cell.decode && cell.batch == 1)
    c.out.add(name + ".first_token_ms", 1000 * static_cast<double>(cell.context) / rate, "ms",
              c.plan.rounds);
  if (cell.decode && cell.batch == 1 && file.read > 0)
    c.out.add(name + ".of_floor", rate * file.read / 1e9 / gbs, "ratio", c.plan.rounds, of_floor,
              goal::at_least);
  add_ratio(c, name, cell, ratios);
  c.shown.say(
      fmt::format("{}: {:.1f} tokens/s{}", name, rate,
                  ratios.empty() ? "" : fmt::format(", {:.2f} of llama.cpp's", median(ratios))));
  if (!c.saved.empty() && !c.out.save(c.saved)) return fail("bench.io", c.saved);
  return {};
}

/// Figures of one file with so many threads.
result<most_memory> measure_threads(const bench_context& c, const bench_file& file,
                                    const model_pointer& model, int threads) {
  lm_rates ours(model, threads);
  most_memory most;
  const double gbs = read_bandwidth(threads);
  c.out.add(fmt::format("lm.{}.read_bandwidth.t{}.gb_per_s", file.type, threads), gbs, "GB/s", 12);
  for (const auto& cell : c.plan.cells)
    if (const auto done = measure_cell(c, file, ours, cell, threads, gbs, most); !done)
      return fail(done);
  most.ours = ours.most_resident_mib();
  return most;
}

result<void> measure_file(const bench_context& c, const bench_file& file) {
  const double before = resident_mib();
  c.shown.next("lm: loading " + file.path);
  const auto model = language::open_language_model(file.path, 0, language::block_types::rounded);
  if (!model) return fail(model);
  const double resident = resident_mib() - before;
  const auto name = "lm." + file.type;
  if (c.plan.whole) {
    c.out.add(name + ".resident_mib", resident, "MiB", 1);
    if (file.bytes > 0)
      c.out.add(name + ".resident_over_file", resident * 1048576 / file.bytes, "ratio", 1);
  }
  most_memory all;
  for (const int threads : c.plan.threads) {
    const auto most = measure_threads(c, file, *model, threads);
    if (!most) return fail(most);
    all.ours = std::max(all.ours, most->ours), all.peer = std::max(all.peer, most->peer);
  }
  if (!c.plan.whole) return {};
  if (all.peer > 0) {
    c.out.add(name + ".llama_cpp_resident_mib", all.peer, "MiB", 1);
    c.out.add(name + ".resident_over_llama_cpp", (all.ours - before) / all.peer, "ratio", 1,
              of_memory, goal::at_most);
  }
  for (const auto& p : language::price_of_order(**model))
    c.out.add(fmt::format("{}.fixed_order.rows{}.price", name, p.rows), p.price, "ratio", p.n);
  return {};
}

/// State spaces need no file for it.
void measure_scan(measures& out) {
  for (const auto& p : engine::price_of_scan()) {
    const auto name = fmt::format("lm.scan.rows{}.", p.rows);
    out.add(name + "over_row_by_row", p.over_row_by_row, "ratio", p.n);
    out.add(name + "over_chunked", p.over_chunked, "ratio", p.n);
    out.add(name + "over_projections", p.over_projections, "ratio", p.n);
    out.add(name + "difference", p.difference, "", p.n);
  }
}

/// The files to measure: the model's own, or one of each type that is asked for.
result<std::vector<bench_file>> files_of(const std::string& path,
                                         const std::vector<std::string>& types, const lm_peer& peer,
                                         std::vector<std::string>& notes) {
  const auto own = describe_lm(path);
  std::vector<bench_file> files;
  if (types.empty()) files.push_back({path, own.type, own.bytes, own.read});
  for (const auto& type : types) {
    if (type == own.type) {
      files.push_back({path, own.type, own.bytes, own.read});
      continue;
    }
    if (!peer.missing().empty()) return fail("bench.peer", type + ": " + peer.missing());
    // Blocks of 256 (q4_k, q5_k, q6_k) that do not fit its rows: a model of random weights instead.
    const bool random = type.ends_with("_k") && !rows_fit_256(path);
    const auto made = random ? peer.random_with_type(path, type) : peer.with_type(path, type);
    if (!made) return fail(made);
    if (random)
      notes.push_back(type +
                      ": of a model of random weights in the shape of SmolLM2 (17 layers of 768 "
                      "and 2048), since rows of the model are no multiple of 256");
    const auto is = describe_lm(*made);
    if (is.type != type)
      return fail(
          "bench.peer",
          fmt::format("{}: llama-quantize made {} of it, as where rows are no multiple of a "
                      "block; ask for {} or another type",
                      type, is.type, is.type));
    files.push_back({*made, type, is.bytes, is.read});
  }
  return files;
}

}  // namespace

int run_bench_lm(const bench_options& o, const lm_bench_options& lm) {
  const auto path = language::find_model(lm.model);
  measures out;
  if (!path) {
    // As a part of `bench` it is left out where no model was fetched.
    out.add(without_value("lm", path.error().message));
    if (!o.out.empty() && !out.save(o.out)) return exit_failed;
    return out.print(o.json);
  }
  const auto tell = [](const error& e, int code) {
    fmt::print(stderr, "error: {} [{}]\n", e.message, e.code);
    return code;
  };
  const auto peer = lm_peer::find(lm.peer);
  const auto plan = plan_of(o.quick, lm);
  progress shown(o.json, 0, "lm: " + *path);
  std::vector<std::string> notes;
  const bench_context context{plan, peer, o.out, shown, out};
  if (plan.whole) measure_scan(out);
  if (lm.part != "beside") {
    const auto files = files_of(*path, lm.types, peer, notes);
    if (!files) return tell(files.error(), exit_bad_input);
    for (const auto& file : *files)
      if (const auto done = measure_file(context, file); !done)
        return tell(done.error(), exit_failed);
  }
  if (plan.whole || lm.part == "beside") {
    const auto model = language::open_language_model(*path, 0, language::block_types::rounded);
    if (!model) return tell(model.error(), exit_bad_input);
    if (const auto done = measure_beside(o.quick, *model, shown, out); !done)
      return tell(done.error(), exit_failed);
  }
  shown.finish();
  for (auto& n : notes) out.note(std::move(n));
  double load[1] = {0};
  getloadavg(load, 1);
  out.note(fmt::format(
      "{}; medians of {} rounds, ours and llama.cpp's in turns; other work took part of the "
      "machine "
      "(load {:.1f} at the end): ratios of one run are safer than its figures. of_floor: bytes of "
      "the tensors that each token reads, a second, over what reading alone reaches. "
      "Decoding of several: they share one prompt, llama.cpp's (-pps -kvu) as ours. "
      "resident_over_llama_cpp: what the model and one sequence at a time added to this process, "
      "over all of llama-bench's. fixed_order, one thread: our "
      "product over libtorch's in bfloat16, which sums in any order; below 1 ours is faster. scan, "
      "one thread: a state space's rows (Mamba-2 1.3B) over the same rows one by one, over chunked "
      "products of libtorch's, over the layer's projections; difference: the largest from those "
      "products' outputs.",
      *path, plan.rounds, load[0]));
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
