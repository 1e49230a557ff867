#include "engine/language/network/model.hpp"

#include <cmath>
#include <exception>
#include <unordered_map>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/language/network/published.hpp"
#include "engine/language/network/weights.hpp"
#include "engine/transformer/background.hpp"
#include "engine/transformer/kv_cache.hpp"
#include "graph/core/assert.hpp"

namespace hocket::language {

language_model::language_model() = default;
language_model::~language_model() = default;

namespace {

/// By their names; the tensors outlive it.
tensor_source source_of(std::span<const stored_weights> tensors) {
  std::unordered_map<std::string, const stored_weights*> by_name;
  for (const auto& t : tensors) by_name[t.name] = &t;
  return [by_name = std::move(by_name)](const std::string& name) -> const stored_weights* {
    const auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : found->second;
  };
}

}  // namespace

result<void> language_model::check(const network_config& config,
                                   std::span<const stored_weights> tensors) {
  if (config.embedding_norm) {  // more layers than the config has would pass in silence
    std::vector<tensor_header> headers;
    for (const auto& t : tensors) headers.push_back({t.name, traits_of(t.type).name, t.shape});
    HOCKET_TRY(check_tensors(config, headers));
  }
  return check_weights(config, source_of(tensors));
}

result<std::shared_ptr<const language_model>> language_model::build(
    const network_config& config, std::span<const stored_weights> tensors, block_types blocks,
    const engine::division* by) {
  if (by && by->group && blocks != block_types::kept && blocks != block_types::rounded)
    return fail("model.unsupported", "a model that several processes hold together is not trained");
  HOCKET_TRY(check(config, tensors));
  const auto source = source_of(tensors);
  try {
    auto own = config;
    own.trunk.pages = true;
    own.trunk.bfloat16 = blocks == block_types::bfloat16;
    auto weights = read_weights(own, source, blocks);
    if (!weights) return fail(weights);
    if (by && by->group) {
      weights->peers = by->group;
      weights->trunk.divide(*by);
      engine::ops::divide(weights->head, *by);
    }
    std::shared_ptr<language_model> model(new language_model);
    model->config_ = std::move(own);
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
bool language_sequence::can_rewind(std::int64_t length) const {
  const auto& s = *state_;
  return length == s.length || (length >= 0 && length < s.length && s.memory.remembers(length));
}
bool language_sequence::rewind(std::int64_t length) {
  auto& s = *state_;
  if (!can_rewind(length)) return false;
  if (length == s.length) return true;
  s.memory.rewind(length);
  s.length = length;
  return true;
}
std::int64_t language_sequence::length() const { return state_->length; }
std::size_t language_sequence::memory_bytes() const { return state_->memory.bytes(); }
void language_sequence::visit_pages(
    const std::function<void(const void*, std::size_t)>& with) const {
  state_->memory.visit_pages(with);
}
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
                               const engine::matrix& head, engine::adapters_by_row adapters) {
  const auto logits = engine::ops::linear(states, head, adapters);
  std::vector<float> scores(logits.data_ptr<float>(), logits.data_ptr<float>() + logits.numel());
  if (config.logit_scale != 1)
    for (float& s : scores) s *= static_cast<float>(config.logit_scale);
  if (config.logit_softcap > 0) {
    const auto cap = static_cast<float>(config.logit_softcap);
    for (float& s : scores) s = cap * std::tanh(s / cap);
  }
  return scores;
}

namespace {

/// Scores of what each part wants. So many parts share a pass over the head, its widest matrix, as want
/// few rows: all scores of a pass are held twice.
std::vector<std::vector<float>> all_scores(std::span<const reading> parts,
                                           const engine::row_map& rows, const at::Tensor& states) {
  constexpr std::int64_t rows_at_once = 64;
  const auto& model = parts[0].sequence->model();
  std::vector<std::vector<float>> scores;
  std::int64_t row = 0;
  for (std::size_t i = 0; i < parts.size();) {
    std::vector<at::Tensor> wanted;
    std::vector<engine::adapter_rows> adapters;
    std::vector<std::int64_t> counts;
    for (std::int64_t all = 0; i < parts.size(); ++i) {
      const auto count = parts[i].which == scores_of::every ? rows.streams[i].count : 1;
      if (all > 0 && all + count > rows_at_once) break;
      const auto end = row + rows.streams[i].count;
      wanted.push_back(states.slice(0, end - count, end));
      counts.push_back(count);
      if (const auto* taken = parts[i].sequence->inner().adapter.get()) {
        if (!adapters.empty() && adapters.back().taken == taken && adapters.back().end == all)
          adapters.back().end += count;  // their products are one
        else
          adapters.push_back({all, all + count, taken});
      }
      all += count;
      row = end;
    }
    auto all = scores_from(wanted.size() == 1 ? wanted[0] : at::cat(wanted, 0), model.config(),
                           model.weights().head, adapters);
    if (counts.size() == 1) {
      scores.push_back(std::move(all));
      continue;
    }
    auto from = all.begin();
    for (const auto n : counts) {
      const auto to = from + n * model.config().vocabulary;
      scores.emplace_back(from, to);
      from = to;
    }
  }
  return scores;
}

}  // namespace

result<std::vector<std::vector<float>>> read_batch(std::span<const reading> parts,
                                                   engine::work_pool* helpers,
                                                   const std::stop_token* stop) {
  if (parts.empty()) return std::vector<std::vector<float>>();
  const auto& model = parts[0].sequence->model();
  for (const auto& p : parts) {
    HOCKET_ASSERT(&p.sequence->model() == &model);
    HOCKET_TRY(check(p.tokens, model.config()));
  }
  if (!helpers) helpers = parts[0].sequence->inner().helpers.get();
  try {
    c10::NoGradGuard no_grad;
    const engine::work_pool::watch under_way(helpers);
    // The others of a group would wait for a process that stops.
    const bool alone = !model.weights().peers;
    const engine::background_work background(&engine::turn_gate::of_process(), helpers,
                                             alone ? stop : nullptr);
    std::vector<std::int64_t> ids;
    engine::row_map rows;
    for (const auto& p : parts) {
      auto& s = p.sequence->inner();
      const auto count = static_cast<std::int64_t>(p.tokens.size());
      rows.streams.push_back({&s.memory, s.length, count});
      const auto row = static_cast<std::int64_t>(ids.size());
      auto& spans = rows.adapters;
      if (s.adapter && !spans.empty() && spans.back().taken == s.adapter.get() &&
          spans.back().end == row)
        spans.back().end += count;  // their products are one
      else if (s.adapter)
        spans.push_back({row, row + count, s.adapter.get()});
      ids.insert(ids.end(), p.tokens.begin(), p.tokens.end());
    }
    const auto& w = model.weights();
    const auto states = w.trunk.forward(embed(w, model.config(), ids), rows);
    auto scores = all_scores(parts, rows, states);
    for (const auto& p : parts) {
      auto& s = p.sequence->inner();
      s.length += static_cast<std::int64_t>(p.tokens.size());
      s.memory.forget_before(s.length);
    }
    return scores;
  } catch (const engine::work_cancelled&) {
    return fail("language.cancelled", "cancelled while reading");
  } catch (const c10::Error& e) {
    return fail("language.engine", e.what_without_backtrace());
  } catch (const std::exception& e) {  // out of memory: others may wait for this pass
    return fail("language.engine", e.what());
  }
}

result<std::vector<std::vector<float>>> append_batch(
    std::span<language_sequence* const> sequences,
    std::span<const std::span<const std::int32_t>> tokens, scores_of which) {
  HOCKET_ASSERT(sequences.size() == tokens.size());
  std::vector<reading> parts;
  for (std::size_t i = 0; i < sequences.size(); ++i)
    parts.push_back({sequences[i], tokens[i], which});
  return read_batch(parts);
}

}  // namespace hocket::language
