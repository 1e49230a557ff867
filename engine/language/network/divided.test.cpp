// Models that several processes hold together: the bits of one process, for every family and every type of
// weights. Threads stand in for processes here; `hocket bench parallel` has processes.
#include <atomic>
#include <functional>
#include <random>
#include <thread>

#include "engine/language/network/random_model.test.hpp"
#include "engine/parallel/shared_memory_group.hpp"
#include "engine/transformer/divided.hpp"

using namespace hocket;
using namespace hocket::language;

namespace {

using model_pointer = std::shared_ptr<const language_model>;
using build_model = std::function<result<model_pointer>(const engine::division*)>;

/// Prompts that are cut, a fork, a way back, a batch: all scores on the way.
result<std::vector<std::vector<float>>> talk(const model_pointer& model,
                                             const std::vector<std::int32_t>& ids) {
  std::vector<std::vector<float>> said;
  const auto keep = [&](std::span<const reading> parts) -> result<void> {
    auto scores = read_batch(parts);
    if (!scores) return fail(scores);
    for (auto& s : *scores) said.push_back(std::move(s));
    return {};
  };
  const std::span<const std::int32_t> all(ids);
  language_sequence a(model), b(model);
  const reading whole{&a, all.subspan(0, 20), scores_of::every};
  HOCKET_TRY(keep({&whole, 1}));
  const reading cut[] = {{&a, all.subspan(20, 3)}, {&b, all.subspan(5, 9)}};
  HOCKET_TRY(keep(cut));
  auto fork = a.fork();
  for (std::size_t i = 23; i < 30; ++i) {
    const reading steps[] = {{&a, all.subspan(i, 1)}, {&fork, all.subspan(40 - i, 1)}};
    HOCKET_TRY(keep(steps));
  }
  if (a.can_rewind(25)) {
    a.rewind(25);
    const reading again{&a, all.subspan(25, 5)};
    HOCKET_TRY(keep({&again, 1}));
  }
  return said;
}

/// The same by each process of a group of `size`.
void check_divided(const build_model& build, const std::vector<std::int32_t>& ids, int size,
                   std::int64_t least_rows) {
  const auto alone = build(nullptr);
  REQUIRE_MESSAGE(alone, alone.error().message);
  const auto wanted = talk(*alone, ids);
  REQUIRE_MESSAGE(wanted, wanted.error().message);
  auto group = engine::shared_memory_group::create(size);
  REQUIRE(group);
  const int descriptor = (*group)->descriptor();
  std::atomic<int> same{0};
  std::mutex mutex;
  std::string wrong;
  std::vector<std::thread> processes;
  for (int rank = 0; rank < size; ++rank)
    processes.emplace_back([&, rank] {
      auto own =
          rank == 0 ? std::move(*group) : *engine::shared_memory_group::join(descriptor, rank);
      auto* const counted = own.get();
      const engine::division by{std::move(own), least_rows};
      const auto model = build(&by);
      const auto said = model ? talk(*model, ids) : fail(model);
      const std::lock_guard lock(mutex);
      if (!said)
        wrong += std::to_string(rank) + ": " + said.error().message + "; ";
      else if (*said != *wanted)
        wrong += std::to_string(rank) + ": other bits; ";
      else if (counted->given_bytes() == 0)
        wrong += std::to_string(rank) + ": gave nothing to the others; ";
      else
        ++same;
    });
  for (auto& p : processes) p.join();
  CHECK(wrong == "");
  CHECK(same == size);
}

}  // namespace

TEST_CASE("a divided model of every family has the scores of a whole one, bit by bit") {
  for (const char* family : {"llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "gpt_oss",
                             "gpt_oss_mxfp4", "deepseek_v3", "nemotron", "gemma3_text", "inkling",
                             "inkling2", "inkling2_mini", "nemotron_h"})
    for (const int size : {2, 3}) {
      CAPTURE(family);
      CAPTURE(size);
      const auto file = safetensors_set::open(HOCKET_SOURCE_DIR "/engine/language/network/parity/" +
                                              std::string(family) + ".safetensors");
      REQUIRE(file);
      const auto config = read_network_config(file->metadata().at("config"));
      REQUIRE(config);
      auto tensors = file->tensors();
      std::erase_if(tensors, [](const auto& t) { return t.name.starts_with("parity."); });
      std::vector<std::int32_t> ids(40);
      std::mt19937 random(3);
      for (auto& id : ids) id = static_cast<std::int32_t>(random() % config->vocabulary);
      // Tiny matrices, too: one process has them, the others ask.
      check_divided(
          [&](const engine::division* by) {
            return language_model::build(*config, tensors, block_types::kept, by);
          },
          ids, size, 1);
    }
}

TEST_CASE("every type of weights is divided by whole tiles, several types in one matrix, too") {
  using type = tensor_type;
  const std::pair<type, type> types[] = {{type::f32, type::f32},   {type::bf16, type::bf16},
                                         {type::q8_0, type::q8_0}, {type::q4_1, type::q4_1},
                                         {type::q4_k, type::q6_k}, {type::mxfp4, type::mxfp4}};
  for (const auto& [kind, values] : types)
    for (const bool tied : {false, true}) {
      CAPTURE(traits_of(kind).name);
      CAPTURE(tied);
      const random_model m(kind, values, tied);
      for (const int size : {2, 3})
        check_divided([&](const engine::division* by) { return m.built(by); },
                      random_model::some(40, 5), size, 128);
    }
}

TEST_CASE("a group that loses a process says so, and such a model is not trained") {
  const random_model m(tensor_type::q4_1, tensor_type::q4_1, true);
  auto group = engine::shared_memory_group::create(2);
  REQUIRE(group);
  {
    const auto other = engine::shared_memory_group::join((*group)->descriptor(), 1);
    REQUIRE(other);
  }
  const engine::division by{std::move(*group)};
  const auto model = m.built(&by);
  REQUIRE(model);
  language_sequence s(*model);
  const auto lost = s.append(random_model::some(3, 1));
  REQUIRE(!lost);
  CHECK(lost.error().code == "language.engine");
  CHECK(lost.error().message == "process 1 of the 2 that hold this model has left");
  const auto trained = m.built(&by, block_types::widened);
  REQUIRE(!trained);
  CHECK(trained.error().code == "model.unsupported");
}
