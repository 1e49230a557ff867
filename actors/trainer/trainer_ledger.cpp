// What trainer.lora writes into a ledger, and what it hears from there.
#include <fmt/format.h>

#include "actors/governance/ledger_file.hpp"
#include "actors/trainer/lora_trainer.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::trainer {

result<void> lora_trainer::open_ledger() {
  if (config_.ledger.empty()) {
    if (config_.gates.empty()) return {};
    return fail("train.no_ledger", "`gates` needs a `ledger` to judge by and to record in");
  }
  auto policy = config_.gates;
  if (!policy.empty() && context_.may) {
    auto may = context_.may->readable(policy);
    if (!may) return fail(may);
    policy = std::move(*may);
  }
  const auto file =
      governance::ledger_file(*capability_of(context_), output_name(context_, config_.ledger));
  if (!file) return fail(file);
  auto opened = governance::records::open(*file, policy);
  if (!opened) return fail(opened);
  records_.emplace(std::move(*opened));
  watch_.emplace(*file);
  return {};
}

void lora_trainer::record(const std::function<result<void>(governance::records&)>& what) {
  if (!records_) return;
  if (const auto done = what(*records_); !done) {
    context_.count("unrecorded", 1);
    context_.log("the ledger: " + done.error().message);
  }
}

/// What cannot be judged is not let through.
bool lora_trainer::may_swap(const version& v) {
  if (!records_) return true;
  const auto judged = records_->may(governance::gate::swap, v.what.name);
  if (judged && judged->passed) return true;
  context_.count("refused_by_policy", 1);
  context_.log(fmt::format(
      "{} is not swapped in: {}", v.what.name,
      judged ? fmt::format("{}", fmt::join(judged->why, "; ")) : judged.error().message));
  return false;
}

void lora_trainer::look_for_incidents(emitter& out) {
  if (!watch_) return;
  const auto now = context_.time->now();
  auto seen = watch_->changed();
  if (seen) {
    blind_since_.reset();
    if (*seen) frozen_ = std::move(**seen);
  } else if (!blind_since_) {
    blind_since_ = now;
    context_.log("the ledger cannot be read: " + seen.error().message);
  }
  // Whoever cannot see incidents takes everything for frozen after a while.
  const bool all = !seen && now >= *blind_since_ + governance::patience_with(seen.error());
  const auto is_frozen = [&](const version& v) { return all || frozen_.contains(v.what.name); };
  if (newest_ == 0 || !is_frozen(versions_[newest_])) return;
  auto to = newest_;
  while (to != 0 && is_frozen(versions_[to])) to = versions_[to].parent;
  context_.count("frozen", 1);
  roll_back(to, all ? "incidents cannot be seen" : "an incident froze it", true, out);
}

}  // namespace hocket::trainer
