#include "engine/language/network/model.hpp"

#include <cmath>
#include <unordered_map>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/language/network/weights.hpp"
#include "engine/transformer/background.hpp"
#include "engine/transformer/kv_cache.hpp"
#include "graph/core/assert.hpp"

namespace hocket::language {

language_model::language_model() = default;
language_model::~language_model() = default;

result<std::shared_ptr<const language_model>> language_model::build(
    const network_config& config, std::span<const stored_weights> tensors, block_types blocks) {
  std::unordered_map<std::string, const stored_weights*> by_name;
  for (const auto& t : tensors) by_name[t.name] = &t;
  const auto source = [&](const std::string& name) -> const stored_weights* {
    const auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : found->second;
  };
  try {
    auto weights = read_weights(config, source, blocks);
    if (!weights) return fail(weights);
    std::shared_ptr<language_model> model(new language_model);
    model->config_ = config;
    model->weights_ = std::make_unique<network_weights>(std::move(*weights));
    return std::shared_ptr<const language_model>(std::move(model));
  } catch (const c10::Error& e) {
    return fail("model.engine", e.what_without_backtrace());
  }
}

struct language_sequence::state {
  state(std::shared_ptr<const language_model> m, std::shared_ptr<const engine::adapter> a)
      : model(std::move(m)), adapter(std::move(a)), memory(model->config().trunk) {}

  std::shared_ptr<const language_model> model;
  std::shared_ptr<const engine::adapter> adapter;
  std::int64_t length = 0;
  engine::kv_cache memory;
  std::shared_ptr<engine::work_pool> helpers;
};

language_sequence::language_sequence(std::shared_ptr<const language_model> model,
                                     std::shared_ptr<const engine::adapter> adapter)
    : state_(std::make_unique<state>(std::move(model), std::move(adapter))) {}
language_sequence::language_sequence(std::unique_ptr<state> state) : state_(std::move(state)) {}
language_sequence::~language_sequence() = default;
language_sequence::language_sequence(language_sequence&&) noexcept = default;
language_sequence& language_sequence::operator=(language_sequence&&) noexcept = default;

language_sequence language_sequence::fork() const {
  return language_sequence(std::make_unique<state>(*state_));
}
void language_sequence::help_with(std::shared_ptr<engine::work_pool> helpers) {
  state_->helpers = std::move(helpers);
}
bool language_sequence::rewind(std::int64_t length) {
  auto& s = *state_;
  if (length < 0 || length > s.length) return false;
  if (length == s.length) return true;
  // A ring that has gone round holds later positions where earlier ones are wanted again.
  for (int i = 0; i < s.memory.layers(); ++i)
    if (s.length > s.memory.ring(i).capacity) return false;
  s.length = length;
  return true;
}
std::int64_t language_sequence::length() const { return state_->length; }
std::size_t language_sequence::memory_bytes() const { return state_->memory.bytes(); }
const language_model& language_sequence::model() const { return *state_->model; }

result<std::vector<float>> language_sequence::append(std::span<const std::int32_t> tokens) {
  language_sequence* self = this;
  auto scores = append_batch({&self, 1}, {&tokens, 1}, scores_of::last);
  if (!scores) return fail(scores);
  return std::move((*scores)[0]);
}

namespace {

result<void> check(std::span<const std::int32_t> tokens, const network_config& config) {
  if (tokens.empty()) return fail("language.bad_input", "no token to read");
  for (const auto t : tokens)
    if (t < 0 || t >= config.vocabulary)
      return fail("language.bad_input", "token " + std::to_string(t) + ": the vocabulary has " +
                                            std::to_string(config.vocabulary));
  return {};
}

}  // namespace

std::vector<float> scores_from(const at::Tensor& states, const network_config& config,
                               const engine::matrix& head, const engine::adapter* taken) {
  std::vector<engine::adapter_rows> rows;
  if (taken) rows.push_back({0, states.size(0), taken});
  const auto logits = engine::ops::linear(states, head, rows);
  std::vector<float> scores(logits.data_ptr<float>(), logits.data_ptr<float>() + logits.numel());
  if (config.logit_softcap > 0) {
    const auto cap = static_cast<float>(config.logit_softcap);
    for (float& s : scores) s = cap * std::tanh(s / cap);
  }
  return scores;
}

result<std::vector<std::vector<float>>> append_batch(
    std::span<language_sequence* const> sequences,
    std::span<const std::span<const std::int32_t>> tokens, scores_of which) {
  HOCKET_ASSERT(sequences.size() == tokens.size());
  std::vector<std::vector<float>> scores;
  if (sequences.empty()) return scores;
  const auto& model = sequences[0]->model();
  const auto& config = model.config();
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    HOCKET_ASSERT(&sequences[i]->model() == &model);
    HOCKET_TRY(check(tokens[i], config));
  }
  try {
    c10::NoGradGuard no_grad;
    const engine::background_work background(&engine::turn_gate::of_process(),
                                             sequences[0]->inner().helpers.get());
    std::vector<std::int64_t> ids;
    engine::row_map rows;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      auto& s = sequences[i]->inner();
      const auto count = static_cast<std::int64_t>(tokens[i].size());
      rows.streams.push_back({&s.memory, s.length, count});
      const auto row = static_cast<std::int64_t>(ids.size());
      if (s.adapter) rows.adapters.push_back({row, row + count, s.adapter.get()});
      ids.insert(ids.end(), tokens[i].begin(), tokens[i].end());
      s.length += count;
    }
    const auto& w = model.weights();
    auto x = at::embedding(w.table, at::tensor(ids, at::kLong));
    if (config.embedding_scale != 1) x = x * config.embedding_scale;
    const auto states = w.trunk.forward(x, rows);
    std::int64_t row = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const std::int64_t end = row + rows.streams[i].count;
      const auto wanted = states.slice(0, which == scores_of::every ? row : end - 1, end);
      const auto* taken = sequences[i]->inner().adapter.get();
      scores.push_back(scores_from(wanted, config, w.head, taken));
      row = end;
    }
    return scores;
  } catch (const c10::Error& e) {
    return fail("language.engine", e.what_without_backtrace());
  }
}

}  // namespace hocket::language
