// hocket bench lora: training of adapters on a language model, and decoding through many of them.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "engine/language/network/open.hpp"
#include "engine/language/sampling/sampler.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/transformer/background.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;
namespace {

using shared_model = std::shared_ptr<const language::language_model>;
constexpr std::int64_t batch_tokens = 1024;

double seconds_since(std::chrono::steady_clock::time_point from) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
}

/// Sequences of random tokens that make a batch.
std::vector<lora::training_datum> batch_of(const language::language_model& model,
                                           std::int64_t length, std::int64_t tokens) {
  std::mt19937 random(1);
  std::vector<lora::training_datum> all(
      static_cast<std::size_t>(std::max<std::int64_t>(1, tokens / length)));
  for (auto& d : all) {
    lora::loss_input targets{{length}, {}};
    for (std::int64_t i = 0; i < length; ++i) {
      const auto token =
          static_cast<std::int32_t>(random() % static_cast<unsigned>(model.config().vocabulary));
      d.tokens.push_back(token), targets.values.push_back(token);
    }
    d.inputs["target_tokens"] = std::move(targets);
    d.inputs["weights"] = {{length}, std::vector<double>(static_cast<std::size_t>(length), 1.0)};
  }
  return all;
}

result<std::unique_ptr<lora::trainer>> new_trainer(const shared_model& model, int rank,
                                                   std::uint64_t seed) {
  lora::lora_config c;
  c.rank = rank;
  c.modules = lora::modules_of(lora::lora_parts{});
  return lora::trainer::create(model, std::move(c), seed);
}

/// Tokens per second of whole steps: forward, backward, AdamW. `kind`: before the names, "" or "fp32.".
result<void> time_training(const shared_model& model, const std::string& kind, std::int64_t length,
                           int rank, const bench_options& o, measures& out) {
  auto t = new_trainer(model, rank, 1);
  if (!t) return fail(t);
  const auto data = batch_of(*model, length, o.quick ? length : batch_tokens);
  std::int64_t tokens = 0;
  const auto begin = std::chrono::steady_clock::now();
  do {
    if (auto done = (*t)->forward_backward(lora::loss_config{}, data); !done) return fail(done);
    if (auto done = (*t)->step({}); !done) return fail(done);
    tokens += length * static_cast<std::int64_t>(data.size());
  } while (!o.quick && seconds_since(begin) < (o.seconds > 0 ? o.seconds : 20));
  out.add(fmt::format("lora.{}tokens_per_s.{}.rank{}", kind, length, rank),
          static_cast<double>(tokens) / seconds_since(begin), "1/s", tokens);
  const auto again = std::chrono::steady_clock::now();
  if (auto done = (*t)->forward(lora::loss_config{}, data); !done) return fail(done);
  const auto n = length * static_cast<std::int64_t>(data.size());
  out.add(fmt::format("lora.{}forward_tokens_per_s.{}.rank{}", kind, length, rank),
          static_cast<double>(n) / seconds_since(again), "1/s", n);
  return {};
}

/// 1 where sampling and the training forward give the same bits for one sequence.
result<void> compare_bits(const shared_model& model, const std::string& kind, measures& out) {
  auto t = new_trainer(model, 8, 2);
  if (!t) return fail(t);
  const auto data = batch_of(*model, 24, 24);
  if (auto done = (*t)->forward_backward(lora::loss_config{}, data); !done) return fail(done);
  if (auto done = (*t)->step({.learning_rate = 1e-2}); !done) return fail(done);
  const auto trained = (*t)->forward_backward(lora::loss_config{}, data);
  if (!trained) return fail(trained);
  language::language_sequence s(model, (*t)->snapshot());
  std::int64_t same = 0;
  for (std::size_t i = 0; i < 24; ++i) {
    const auto scores = s.append({&data[0].tokens[i], 1});
    if (!scores) return fail(scores);
    const auto target = static_cast<std::int32_t>(data[0].inputs.at("target_tokens").values[i]);
    same += static_cast<float>(language::logprob_of(*scores, target)) == trained->logprobs[0][i];
  }
  out.add(fmt::format("lora.{}same_bits", kind), same == 24 ? 1 : 0, "", 24, 1, goal::at_least);
  return {};
}

/// Seconds for a token of each of 32 sequences, through these adapters.
result<double> time_decoding(const shared_model& model,
                             const std::vector<lora::adapter_handle>& adapters, int steps) {
  std::vector<language::language_sequence> all;
  for (const auto& a : adapters) all.emplace_back(model, a);
  std::vector<language::language_sequence*> batch;
  for (auto& s : all) batch.push_back(&s);
  const std::int32_t token = 5;
  const std::vector<std::span<const std::int32_t>> tokens(all.size(), std::span(&token, 1));
  double best = 1e9;
  for (int i = 0; i < steps; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (auto done = language::append_batch(batch, tokens, language::scores_of::last); !done)
      return fail(done);
    best = std::min(best, seconds_since(begin));
  }
  return best;
}

result<void> compare_decoding(const shared_model& model, bool quick, measures& out) {
  constexpr int count = 32;
  std::vector<lora::adapter_handle> adapters, none(count);
  auto t = new_trainer(model, 8, 1);
  if (!t) return fail(t);
  // Before a first step, half of an adapter is zeros, which are read faster.
  if (auto done = (*t)->forward_backward(lora::loss_config{}, batch_of(*model, 8, 8)); !done)
    return fail(done);
  if (auto done = (*t)->step({}); !done) return fail(done);
  const auto files = (*t)->files();
  for (int i = 0; i < count; ++i) {
    auto own = lora::open_adapter(*model, files);
    if (!own) return fail(own);
    adapters.push_back(std::move(*own));
  }
  const int steps = quick ? 2 : 12;
  const auto without = time_decoding(model, none, steps),
             with = time_decoding(model, adapters, steps);
  if (!without) return fail(without);
  if (!with) return fail(with);
  out.add("lora.decode32_ms", *without * 1e3, "ms", steps);
  out.add("lora.adapters32.decode_ratio", *with / *without, "ratio", steps, 1.25, goal::at_most);
  return {};
}

/// All measures with the weights in bfloat16, then a few with them in fp32.
result<void> all_of_lora(const bench_options& o, progress& shown, measures& out) {
  engine::work_pool helpers(std::min(2, static_cast<int>(std::thread::hardware_concurrency())));
  const engine::background_work divides(&engine::turn_gate::of_process(), &helpers);
  const engine::work_pool::watch awake(&helpers);
  {
    const auto model =
        language::open_language_model(o.language_model, 1024, language::block_types::bfloat16);
    if (!model) return fail(model);
    HOCKET_TRY(compare_bits(*model, "", out));
    for (const std::int64_t length : {128, 512})
      for (const int rank : {8, 32}) {
        shown.next(fmt::format("lora: sequences of {}, rank {}", length, rank));
        HOCKET_TRY(time_training(*model, "", length, rank, o, out));
      }
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    out.add("lora.peak_mib", static_cast<double>(used.ru_maxrss) / 1024, "MiB", 1);
    shown.next("lora: 32 adapters in one batch");
    HOCKET_TRY(compare_decoding(*model, o.quick, out));
  }
  shown.next("lora: in fp32");
  const auto model =
      language::open_language_model(o.language_model, 1024, language::block_types::widened);
  if (!model) return fail(model);
  HOCKET_TRY(compare_bits(*model, "fp32.", out));
  return time_training(*model, "fp32.", 128, 8, o, out);
}

}  // namespace

int run_bench_lora(const bench_options& o) {
  if (o.language_model.empty())
    return tell({"bench.no_model", "bench lora needs --language-model: a folder or a GGUF file"},
                exit_bad_input);
  progress shown(o.json, 0, "lora: loading " + o.language_model);
  measures out;
  if (auto done = all_of_lora(o, shown, out); !done) {
    const bool is_input = done.error().code.starts_with("model");
    return tell(done.error(), is_input ? exit_bad_input : exit_failed);
  }
  out.note(
      "adapters on all linear layers and the head, AdamW, batches of 1024 tokens; weights in "
      "bfloat16 "
      "with fp32 sums, fp32.*: in fp32; the training forward gives the bits of sampling. Decoding: "
      "the "
      "best of some steps, 32 sequences of one token each, without and with an adapter of rank 8 "
      "of "
      "its own");
  shown.finish();
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
