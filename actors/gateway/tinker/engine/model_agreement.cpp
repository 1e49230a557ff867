#include <fmt/format.h>

#include "actors/gateway/tinker/engine/linked_engines.hpp"

namespace hocket::tinker {

std::optional<error> model_agreement::described(const std::string& who,
                                                const worker_identity& it) const {
  if (it.context != context_)
    return error{
        "tinker.other_model",
        fmt::format("{} reads {} tokens and the gateway promises {}: give both the same `context`",
                    who, it.context, context_)};
  if (it.vocabulary != vocabulary_)
    return error{
        "tinker.other_model",
        fmt::format(
            "{} knows {} tokens and the gateway's files name {}: give both the same `model`", who,
            it.vocabulary, vocabulary_)};
  return std::nullopt;
}

std::optional<error> model_agreement::trainer_is(const worker_identity& it) {
  auto no = described("the trainer", it);
  if (no) return no;
  const std::lock_guard lock(mutex_);
  trainer_ = it;
  return std::nullopt;
}

std::optional<error> model_agreement::sampler_is(const worker_identity& it) const {
  auto no = described("the sampler", it);
  if (no) return no;
  const std::lock_guard lock(mutex_);
  if (!trainer_)
    return error{"tinker.unreachable",
                 "the sampler's model cannot be compared: the trainer has not told its own yet"};
  if (it.model_sha256 != trainer_->model_sha256)
    return error{
        "tinker.other_model",
        fmt::format(
            "the sampler's model has SHA-256 {} and the trainer's {}: copy the trainer's files to "
            "the sampler's host",
            it.model_sha256, trainer_->model_sha256)};
  if (it.precision != trainer_->precision)
    return error{
        "tinker.other_model",
        fmt::format(
            "the sampler computes in {} and the trainer in {}: give both the same `precision`",
            it.precision, trainer_->precision)};
  if (same_bits_ && it.scores_sha256 != trainer_->scores_sha256)
    return error{
        "tinker.other_bits",
        fmt::format(
            "the same prompt has scores of SHA-256 {} at the sampler and {} at the trainer: their "
            "processors compute other bits. Take processors of one kind, or give the gateway "
            "`same_bits: false`",
            it.scores_sha256, trainer_->scores_sha256)};
  return std::nullopt;
}

result<std::string> model_agreement::model_sha256() const {
  const std::lock_guard lock(mutex_);
  if (!trainer_) return fail("tinker.unreachable", "the trainer has not told its model yet");
  return trainer_->model_sha256;
}

}  // namespace hocket::tinker
