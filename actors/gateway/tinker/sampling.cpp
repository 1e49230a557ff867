#include "actors/gateway/tinker/sampling.hpp"

#include <algorithm>
#include <pthread.h>

#include "actors/gateway/tinker/sampling_job.hpp"
#include "engine/transformer/background.hpp"

namespace hocket::tinker {

sampling_hall::sampling_hall(const limits& l) : limits_(l), thread_([this] { work(); }) {
  pthread_setname_np(thread_.native_handle(), "tinker.sample");
}

sampling_hall::~sampling_hall() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  const auto stopped = fail("tinker.stopped", "the server is stopping");
  for (auto& r : running_) r->job.done(stopped);
  for (auto& [owner, jobs] : queues_)
    for (auto& j : jobs) j.done(stopped);
}

void sampling_hall::submit(sample_job job) {
  {
    const std::lock_guard lock(mutex_);
    queues_[job.owner].push_back(std::move(job));
  }
  wake_.notify_one();
}

std::size_t sampling_hall::queued() const {
  const std::lock_guard lock(mutex_);
  std::size_t n = 0;
  for (const auto& [owner, jobs] : queues_) n += jobs.size();
  return n;
}

/// Takes jobs while there is room, one of each owner in turn. False when it is time to end.
bool sampling_hall::admit() {
  std::size_t width = 0;
  for (const auto& r : running_) width += r->width();
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopping_ || !running_.empty() || !queues_.empty(); });
  while (!stopping_ && !queues_.empty()) {
    auto next = queues_.upper_bound(last_owner_);
    if (next == queues_.end()) next = queues_.begin();
    const auto wanted = static_cast<std::size_t>(next->second.front().ask.num_samples);
    if (!running_.empty() && width + wanted > limits_.sequences) break;
    width += wanted;
    last_owner_ = next->first;
    running_.push_back(std::make_unique<running>(std::move(next->second.front())));
    next->second.pop_front();
    if (next->second.empty()) queues_.erase(next);
  }
  return !stopping_;
}

void sampling_hall::work() {
  engine::work_pool helpers(std::min(2, static_cast<int>(std::thread::hardware_concurrency())));
  const engine::background_work yields(&engine::turn_gate::of_process(), &helpers);
  while (admit()) step();
}

void sampling_hall::step() {
  std::map<running*, error> problems;
  const auto note = [&](running* r, const result<void>& done) {
    if (!done) problems.emplace(r, done.error());
  };
  for (auto& r : running_)
    if (r->job.is_cancelled && r->job.is_cancelled())
      problems.emplace(r.get(), error{"tinker.cancelled", "the request was cancelled"});
  for (auto& r : running_)
    if (!r->prompt_is_read() && !problems.contains(r.get())) {
      note(r.get(), r->read_prompt(limits_.prompt_part));
      break;  // one part, then a token for those that speak
    }
  // By model: sequences of one pass share its weights.
  std::map<const served_model*, std::vector<running::line*>> batches;
  for (auto& r : running_) {
    if (!r->prompt_is_read() || problems.contains(r.get())) continue;
    note(r.get(), r->draw());
    for (auto& l : r->lines) batches[r->job.from.base.get()].push_back(&l);
  }
  for (auto& [base, lines] : batches) {
    std::vector<language::language_sequence*> sequences;
    std::vector<std::span<const std::int32_t>> tokens;
    for (auto* l : lines) {
      sequences.push_back(&l->sequence);
      tokens.emplace_back(&l->token, 1);
    }
    auto scores = language::append_batch(sequences, tokens, language::scores_of::last);
    for (std::size_t i = 0; i < lines.size() && scores; ++i)
      lines[i]->scores = std::move((*scores)[i]);
    if (!scores)
      for (auto& r : running_)
        if (r->job.from.base.get() == base && !r->lines.empty())
          problems.emplace(r.get(), scores.error());
  }
  running_.remove_if([&](const std::unique_ptr<running>& r) {
    const auto problem = problems.find(r.get());
    if (problem != problems.end()) {
      r->job.done(tl::unexpected(problem->second));
      return true;
    }
    if (!r->is_over()) return false;
    r->job.done(std::move(r->answer));
    return true;
  });
}

}  // namespace hocket::tinker
