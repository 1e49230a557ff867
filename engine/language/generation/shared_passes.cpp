#include "engine/language/generation/shared_passes.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string>

#include "engine/transformer/background.hpp"
#include "graph/core/assert.hpp"

namespace hocket::language {

using steady = std::chrono::steady_clock;

struct shared_passes::request {
  const reading& part;
  const std::stop_token& stop;
  part_of of;
  std::optional<result<std::vector<float>>> answer = {};
  bool taken = false;
};

shared_passes::shared_passes(std::shared_ptr<const language_model> model, int threads)
    : model_(std::move(model)) {
  if (threads > 1) helpers_ = std::make_shared<engine::work_pool>(threads);
}
shared_passes::~shared_passes() { HOCKET_ASSERT(seats_.empty()); }

shared_passes::seat::seat(std::shared_ptr<shared_passes> passes) : passes_(std::move(passes)) {
  const std::lock_guard lock(passes_->mutex_);
  passes_->seats_.push_back(this);
}
shared_passes::seat::~seat() {
  {
    const std::lock_guard lock(passes_->mutex_);
    passes_->seats_.remove(this);
  }
  passes_->changed_.notify_all();
}

shared_passes::counts shared_passes::so_far() const {
  const std::lock_guard lock(mutex_);
  auto counts = counts_;
  counts.waiting = static_cast<std::int64_t>(waiting_.size());
  return counts;
}

bool shared_passes::all_are_here() const {
  const auto expected = std::count_if(seats_.begin(), seats_.end(), [&](const seat* s) {
    return s->last_pass_ >= counts_.passes - 3;
  });
  return static_cast<std::int64_t>(waiting_.size()) >= expected;
}

/// Those who speak first, then parts of prompts, in the order in which they came; one of each at least.
std::vector<shared_passes::request*> shared_passes::choose() {
  std::vector<request*> chosen;
  chosen.reserve(waiting_.size());  // nothing is taken and then lost
  std::int64_t rows = 0;
  for (const auto of : {part_of::answer, part_of::prompt}) {
    bool first = true;
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      const auto size = static_cast<std::int64_t>((*at)->part.tokens.size());
      const bool fits = (*at)->of == of && (rows + size <= most_rows || first);
      if (fits) {
        rows += size;
        first = false;
        (*at)->taken = true;
        chosen.push_back(*at);
      }
      at = fits ? waiting_.erase(at) : std::next(at);
    }
  }
  return chosen;
}

std::vector<result<std::vector<float>>> shared_passes::carry_out(
    const std::vector<request*>& chosen) const {
  std::vector<result<std::vector<float>>> answers;
  std::vector<reading> parts;
  for (const auto* r : chosen)
    if (!r->stop.stop_requested()) parts.push_back(r->part);
  const auto* alone = parts.size() == 1 && chosen.size() == 1 ? &chosen[0]->stop : nullptr;
  auto together = read_batch(parts, helpers_.get(), alone);
  std::size_t next = 0;
  for (const auto* r : chosen) {
    const bool was_read = next < parts.size() && parts[next].sequence == r->part.sequence;
    if (!was_read) {
      answers.emplace_back(fail("language.cancelled", "cancelled while reading"));
      continue;
    }
    if (together) {
      answers.emplace_back(std::move((*together)[next]));
    } else if (parts.size() == 1) {
      answers.emplace_back(fail(together));
    } else {  // somebody asked for what cannot be: each alone, so that the others are not harmed
      auto own = read_batch({&parts[next], 1}, helpers_.get(), &r->stop);
      if (own)
        answers.emplace_back(std::move((*own)[0]));
      else
        answers.emplace_back(fail(own));
    }
    ++next;
  }
  return answers;
}

/// Does a pass for those that wait; comes with the lock and leaves with it. Whatever happens, all who
/// were chosen get an answer, and the next one can lead: they wait for nothing else.
void shared_passes::lead(std::unique_lock<std::mutex>& lock, request& own) {
  under_way_ = true;
  std::vector<request*> chosen;
  std::vector<result<std::vector<float>>> answers;
  std::optional<std::string> failed;
  auto began = steady::now();
  try {
    // Whose token was drawn a moment ago will soon be here.
    changed_.wait_for(lock, std::chrono::microseconds(last_pass_us_ / 5),
                      [&] { return all_are_here(); });
    chosen = choose();
    lock.unlock();
    began = steady::now();
    answers = carry_out(chosen);
  } catch (const std::exception& e) {
    failed = e.what();
  }
  if (!lock.owns_lock()) lock.lock();
  if (failed && chosen.empty()) {
    waiting_.remove(&own);
    chosen.push_back(&own);
  }
  for (std::size_t i = 0; i < chosen.size(); ++i)
    if (failed)
      chosen[i]->answer = fail("language.engine", *failed);
    else
      chosen[i]->answer = std::move(answers[i]);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(steady::now() - began);
  last_pass_us_ = took.count();
  ++counts_.passes;
  counts_.parts += static_cast<std::int64_t>(chosen.size());
  under_way_ = false;
  changed_.notify_all();
}

result<std::vector<float>> shared_passes::seat::read(const reading& part,
                                                     const std::stop_token& stop, part_of of) {
  HOCKET_ASSERT(&part.sequence->model() == passes_->model_.get());
  request own{part, stop, of};
  std::unique_lock lock(passes_->mutex_);
  last_pass_ = passes_->counts_.passes;
  passes_->waiting_.push_back(&own);
  passes_->changed_.notify_all();
  while (!own.answer) {
    if (!passes_->under_way_ && !own.taken)
      passes_->lead(lock, own);
    else
      passes_->changed_.wait(lock);
  }
  return std::move(*own.answer);
}

}  // namespace hocket::language
