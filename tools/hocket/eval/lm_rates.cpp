#include "tools/hocket/eval/lm_rates.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <numeric>
#include <thread>

#include <fmt/format.h>

#include "engine/language/files/gguf.hpp"
#include "engine/transformer/background.hpp"
#include "engine/transformer/simd.hpp"
#include "engine/transformer/weight_memory.hpp"

namespace hocket::cli {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::size_t chunk = 64;  // as language::generation reads a prompt

double seconds_since(clock::time_point from) {
  return std::chrono::duration<double>(clock::now() - from).count();
}

/// Tokens that are no text; any will do for times.
std::vector<std::int32_t> some_tokens(std::size_t n, int vocabulary) {
  std::vector<std::int32_t> out(n);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = static_cast<std::int32_t>((i * 7919 + 17) % static_cast<std::size_t>(vocabulary));
  return out;
}

}  // namespace

std::string lm_cell::name(int threads) const {
  return fmt::format("{}.t{}.b{}{}", decode ? "decode" : "prompt", threads, batch,
                     context == 128 ? "" : fmt::format(".c{}", context));
}

lm_rates::lm_rates(std::shared_ptr<const language::language_model> model, int threads)
    : model_(std::move(model)),
      pool_(threads > 1 ? std::make_shared<engine::work_pool>(threads) : nullptr) {}

result<void> lm_rates::read(std::vector<language::language_sequence>& all,
                            std::size_t tokens) const {
  const auto ids = some_tokens(tokens, model_->config().vocabulary);
  const auto part = std::max<std::size_t>(1, chunk / all.size());
  for (std::size_t at = 0; at < tokens; at += part) {
    std::vector<language::reading> parts;
    for (auto& s : all)
      parts.push_back({&s, std::span(ids).subspan(at, std::min(part, tokens - at))});
    if (const auto scores = language::read_batch(parts, pool_.get()); !scores) return fail(scores);
  }
  return {};
}

result<double> lm_rates::prompt_rate(const lm_cell& cell) {
  std::vector<language::language_sequence> all;
  for (std::size_t b = 0; b < cell.batch; ++b) all.emplace_back(model_);
  const auto began = clock::now();
  HOCKET_TRY(read(all, cell.context));
  const double took = seconds_since(began);
  look_at_memory(cell);
  return static_cast<double>(cell.context * cell.batch) / took;
}

result<double> lm_rates::decode_rate(const lm_cell& cell, std::size_t said) {
  if (!before_ || before_->length() != static_cast<std::int64_t>(cell.context)) {
    std::vector<language::language_sequence> one;
    one.emplace_back(model_);
    HOCKET_TRY(read(one, cell.context));
    before_ = std::make_shared<language::language_sequence>(std::move(one[0]));
  }
  std::vector<language::language_sequence> all;
  for (std::size_t b = 0; b < cell.batch; ++b) all.push_back(before_->fork());
  const std::vector<std::int32_t> ids{5};
  std::vector<language::reading> parts;
  for (auto& s : all) parts.push_back({&s, ids});
  const auto began = clock::now();
  for (std::size_t t = 0; t < said; ++t)
    if (const auto scores = language::read_batch(parts, pool_.get()); !scores) return fail(scores);
  const double took = seconds_since(began);
  look_at_memory(cell);
  return static_cast<double>(said * cell.batch) / took;
}

void lm_rates::look_at_memory(const lm_cell& cell) {
  if (cell.batch == 1) most_resident_mib_ = std::max(most_resident_mib_, resident_mib());
}

double resident_mib() {
  malloc_trim(0);
  double pages = 0, ignored = 0;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%lf %lf", &ignored, &pages) != 2) pages = 0;
    std::fclose(f);
  }
  return pages * 4096 / 1048576;
}

result<double> lm_rates::rate(const lm_cell& cell, std::size_t said) {
  return cell.decode ? decode_rate(cell, said) : prompt_rate(cell);
}

namespace {

/// Sums `count` numbers in `Streams` parts that are read side by side.
template <int Streams>
__attribute__((always_inline)) inline std::uint64_t sum_streams(const std::uint64_t* from,
                                                                std::size_t count) {
  typedef std::uint64_t wide __attribute__((vector_size(64)));
  const auto part = count / Streams / 32 * 32;
  wide sum[4] = {};
  for (std::size_t i = 0; i < part; i += 32)
#pragma GCC unroll 8
    for (int s = 0; s < Streams; ++s)
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        wide v;
        std::memcpy(&v, from + static_cast<std::size_t>(s) * part + i + 8 * k, sizeof v);
        sum[k] += v;
      }
  const wide all = sum[0] + sum[1] + sum[2] + sum[3];
  return all[0] + all[1] + all[2] + all[3] + all[4] + all[5] + all[6] + all[7];
}

HOCKET_CLONES std::uint64_t sum_of(const std::uint64_t* from, std::size_t count, int streams) {
  switch (streams) {
    case 1: return sum_streams<1>(from, count);
    case 2: return sum_streams<2>(from, count);
    default: return sum_streams<4>(from, count);
  }
}

}  // namespace

double read_bandwidth(int threads) {
  const std::size_t bytes = 256u << 20, count = bytes / sizeof(std::uint64_t);
  const auto memory = engine::weight_memory(bytes);
  auto* const numbers = reinterpret_cast<std::uint64_t*>(memory.get());
  std::fill_n(numbers, count, 1);
  double best = 0;
  for (int again = 0; again < 12; ++again) {
    std::vector<std::uint64_t> sums(static_cast<std::size_t>(threads) * 8);
    std::vector<std::thread> all;
    const auto began = clock::now();
    for (int t = 0; t < threads; ++t)
      all.emplace_back([&, t] {
        const auto part = count / static_cast<std::size_t>(threads);
        sums[static_cast<std::size_t>(t) * 8] =
            sum_of(numbers + static_cast<std::size_t>(t) * part, part, 1 << again % 3);
      });
    for (auto& t : all) t.join();
    const double took = seconds_since(began);
    const auto sum = std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
    if (sum > 0) best = std::max(best, static_cast<double>(bytes) / 1e9 / took);
  }
  return best;
}

lm_file describe_lm(const std::string& path) {
  const auto file = language::gguf_file::open(path);
  if (!file) return {"folder", 0, 0};
  std::map<std::string, std::size_t> by_type;
  lm_file out{"none", 0, 0};
  double inputs = 0;
  bool own_outputs = false;
  for (const auto& t : file->tensors()) {
    out.bytes += static_cast<double>(t.bytes.size());
    if (t.name == "token_embd.weight") inputs = static_cast<double>(t.bytes.size());
    if (t.name == "output.weight") own_outputs = true;
    if (t.name.starts_with("blk.")) by_type[language::traits_of(t.type).name] += t.bytes.size();
  }
  out.read = own_outputs ? out.bytes - inputs : out.bytes;
  if (by_type.empty()) return out;
  out.type = std::max_element(by_type.begin(), by_type.end(), [](const auto& a, const auto& b) {
               return a.second < b.second;
             })->first;
  std::transform(out.type.begin(), out.type.end(), out.type.begin(), ::tolower);
  return out;
}

}  // namespace hocket::cli
