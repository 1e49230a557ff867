// hocket bench lm: how fast a language model reads and speaks, beside what memory gives and, where it is
// there, llama.cpp's own bench on the same file in the same run.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/interaction/session.hpp"
#include "engine/language/files/gguf.hpp"
#include "engine/language/network/open.hpp"
#include "engine/language/packages/packages.hpp"
#include "engine/transformer/background.hpp"
#include "tools/hocket/eval/bench_lm.hpp"
#include "tools/hocket/process.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;
namespace {

using clock = std::chrono::steady_clock;
using model_pointer = std::shared_ptr<const language::language_model>;

double seconds_since(clock::time_point from) {
  return std::chrono::duration<double>(clock::now() - from).count();
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

/// GB/s with which so many threads read 256 MiB: the best of five.
double read_bandwidth(int threads) {
  const std::size_t count = (256u << 20) / sizeof(std::uint64_t);
  const std::vector<std::uint64_t> memory(count, 1);
  double best = 0;
  for (int again = 0; again < 5; ++again) {
    std::vector<std::uint64_t> sums(static_cast<std::size_t>(threads) * 8);
    std::vector<std::thread> all;
    const auto began = clock::now();
    for (int t = 0; t < threads; ++t)
      all.emplace_back([&, t] {
        const auto part = count / static_cast<std::size_t>(threads);
        const auto* from = memory.data() + static_cast<std::size_t>(t) * part;
        sums[static_cast<std::size_t>(t) * 8] =
            std::accumulate(from, from + part, std::uint64_t{0});
      });
    for (auto& t : all) t.join();
    const double took = seconds_since(began);
    const auto sum = std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
    if (sum > 0) best = std::max(best, 256.0 * 1.048576 / 1000 / took);
  }
  return best;
}

/// The type of most bytes of the layers' matrices, in lower case: "q4_1".
std::string type_of(const std::string& path, double& bytes) {
  const auto file = language::gguf_file::open(path);
  if (!file) return "folder";
  std::map<std::string, std::size_t> by_type;
  bytes = 0;
  for (const auto& t : file->tensors()) {
    bytes += static_cast<double>(t.bytes.size());
    if (t.name.starts_with("blk.")) by_type[language::traits_of(t.type).name] += t.bytes.size();
  }
  if (by_type.empty()) return "none";
  auto name = std::max_element(by_type.begin(), by_type.end(), [](const auto& a, const auto& b) {
                return a.second < b.second;
              })->first;
  std::transform(name.begin(), name.end(), name.begin(), ::tolower);
  return name;
}

/// Tokens that are no text; any will do for times.
std::vector<std::int32_t> some_tokens(std::size_t n, int vocabulary) {
  std::vector<std::int32_t> out(n);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = static_cast<std::int32_t>((i * 7919 + 17) % static_cast<std::size_t>(vocabulary));
  return out;
}

struct bench_run {
  const model_pointer& model;
  std::shared_ptr<engine::work_pool> pool;
  int repeats;

  language::language_sequence sequence() const {
    language::language_sequence s(model);
    s.help_with(pool);
    return s;
  }
  result<void> read(language::language_sequence& s, std::size_t tokens) const {
    const auto ids = some_tokens(tokens, model->config().vocabulary);
    for (std::size_t at = 0; at < ids.size(); at += 32) {
      const auto part = std::span(ids).subspan(at, std::min<std::size_t>(32, ids.size() - at));
      if (const auto scores = s.append(part); !scores) return fail(scores);
    }
    return {};
  }
  /// Tokens a second of reading `tokens` from nothing, and the seconds until the first answer token.
  result<double> prompt(std::size_t tokens, double& first_s) const {
    std::vector<double> rates, firsts;
    for (int i = 0; i < repeats; ++i) {
      auto s = sequence();
      const auto began = clock::now();
      HOCKET_TRY(read(s, tokens));
      firsts.push_back(seconds_since(began));
      rates.push_back(static_cast<double>(tokens) / firsts.back());
    }
    first_s = median(firsts);
    return median(rates);
  }
  /// Tokens a second of all sequences together, after `context` tokens each.
  result<double> decode(std::size_t batch, std::size_t context, std::size_t tokens) const {
    auto first = sequence();
    HOCKET_TRY(read(first, context));
    std::vector<double> rates;
    for (int i = 0; i < repeats; ++i) {
      std::vector<language::language_sequence> all;
      for (std::size_t b = 0; b < batch; ++b) all.push_back(first.fork());
      std::vector<language::language_sequence*> pointers;
      for (auto& s : all) pointers.push_back(&s);
      const std::vector<std::int32_t> ids{5};
      const std::vector<std::span<const std::int32_t>> next(batch, ids);
      const auto began = clock::now();
      for (std::size_t t = 0; t < tokens; ++t)
        if (const auto scores = append_batch(pointers, next, language::scores_of::last); !scores)
          return fail(scores);
      rates.push_back(static_cast<double>(tokens * batch) / seconds_since(began));
    }
    return median(rates);
  }
};

/// What llama-bench says: tokens a second by "prompt" and "decode".
result<std::map<std::string, double>> peer_rates(const bench_options& o, const std::string& peer,
                                                 const std::string& path, int threads,
                                                 std::size_t prompt, std::size_t decode) {
  const auto said =
      run_process({peer, "-m", path, "-p", std::to_string(prompt), "-n", std::to_string(decode),
                   "-t", std::to_string(threads), "-r", o.quick ? "1" : "3", "-o", "json"});
  if (!said) return fail(said);
  const auto rows = nlohmann::json::parse(said->out, nullptr, false);
  if (said->exit_code != 0 || !rows.is_array())
    return fail("bench.peer", peer + " did not print what llama-bench prints with -o json");
  std::map<std::string, double> out;
  for (const auto& row : rows) {
    if (!row.is_object() || !row.contains("avg_ts") || !row["avg_ts"].is_number()) continue;
    if (row.value("n_gen", 0) > 0)
      out["decode"] = row["avg_ts"];
    else
      out["prompt"] = row["avg_ts"];
  }
  return out;
}

int tell(const error& e, int code) {
  fmt::print(stderr, "error: {} [{}]\n", e.message, e.code);
  return code;
}

double resident_mib() {
  double pages = 0, ignored = 0;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%lf %lf", &ignored, &pages) != 2) pages = 0;
    std::fclose(f);
  }
  return pages * 4096 / 1048576;
}

constexpr double over_decode = 1.5, over_prompt = 2, of_floor = 0.7;

struct sizes {
  std::string peer;
  std::size_t prompt, decode;
  std::vector<std::size_t> batches, contexts;
};

/// Figures with so many threads.
result<void> measure_threads(const bench_options& o, const model_pointer& model,
                             const std::string& path, const std::string& type, double bytes,
                             int threads, const sizes& n, progress& shown, measures& out) {
  const bench_run bench{model, threads > 1 ? std::make_shared<engine::work_pool>(threads) : nullptr,
                        o.quick ? 1 : 3};
  const auto name = [&](const char* what, std::size_t batch) {
    return fmt::format("lm.{}.{}.t{}.b{}", type, what, threads, batch);
  };
  shown.next(fmt::format("lm: reading with {} threads", threads));
  double first_s = 0;
  const auto prompt = bench.prompt(n.prompt, first_s);
  if (!prompt) return fail(prompt);
  out.add(name("prompt", 1) + ".tokens_per_s", *prompt, "1/s", bench.repeats);
  out.add(name("prompt", 1) + ".first_token_ms", first_s * 1000, "ms", bench.repeats);
  double decode = 0;
  for (const auto context : n.contexts)
    for (const auto batch : n.batches) {
      shown.next(
          fmt::format("lm: {} at once after {} tokens, {} threads", batch, context, threads));
      const auto rate = bench.decode(batch, context, n.decode);
      if (!rate) return fail(rate);
      const auto place = context == n.contexts.front() ? "" : fmt::format(".c{}", context);
      out.add(name("decode", batch) + place + ".tokens_per_s", *rate, "1/s", bench.repeats);
      if (batch == 1 && place.empty()) decode = *rate;
    }
  const double gbs = read_bandwidth(threads);
  out.add(fmt::format("lm.read_bandwidth.t{}.gb_per_s", threads), gbs, "GB/s", 5);
  if (bytes > 0)
    out.add(name("decode", 1) + ".of_floor", decode * bytes / 1e9 / gbs, "ratio", bench.repeats,
            of_floor, goal::at_least);
  const auto compare = [&](const char* what, double ours, std::optional<double> theirs,
                           double target, const std::string& why) {
    measure m;
    m.name = name(what, 1) + ".over_llama_cpp";
    m.unit = "ratio";
    m.target = target;
    m.good = goal::at_least;
    m.n = bench.repeats;
    if (theirs)
      m.value = ours / *theirs;
    else
      m.not_run = why;
    out.add(std::move(m));
  };
  std::optional<double> peer_prompt, peer_decode;
  std::string why = "--peer names no llama-bench";
  if (!n.peer.empty()) {
    shown.next("lm: " + n.peer);
    const auto peer = peer_rates(o, n.peer, path, threads, n.prompt, n.decode);
    if (!peer) return fail(peer);
    why = "it printed no such row";
    if (peer->contains("prompt")) peer_prompt = peer->at("prompt");
    if (peer->contains("decode")) peer_decode = peer->at("decode");
  }
  compare("prompt", *prompt, peer_prompt, over_prompt, why);
  compare("decode", decode, peer_decode, over_decode, why);
  return {};
}

/// Wall times of micro-turns of a talk in real time, ms.
result<std::vector<double>> paced(const std::shared_ptr<const engine::interaction_model>& model,
                                  std::int64_t turns) {
  engine::session talk(model, {});
  engine::session* one = &talk;
  const auto& c = model->description().config;
  engine::micro_turn_input in;
  // What it hears is no speech: the time of a micro-turn does not depend on it.
  for (int i = 0; i < c.layout.audio * c.dmel_channels; ++i)
    in.audio.push_back(static_cast<std::uint8_t>(i * 7 % 16));
  in.video.assign(static_cast<std::size_t>(c.video_size()), 100);
  std::vector<double> out;
  const auto began = clock::now();
  for (std::int64_t k = 0; k < turns; ++k) {
    std::this_thread::sleep_until(began + k * std::chrono::milliseconds(200));
    const auto from = clock::now();
    {
      // As the actor does (actors/interaction).
      const engine::turn_gate::hold first(engine::turn_gate::of_process());
      if (const auto said = engine::batch_step({&one, 1}, {&in, 1}); !said) return fail(said);
    }
    out.push_back(seconds_since(from) * 1000);
  }
  return out;
}

/// A figure that could not be taken.
measure without_value(std::string name, std::string why) {
  measure m;
  m.name = std::move(name);
  m.not_run = std::move(why);
  return m;
}

double percentile_99(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[(v.size() - 1) * 99 / 100];
}

/// Micro-turns of a talk in real time, without and with the language model decoding beside them.
result<void> measure_beside(const bench_options& o, const model_pointer& model, progress& shown,
                            measures& out) {
  const auto talker = engine::interaction_model::load("configs/models/duplex", "cpu");
  if (!talker) {
    out.add(without_value("lm.micro_turn_beside.ratio", talker.error().message));
    return {};
  }
  const std::int64_t turns = o.quick ? 50 : 300;
  shown.next("lm: micro-turns alone");
  const auto alone = paced(*talker, turns);
  if (!alone) return fail(alone);
  shown.next("lm: micro-turns beside a model that speaks");
  std::atomic<bool> over{false};
  std::int64_t tokens = 0;
  const auto before = engine::turn_gate::of_process().waits();
  std::thread speaker([&] {
    language::language_sequence s(model);
    while (!over && s.append(std::vector<std::int32_t>{5})) {
      ++tokens;
      if (s.length() > 1000) s.rewind(0);
    }
  });
  const auto began = clock::now();
  const auto beside = paced(*talker, turns);
  const double took = seconds_since(began);
  over = true;
  speaker.join();
  if (!beside) return fail(beside);
  const double a = percentile_99(*alone), b = percentile_99(*beside);
  out.add("lm.micro_turn_alone.p50_ms", median(*alone), "ms", turns);
  out.add("lm.micro_turn_alone.p99_ms", a, "ms", turns);
  out.add("lm.micro_turn_beside.p50_ms", median(*beside), "ms", turns);
  out.add("lm.micro_turn_beside.p99_ms", b, "ms", turns);
  out.add("lm.micro_turn_beside.ratio", b / a, "ratio", turns, 1.5, goal::at_most);
  out.add("lm.micro_turn_beside.tokens_per_s", static_cast<double>(tokens) / took, "1/s", tokens);
  out.add("lm.micro_turn_beside.waits",
          static_cast<double>(engine::turn_gate::of_process().waits() - before), "", turns);
  return {};
}

}  // namespace

int run_bench_lm(const bench_options& o, const std::string& named, const std::string& peer) {
  const auto path = language::find_model(named);
  measures out;
  if (!path) {
    // As a part of `bench` it is left out where no model was fetched.
    out.add(without_value("lm", path.error().message));
    if (!o.out.empty() && !out.save(o.out)) return exit_failed;
    return out.print(o.json);
  }
  progress shown(o.json, 0, "lm: loading " + *path);
  const double before = resident_mib();
  const auto model = language::open_language_model(*path);
  if (!model) return tell(model.error(), exit_bad_input);
  double bytes = 0;
  const auto type = type_of(*path, bytes);
  out.add(fmt::format("lm.{}.resident_mib", type), resident_mib() - before, "MiB", 1);
  if (bytes > 0)
    out.add(fmt::format("lm.{}.resident_over_file", type),
            (resident_mib() - before) * 1048576 / bytes, "ratio", 1);
  const sizes n =
      o.quick ? sizes{peer, 128, 16, {1, 4}, {128}} : sizes{peer, 512, 64, {1, 4, 16}, {128, 2048}};
  for (const int threads : {1, 2})
    if (const auto done = measure_threads(o, *model, *path, type, bytes, threads, n, shown, out);
        !done)
      return tell(done.error(), exit_failed);
  if (const auto done = measure_beside(o, *model, shown, out); !done)
    return tell(done.error(), exit_failed);
  shown.finish();
  double load[1] = {0};
  getloadavg(load, 1);
  out.note(
      fmt::format("{}; the median of {}; other work took part of the machine (load {:.1f} at the "
                  "end): ratios of "
                  "one run are safer than its figures; of_floor: bytes of all tensors read a "
                  "second over what a "
                  "plain reading loop reaches.",
                  *path, o.quick ? 1 : 3, load[0]));
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
