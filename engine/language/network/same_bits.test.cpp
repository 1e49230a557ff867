// For every type of weights: scores are the same bits whatever the batch, the cut of a prompt, a reused
// beginning, the number of threads.
#include <algorithm>

#include "engine/language/network/random_model.test.hpp"
#include "engine/transformer/background.hpp"

using namespace hocket::language;
using tokens = std::vector<std::int32_t>;

namespace {

constexpr int vocabulary = random_model::vocabulary;

using scores = std::vector<float>;

scores read(language_sequence& s, const tokens& ids, hocket::engine::work_pool* pool = nullptr) {
  const reading part{&s, ids};
  auto out = read_batch({&part, 1}, pool);
  REQUIRE_MESSAGE(out, out.error().message);
  return (*out)[0];
}

tokens some(std::size_t n, unsigned seed) { return random_model::some(n, seed); }

void check_all_ways(const std::shared_ptr<const language_model>& model) {
  const auto ids = some(70, 5);
  language_sequence whole(model);
  const reading all{&whole, ids, scores_of::every};
  auto every = read_batch({&all, 1});
  REQUIRE(every);
  const auto after = [&](std::size_t n) {  // scores after n tokens
    const auto from = (*every)[0].begin() + static_cast<std::ptrdiff_t>((n - 1) * vocabulary);
    return scores(from, from + vocabulary);
  };
  for (const float s : after(70)) REQUIRE(std::isfinite(s));
  // Prompts cut otherwise, and token by token, with one, two and three threads.
  for (const int threads : {1, 2, 3})
    for (const std::size_t cut : {1, 3, 32}) {
      CAPTURE(threads);
      CAPTURE(cut);
      hocket::engine::work_pool pool(threads);
      language_sequence s(model);
      for (std::size_t at = 0; at < ids.size(); at += cut) {
        const auto n = std::min(cut, ids.size() - at);
        const tokens part(ids.begin() + static_cast<std::ptrdiff_t>(at),
                          ids.begin() + static_cast<std::ptrdiff_t>(at + n));
        CHECK(read(s, part, &pool) == after(at + n));
      }
    }
  // Batches of 1, 4 and 16 sequences that have read different beginnings.
  for (const std::size_t batch : {1, 4, 16}) {
    CAPTURE(batch);
    hocket::engine::work_pool pool(2);
    std::vector<language_sequence> sequences;
    std::vector<tokens> own;
    for (std::size_t b = 0; b < batch; ++b) {
      sequences.emplace_back(model);
      own.push_back(b % 2 == 0 ? ids : some(70, static_cast<unsigned>(b)));
    }
    for (std::size_t at = 0; at < 12; ++at) {
      std::vector<reading> parts;
      for (std::size_t b = 0; b < batch; ++b) parts.push_back({&sequences[b], {&own[b][at], 1}});
      const auto out = read_batch(parts, &pool);
      REQUIRE(out);
      for (std::size_t b = 0; b < batch; b += 2) CHECK((*out)[b] == after(at + 1));
    }
  }
  // A beginning that is reused: forked, gone back, after something else.
  const tokens beginning(ids.begin(), ids.begin() + 37), rest(ids.begin() + 37, ids.end());
  language_sequence first(model);
  read(first, beginning);
  auto fork = first.fork();
  read(first, some(20, 8));
  CHECK(read(fork, rest) == after(70));
  REQUIRE(first.rewind(37));
  CHECK(read(first, rest) == after(70));
}

}  // namespace

TEST_CASE("every type of weights: the same bits for any batch, cut, reused beginning, threads") {
  for (const auto type :
       {tensor_type::f32, tensor_type::f16, tensor_type::bf16, tensor_type::q8_0, tensor_type::q4_0,
        tensor_type::q4_1, tensor_type::q5_0, tensor_type::q5_1, tensor_type::q4_k,
        tensor_type::q5_k, tensor_type::q6_k, tensor_type::mxfp4}) {
    CAPTURE(traits_of(type).name);
    for (const auto blocks : {block_types::kept, block_types::rounded, block_types::widened}) {
      if (blocks == block_types::rounded && type != tensor_type::bf16) continue;
      check_all_ways(random_model(type, type, type == tensor_type::q4_1, blocks).model);
    }
  }
}

TEST_CASE("matrices of several block types in one layer keep each its own") {
  const random_model mixed(tensor_type::q4_k, tensor_type::q6_k, true);
  check_all_ways(mixed.model);
  const random_model again(tensor_type::q4_k, tensor_type::q6_k, false);
  check_all_ways(again.model);
}

TEST_CASE("forks share what they remember") {
  const random_model m(tensor_type::q8_0, tensor_type::q8_0, true);
  language_sequence s(m.model);
  read(s, some(40, 1));
  auto fork = s.fork();
  const auto count = [](const language_sequence& of, auto& pages) {
    of.visit_pages([&](const void* page, std::size_t) { pages.push_back(page); });
  };
  std::vector<const void*> a, b;
  count(s, a), count(fork, b);
  CHECK(a == b);
  read(fork, some(1, 2));  // within the third page of each layer
  b.clear();
  count(fork, b);
  CHECK(std::count_if(b.begin(), b.end(), [&](const void* p) {
          return std::find(a.begin(), a.end(), p) == a.end();
        }) == 2);
}

TEST_CASE("a pass that is given up leaves its sequences as they were") {
  const random_model m(tensor_type::q4_0, tensor_type::q4_0, false);
  const auto ids = some(50, 4);
  language_sequence wanted(m.model), s(m.model);
  const auto want = read(wanted, ids);
  const tokens beginning(ids.begin(), ids.begin() + 20), rest(ids.begin() + 20, ids.end());
  read(s, beginning);
  std::stop_source stop;
  stop.request_stop();
  const auto token = stop.get_token();
  const tokens other = some(9, 77);
  const reading part{&s, other};
  const auto given_up = read_batch({&part, 1}, nullptr, &token);
  REQUIRE(!given_up);
  CHECK(given_up.error().code == "language.cancelled");
  CHECK(s.length() == 20);
  CHECK(read(s, rest) == want);
}
