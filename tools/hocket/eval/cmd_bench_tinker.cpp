// hocket bench tinker: tenants of a Tinker server, over HTTP through loopback.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "engine/language/packages/packages.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/eval/served_program.hpp"
#include "tools/hocket/eval/tinker_client.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr const char* name = "bench/model";
constexpr double ratio_target = 2.8;

double seconds_since(clock::time_point from) {
  return std::chrono::duration<double>(clock::now() - from).count();
}

double percentile(std::vector<double> v, double p) {
  if (v.empty()) return 0;
  std::ranges::sort(v);
  return v[static_cast<std::size_t>(p * static_cast<double>(v.size() - 1) + 0.5)];
}

/// `hocket serve tinker` of its own.
struct server {
  std::unique_ptr<served_program> program;
  std::string url;
};

result<server> start_server(const std::string& model, const std::string& folder) {
  auto program = served_program::start(
      {"serve", "tinker", model, "--name", name, "--listen", "tcp://127.0.0.1:0", "--out",
       folder + "/checkpoints", "--precision", "bfloat16", "--json"},
      folder + "/serve.txt");
  if (!program) return fail(program);
  for (int i = 0; i < 2'400 && (*program)->is_alive(); ++i) {
    const auto said = (*program)->said();
    const auto line = said.substr(0, said.find('\n'));
    const auto j = nlohmann::json::parse(line, nullptr, false);
    if (said.find('\n') != said.npos && j.is_object())
      return server{std::move(*program), j.value("url", "")};
    std::this_thread::sleep_for(50ms);
  }
  const auto said = (*program)->said();
  return fail("bench.no_server", "the server does not start: " + said.substr(0, 500));
}

/// What a number of tenants did together.
struct level {
  tinker_work work;
  double seconds = 0, cores = 0, mib = 0;
  std::vector<double> waited_ms;
};

/// The experiments of all tenants, each on a thread of its own.
result<level> together(const server& s, std::vector<tinker_client>& tenants,
                       const tinker_experiment& e) {
  level out;
  std::mutex mutex;
  std::optional<error> problem;
  std::atomic<bool> is_over{false};
  const auto cpu = s.program->cpu_seconds();
  const auto began = clock::now();
  std::thread watch([&] {
    while (!is_over) {
      out.mib = std::max(out.mib, s.program->rss_mib());
      std::this_thread::sleep_for(20ms);
    }
  });
  std::vector<std::thread> threads;
  for (auto& t : tenants)
    threads.emplace_back([&] {
      t.waited_ms().clear();
      const auto did = run_experiment(t, e);
      const std::lock_guard lock(mutex);
      if (!did) {
        problem = did.error();
        return;
      }
      out.work.steps += did->steps, out.work.sampled += did->sampled;
      out.work.trained += did->trained;
      out.waited_ms.insert(out.waited_ms.end(), t.waited_ms().begin(), t.waited_ms().end());
    });
  for (auto& t : threads) t.join();
  out.seconds = seconds_since(began);
  out.cores = (s.program->cpu_seconds() - cpu) / out.seconds;
  is_over = true;
  watch.join();
  if (problem) return tl::unexpected(*problem);
  return out;
}

result<std::vector<tinker_client>> tenants_of(const server& s, int n, int rank, int round) {
  std::vector<tinker_client> all;
  for (int i = 0; i < n; ++i) {
    all.emplace_back(s.url, fmt::format("tml-bench-{}-{}", round, i));
    HOCKET_TRY(all.back().open(name, rank, static_cast<std::uint64_t>(i)));
  }
  return all;
}

void add_level(measures& out, int n, const level& l) {
  const auto steps = l.work.steps;
  const auto at = [&](const char* what) { return fmt::format("tinker.{}.{}", n, what); };
  const auto rate = [&](std::int64_t count) { return static_cast<double>(count) / l.seconds; };
  out.add(at("steps_per_s"), rate(steps), "1/s", steps);
  out.add(at("trained_tokens_per_s"), rate(l.work.trained), "1/s", l.work.trained);
  out.add(at("sampled_tokens_per_s"), rate(l.work.sampled), "1/s", l.work.sampled);
  const auto futures = static_cast<std::int64_t>(l.waited_ms.size());
  out.add(at("future.p50_ms"), percentile(l.waited_ms, 0.5), "ms", futures);
  out.add(at("future.p99_ms"), percentile(l.waited_ms, 0.99), "ms", futures);
  out.add(at("server_mib"), l.mib, "MiB", steps);
  out.add(at("server_cores"), l.cores, "cores", steps);
}

/// Many futures at once, polled on connections of their own; how many were answered before `until`.
result<std::int64_t> outstanding(const server& s, int connections, int each,
                                 clock::time_point until) {
  std::atomic<std::int64_t> answered{0};
  std::mutex mutex;
  std::optional<error> problem;
  std::barrier all_sent(connections);
  std::vector<std::thread> threads;
  for (int i = 0; i < connections; ++i)
    threads.emplace_back([&, i] {
      const tinker_client c(s.url, fmt::format("tml-bench-crowd-{}", i % 8));
      std::vector<std::string> requests;
      const auto note = [&](const error& e) {
        const std::lock_guard lock(mutex);
        problem = e;
      };
      for (int k = 0; k < each; ++k) {
        const auto sent = c.submit(
            "asample",
            {{"base_model", name},
             {"num_samples", 1},
             {"prompt", {{"chunks", {{{"type", "encoded_text"}, {"tokens", {65, k + 66}}}}}}},
             {"sampling_params", {{"max_tokens", 1}}}});
        if (!sent) note(sent.error());
        if (sent) requests.push_back(*sent);
      }
      all_sent.arrive_and_wait();
      for (const auto& r : requests) {
        const auto a = c.wait(r, until);
        if (!a && a.error().code != "bench.late") note(a.error());
        if (a) ++answered;
      }
    });
  for (auto& t : threads) t.join();
  if (problem) return tl::unexpected(*problem);
  return answered.load();
}

/// The server's memory once it rests: what is free goes back a moment after the last request.
double resting_mib(const server& s) {
  double before = s.program->rss_mib();
  for (int i = 0; i < 10; ++i) {
    std::this_thread::sleep_for(2s);
    const double mib = s.program->rss_mib();
    if (std::abs(mib - before) < 1) return mib;
    before = mib;
  }
  return before;
}

/// Memory after the last round, over memory after the second: nothing stays but the answers, which may be
/// asked for again.
result<void> add_outstanding(const server& s, bool quick, measures& out) {
  const int connections = quick ? 20 : 200, each = 10, all = connections * each, rounds = 5;
  const auto limit = quick ? 60s : 180s;  // of a round: who is not through by then is told of
  std::int64_t answered = 0;
  double seconds = 0, before = 0, mib = 0, threads = 0;
  for (int i = 0; i < rounds; ++i) {
    const auto began = clock::now();
    const auto done = outstanding(s, connections, each, began + limit);
    if (!done) return fail(done);
    answered = i == 0 ? *done : std::min(answered, *done);
    seconds = seconds_since(began);
    threads = std::max(threads, s.program->threads());
    mib = resting_mib(s);
    out.add(fmt::format("tinker.futures.round_{}.server_mib", i + 1), mib, "MiB", all);
    if (i < 2) before = mib;  // the allocator has taken what it needs
    if (*done < all) break;
  }
  out.add("tinker.futures.answered", static_cast<double>(answered), "", all, all, goal::at_least);
  out.add("tinker.futures.seconds", seconds, "s", all);
  out.add("tinker.futures.server_threads", threads, "", all);
  out.add("tinker.futures.grown_mib", mib - before, "MiB", all * (rounds - 2), 16, goal::at_most);
  return {};
}

/// One tenant's tokens per second by the rows of a pass: what more rows in one can gain at most.
result<void> add_rows(tinker_client& tenant, bool quick, measures& out) {
  constexpr int tokens = 64;
  for (const int sequences : quick ? std::vector{1, 4} : std::vector{1, 4, 16}) {
    const auto began = clock::now();
    int passes = 0;
    do {
      HOCKET_TRY(run_pass(tenant, sequences, tokens));
      ++passes;
    } while (seconds_since(began) < (quick ? 0.5 : 5));
    const auto count = std::int64_t{passes} * sequences * tokens;
    out.add(fmt::format("tinker.rows_{}.trained_tokens_per_s", sequences * tokens),
            static_cast<double>(count) / seconds_since(began), "1/s", count);
  }
  return {};
}

/// `alone`: seconds of a tenant's experiment. The same with four times the rows, all in one tenant's
/// requests: no way of putting four tenants together is faster than that.
result<void> add_bound(const server& s, tinker_experiment e, double alone, measures& out) {
  auto one = tenants_of(s, 1, e.rank, 200);
  if (!one) return fail(one);
  e.group *= 4;
  const auto l = together(s, *one, e);
  if (!l) return fail(l);
  out.add("tinker.4.ratio_of_one_batch", 4 * alone / l->seconds, "ratio", 1);
  return {};
}

result<void> measure(const server& s, const bench_options& o, progress& shown, measures& out) {
  tinker_experiment e;
  if (o.quick) e.steps = 2, e.sampled_tokens = 8, e.prompt_tokens = 8;
  double alone = 0;  // seconds of one tenant's experiment, the mean of those one after the other
  for (const int n : o.quick ? std::vector{1, 4} : std::vector{1, 4, 16}) {
    auto tenants = tenants_of(s, n, e.rank, n);
    if (!tenants) return fail(tenants);
    if (n == 4) {
      double in_turn = 0;
      for (auto& t : *tenants) {
        shown.next("tinker: four tenants, one after the other");
        std::vector<tinker_client> one{t};
        const auto l = together(s, one, e);
        if (!l) return fail(l);
        in_turn += l->seconds;
      }
      alone = in_turn / 4;
      tenants = tenants_of(s, n, e.rank, 100 + n);
      if (!tenants) return fail(tenants);
    }
    shown.next(fmt::format("tinker: {} {}", n, n == 1 ? "tenant" : "tenants at once"));
    const auto l = together(s, *tenants, e);
    if (!l) return fail(l);
    add_level(out, n, *l);
    if (n == 4) HOCKET_TRY(add_bound(s, e, alone, out));
    if (n > 1)
      out.add(fmt::format("tinker.{}.experiments_ratio", n), alone * n / l->seconds, "ratio", n,
              ratio_target, goal::at_least);
    if (!o.json)
      say(stderr, "{} tenants: {:.2f} steps/s\n", n,
          static_cast<double>(l->work.steps) / l->seconds);
  }
  shown.next("tinker: passes of more and more rows");
  auto one = tenants_of(s, 1, e.rank, 300);
  if (!one) return fail(one);
  HOCKET_TRY(add_rows(one->front(), o.quick, out));
  shown.next("tinker: many futures at once");
  HOCKET_TRY(add_outstanding(s, o.quick, out));
  out.note(fmt::format(
      "{} over loopback, clients in this process; a step: weights to a sampler, {} samples of {} "
      "tokens behind a prompt of {}, one pass over them (importance sampling), one of AdamW; "
      "adapters of rank {} on all linear layers. experiments_ratio: the time of the tenants' "
      "experiments one after the other over that at once (for 16: by the mean of the four); "
      "ratio_of_one_batch: the same where one tenant sends the rows of four in its own requests, "
      "which is what the processor allows. "
      "future: from sending a request to its answer",
      o.language_model, e.group, e.sampled_tokens, e.prompt_tokens, e.rank));
  return {};
}

}  // namespace

int run_bench_tinker(const bench_options& o) {
  const auto model = language::find_model(o.language_model);
  if (!model) return tell(model.error(), exit_bad_input);
  progress shown(o.json, 0, "tinker: starting a server");
  const auto folder =
      (fs::temp_directory_path() / fmt::format("hocket_bench_tinker_{}", getpid())).string();
  auto s = start_server(*model, folder);
  if (!s) return tell(s.error(), exit_failed);
  measures out;
  const auto done = measure(*s, o, shown, out);
  shown.finish();
  s->program.reset();
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  if (!done) return tell(done.error(), exit_failed);
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
