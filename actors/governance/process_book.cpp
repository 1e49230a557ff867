#include "actors/governance/process_book.hpp"

#include <fmt/format.h>

namespace hocket::governance {
namespace {

constexpr auto look_every = std::chrono::milliseconds(200);

}  // namespace

process_book& process_book::of_process() {
  static process_book it;
  return it;
}

result<void> process_book::follow(const std::string& path, const std::string& policy_path) {
  auto opened = records::open(path, policy_path);
  if (!opened) return fail(opened);
  incident_watch watch(path);
  const auto stopped = watch.changed();
  if (!stopped) return fail(stopped);
  const std::lock_guard lock(mutex_);
  records_.emplace(std::move(*opened));
  watch_.emplace(std::move(watch));
  frozen_ = stopped->value_or(std::set<std::string>());
  looked_ = {}, blind_since_.reset(), all_are_frozen_ = false;
  return {};
}

bool process_book::follows() const {
  const std::lock_guard lock(mutex_);
  return records_.has_value();
}

bool process_book::is_frozen(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!watch_) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now >= looked_ + look_every) look(now);
  return all_are_frozen_ || frozen_.contains(name);
}

void process_book::look(time_point now) {
  looked_ = now;
  auto stopped = watch_->changed();
  if (stopped) {
    if (*stopped) frozen_ = std::move(**stopped);
    if (all_are_frozen_)
      fmt::print(stderr, "the ledger can be read again: only what has an incident is frozen\n");
    blind_since_.reset(), all_are_frozen_ = false;
    return;
  }
  if (!blind_since_) blind_since_ = now;
  if (all_are_frozen_ || now < *blind_since_ + patience) return;
  all_are_frozen_ = true;
  fmt::print(stderr, "error: {} [{}]; until the ledger can be read every adapter is frozen\n",
             stopped.error().message, stopped.error().code);
}

result<void> process_book::pass(gate g, const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!records_) return {};
  const auto v = records_->may(g, name);
  if (!v) return fail(v);
  if (v->passed) return {};
  return fail("governance.refused", fmt::format("`{}` passes no gate `{}`: {}", name, to_string(g),
                                                fmt::join(v->why, "; ")));
}

result<void> process_book::add_card(const nlohmann::json& card, const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  if (!records_) return {};
  return records_->add_card(card, tenant);
}

result<void> process_book::add_evaluation(const std::string& name, const std::string& what,
                                          const std::map<std::string, double>& scores) {
  const std::lock_guard lock(mutex_);
  if (!records_) return {};
  return records_->add_evaluation(name, what, scores);
}

}  // namespace hocket::governance
