#include "actors/governance/process_book.hpp"

#include <utility>

#include <fmt/format.h>

namespace hocket::governance {
namespace {

constexpr auto look_every = std::chrono::milliseconds(200);

}  // namespace

process_book& process_book::of_process() {
  static auto& it = *new process_book();  // threads that nobody waits for outlive main
  return it;
}

result<std::shared_ptr<process_book>> process_book::sharing(const std::string& path,
                                                            const std::string& policy_path) {
  using books = std::map<std::pair<std::string, std::string>, std::weak_ptr<process_book>>;
  static auto& mutex = *new std::mutex();  // both for good, as above
  static auto& all = *new books();
  const std::lock_guard lock(mutex);
  std::erase_if(all, [](const auto& each) { return each.second.expired(); });
  auto& place = all[{path, policy_path}];
  if (auto there = place.lock()) return there;
  HOCKET_TRY(records::open(path, policy_path));  // made and sealed, where it is new
  auto made = std::make_shared<process_book>();
  HOCKET_TRY(made->follow(path, policy_path));
  place = made;
  return made;
}

result<void> process_book::follow(const std::string& path, const std::string& policy_path) {
  auto opened = records::open(path, policy_path);
  if (!opened) return fail(opened);
  incident_watch watch(path);
  const auto stopped = watch.changed();
  if (!stopped) return fail(stopped);
  const std::scoped_lock lock(mutex_, frozen_mutex_);
  records_.emplace(std::move(*opened));
  judged_.clear(), judged_at_ = -1;
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
  const std::lock_guard lock(frozen_mutex_);
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
  if (all_are_frozen_ || now < *blind_since_ + patience_with(stopped.error())) return;
  all_are_frozen_ = true;
  fmt::print(stderr, "error: {} [{}]; until the ledger can be read every adapter is frozen\n",
             stopped.error().message, stopped.error().code);
}

// A server asks for each sampler that is made: the whole history is read, and a line written, only where
// something may have changed.
result<verdict> process_book::judge(gate g, const std::string& name,
                                    const std::string& weights_sha256, const loaded_on& on) {
  constexpr std::size_t most_judged = 10'000;
  const auto before = records_->book().head();
  if (!before) return fail(before);
  if (before->first != judged_at_ || judged_.size() >= most_judged) judged_.clear();
  const auto key =
      fmt::format("{} {} {} {} {}", to_string(g), weights_sha256, on.sha256, on.named, name);
  if (const auto known = judged_.find(key); known != judged_.end()) return known->second;
  auto v = records_->may(g, name, weights_sha256, on);
  if (!v) return v;
  const auto after = records_->book().head();
  const bool is_ours = after && after->first == before->first + 1;  // and nobody else's
  if (!is_ours) judged_.clear();
  judged_at_ = is_ours ? after->first : -1;
  if (is_ours) judged_[key] = *v;
  return v;
}

result<void> process_book::pass(gate g, const std::string& name, const std::string& weights_sha256,
                                const loaded_on& on) {
  const std::lock_guard lock(mutex_);
  if (!records_) return {};
  const auto v = judge(g, name, weights_sha256, on);
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

result<std::map<std::string, std::string>> process_book::newest_cards() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> out;
  if (!records_) return out;
  return records_->weights_by_name();
}

result<void> process_book::add_evaluation(const std::string& name, const std::string& what,
                                          const std::map<std::string, double>& scores) {
  const std::lock_guard lock(mutex_);
  if (!records_) return {};
  return records_->add_evaluation(name, what, scores);
}

}  // namespace hocket::governance
