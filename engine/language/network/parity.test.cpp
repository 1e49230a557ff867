// Families of language models against Hugging Face transformers, and the same bits for any cut and
// any batch. The fixtures are made by parity/make_fixtures.py.
#include <cmath>
#include <filesystem>
#include <random>

#include "engine/language/files/safetensors.hpp"
#include "engine/language/network/model.hpp"
#include "tests/support/larger.hpp"

#include <doctest/doctest.h>

using namespace hocket::language;

namespace {

const std::string families[] = {
    "llama",    "mistral",     "qwen2",   "qwen3",    "qwen3_moe",     "gpt_oss",   "deepseek_v3",
    "nemotron", "gemma3_text", "inkling", "inkling2", "inkling2_mini", "nemotron_h"};

struct fixture {
  std::shared_ptr<const language_model> model;
  std::vector<std::int32_t> tokens;
  std::vector<float> logits;  ///< [tokens, vocabulary]
};

template <class T>
std::vector<T> numbers(const stored_weights& w) {
  const auto* from = reinterpret_cast<const T*>(w.bytes.data());
  return {from, from + w.bytes.size() / sizeof(T)};
}

fixture load(const std::string& family) {
  const auto file = safetensors_set::open(HOCKET_SOURCE_DIR "/engine/language/network/parity/" +
                                          family + ".safetensors");
  REQUIRE(file);
  const auto config = read_network_config(file->metadata().at("config"));
  REQUIRE_MESSAGE(config, config.error().message);
  fixture f;
  auto weights = file->tensors();
  std::erase_if(weights, [&](const stored_weights& t) {
    if (t.name == "parity.tokens") f.tokens = numbers<std::int32_t>(t);
    if (t.name == "parity.logits") f.logits = numbers<float>(t);
    return t.name.starts_with("parity.");
  });
  REQUIRE(f.tokens.size() == 40);
  const auto model = language_model::build(*config, weights);
  REQUIRE_MESSAGE(model, model.error().message);
  f.model = *model;
  return f;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = hocket::testing::larger(worst, std::abs(static_cast<double>(a[i]) - b[i]));
  return worst;
}

std::vector<float> whole_prompt(const fixture& f) {
  language_sequence s(f.model);
  language_sequence* pointer = &s;
  const std::span<const std::int32_t> tokens(f.tokens);
  auto scores = append_batch({&pointer, 1}, {&tokens, 1}, scores_of::every);
  REQUIRE(scores);
  return (*scores)[0];
}

}  // namespace

TEST_CASE("every family's logits are those of an independent implementation") {
  for (const auto& family : families) {
    CAPTURE(family);
    const auto f = load(family);
    const auto whole = whole_prompt(f);
    const double error = largest_difference(whole, f.logits);
    MESSAGE("parity." << family << ".max_abs " << error);
    CHECK(error < 1e-4);
    language_sequence s(f.model);  // step by step, with what it remembers
    std::vector<float> steps;
    for (const auto token : f.tokens) {
      const auto scores = s.append({&token, 1});
      REQUIRE(scores);
      steps.insert(steps.end(), scores->begin(), scores->end());
    }
    CHECK(steps == whole);  // bit by bit
  }
}

TEST_CASE("scores depend on the sequence alone: any cut, any batch, forked or not") {
  for (const auto& family : families) {
    CAPTURE(family);
    const auto f = load(family);
    const auto whole = whole_prompt(f);
    const std::size_t vocabulary = f.model->config().vocabulary;
    // Three sequences of the same tokens, each cut differently, and one that branches off.
    std::mt19937 random(5);
    std::vector<language_sequence> all;
    for (int i = 0; i < 3; ++i) all.emplace_back(f.model);
    bool forked = false;
    for (;;) {
      std::vector<language_sequence*> batch;
      std::vector<std::span<const std::int32_t>> parts;
      for (auto& s : all) {
        const auto at = static_cast<std::size_t>(s.length());
        const std::size_t count = std::min<std::size_t>(f.tokens.size() - at, random() % 7);
        if (count == 0) continue;
        batch.push_back(&s);
        parts.push_back(std::span(f.tokens).subspan(at, count));
      }
      if (batch.empty()) {
        bool done = true;
        for (const auto& s : all) done &= s.length() == 40;
        if (done) break;
        continue;
      }
      const auto scores = append_batch(batch, parts, scores_of::last);
      REQUIRE(scores);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto row = static_cast<std::size_t>(batch[i]->length() - 1) * vocabulary;
        CHECK(std::equal((*scores)[i].begin(), (*scores)[i].end(), whole.begin() + row));
      }
      if (!forked && all[0].length() > 15) all.push_back(all[0].fork()), forked = true;
    }
    CHECK(forked);
  }
}

TEST_CASE("tokens outside the vocabulary change nothing and are named") {
  const auto f = load("llama");
  language_sequence s(f.model);
  const std::vector<std::int32_t> bad{3, 96};
  CHECK(s.append(bad).error().message == "token 96: the vocabulary has 96");
  CHECK(s.append({}).error().code == "language.bad_input");
  CHECK(s.length() == 0);
  CHECK(s.append(std::vector<std::int32_t>{3}));
}
