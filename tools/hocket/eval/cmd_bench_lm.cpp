// hocket bench lm: how fast a language model reads and speaks, beside what memory gives and, where it is
// there, llama.cpp's own bench on the same file in the same run.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "engine/language/network/open.hpp"
#include "engine/language/network/order_price.hpp"
#include "engine/language/packages/packages.hpp"
#include "tools/hocket/eval/bench_lm.hpp"
#include "tools/hocket/eval/lm_beside.hpp"
#include "tools/hocket/eval/lm_peer.hpp"
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
  std::size_t said = 32;  ///< tokens of each sequence when decoding
  int rounds = 3;         ///< ours and the peer's in turns
};

bench_plan plan_of(bool quick) {
  if (quick) return {{{false, 1, 128}, {true, 1, 128}, {true, 4, 128}}, 16, 1};
  bench_plan p;
  for (const std::size_t context : {128, 2048})
    for (const std::size_t batch : {1, 4, 16}) {
      p.cells.push_back({true, batch, context});
      // Sixteen prompts of 2048 tokens would take minutes and say what four of 128 do.
      if (batch == 1 || context == 128) p.cells.push_back({false, batch, context});
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

/// Figures of one file with so many threads.
result<most_memory> measure_threads(const bench_context& c, const bench_file& file,
                                    const model_pointer& model, int threads) {
  lm_rates ours(model, threads);
  std::map<std::string, std::vector<double>> rates, ratios;
  most_memory most;
  for (int round = 0; round < c.plan.rounds; ++round) {
    std::map<std::string, double> now;
    for (const auto& cell : c.plan.cells) {
      const auto name = cell.name(threads);
      c.shown.next(fmt::format("lm: {} {}", file.type, name));
      const auto rate = ours.rate(cell, c.plan.said);
      if (!rate) return fail(rate);
      rates[name].push_back(now[name] = *rate);
    }
    if (!c.peer.missing().empty()) continue;
    c.shown.next(fmt::format("lm: {} llama.cpp, {} threads", file.type, threads));
    const auto theirs = c.peer.measure(file.path, c.plan.cells, threads, c.plan.said);
    if (!theirs) return fail(theirs);
    most.peer = std::max(most.peer, theirs->resident_mib);
    for (const auto& cell : c.plan.cells)
      if (const auto rate = theirs->of(cell); rate && *rate > 0)
        ratios[cell.name(threads)].push_back(now[cell.name(threads)] / *rate);
  }
  const double gbs = read_bandwidth(threads);
  c.out.add(fmt::format("lm.{}.read_bandwidth.t{}.gb_per_s", file.type, threads), gbs, "GB/s", 5);
  for (const auto& cell : c.plan.cells) {
    const auto name = fmt::format("lm.{}.{}", file.type, cell.name(threads));
    const double rate = median(rates[cell.name(threads)]);
    c.out.add(name + ".tokens_per_s", rate, "1/s", c.plan.rounds);
    if (!cell.decode && cell.batch == 1)
      c.out.add(name + ".first_token_ms", 1000 * static_cast<double>(cell.context) / rate, "ms",
                c.plan.rounds);
    if (cell.decode && cell.batch == 1 && file.read > 0)
      c.out.add(name + ".of_floor", rate * file.read / 1e9 / gbs, "ratio", c.plan.rounds, of_floor,
                goal::at_least);
    add_ratio(c, name, cell, ratios[cell.name(threads)]);
  }
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
  c.out.add(name + ".resident_mib", resident, "MiB", 1);
  if (file.bytes > 0)
    c.out.add(name + ".resident_over_file", resident * 1048576 / file.bytes, "ratio", 1);
  most_memory all;
  for (const int threads : {1, 2}) {
    const auto most = measure_threads(c, file, *model, threads);
    if (!most) return fail(most);
    all.ours = std::max(all.ours, most->ours), all.peer = std::max(all.peer, most->peer);
  }
  if (all.peer > 0) {
    c.out.add(name + ".llama_cpp_resident_mib", all.peer, "MiB", 1);
    c.out.add(name + ".resident_over_llama_cpp", (all.ours - before) / all.peer, "ratio", 1,
              of_memory, goal::at_most);
  }
  for (const auto& p : language::price_of_order(**model))
    c.out.add(fmt::format("{}.fixed_order.rows{}.price", name, p.rows), p.price, "ratio", p.n);
  return {};
}

/// The files to measure: the model's own, or one of each type that is asked for.
result<std::vector<bench_file>> files_of(const std::string& path,
                                         const std::vector<std::string>& types,
                                         const lm_peer& peer) {
  const auto own = describe_lm(path);
  std::vector<bench_file> files;
  if (types.empty()) files.push_back({path, own.type, own.bytes, own.read});
  for (const auto& type : types) {
    if (type == own.type) {
      files.push_back({path, own.type, own.bytes, own.read});
      continue;
    }
    if (!peer.missing().empty()) return fail("bench.peer", type + ": " + peer.missing());
    const auto made = peer.with_type(path, type);
    if (!made) return fail(made);
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
  const auto files = files_of(*path, lm.types, peer);
  if (!files) return tell(files.error(), exit_bad_input);
  const auto plan = plan_of(o.quick);
  progress shown(o.json, 0, "lm: " + *path);
  const bench_context context{plan, peer, shown, out};
  for (const auto& file : *files)
    if (const auto done = measure_file(context, file); !done)
      return tell(done.error(), exit_failed);
  const auto model = language::open_language_model(*path, 0, language::block_types::rounded);
  if (!model) return tell(model.error(), exit_bad_input);
  if (const auto done = measure_beside(o.quick, *model, shown, out); !done)
    return tell(done.error(), exit_failed);
  shown.finish();
  double load[1] = {0};
  getloadavg(load, 1);
  out.note(fmt::format(
      "{}; medians of {} rounds, ours and llama.cpp's in turns; other work took part of the "
      "machine "
      "(load {:.1f} at the end): ratios of one run are safer than its figures. of_floor: bytes of "
      "the tensors that each token reads, a second, over what a plain reading loop reaches. "
      "Decoding of several: they share one prompt, llama.cpp's (-pps -kvu) as ours. "
      "resident_over_llama_cpp: what the model and one sequence at a time added to this process, "
      "over all of llama-bench's. fixed_order, one thread: our "
      "product over libtorch's in bfloat16, which sums in any order; below 1 ours is faster.",
      *path, plan.rounds, load[0]));
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
