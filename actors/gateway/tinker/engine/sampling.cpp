#include "actors/gateway/tinker/engine/sampling.hpp"

#include <algorithm>
#include <functional>
#include <new>
#include <pthread.h>

#include "actors/gateway/tinker/engine/sampling_job.hpp"
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

std::size_t sampling_hall::queued(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(owner);
  return found == queues_.end() ? 0 : found->second.size();
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
    if (running_.back()->job.begins) running_.back()->job.begins();
    if (next->second.empty()) queues_.erase(next);
  }
  return !stopping_;
}

void sampling_hall::work() {
  engine::work_pool helpers(std::min(2, static_cast<int>(std::thread::hardware_concurrency())));
  while (admit()) {
    try {
      step(helpers);
    } catch (const std::bad_alloc&) {
      problems all;
      for (auto& r : running_) all.emplace(r.get(), error{"lora.out_of_memory", "out of memory"});
      end(all);
    }
  }
}

struct sampling_hall::part {
  running* whose;
  running::line* line;  ///< null: of a prompt
  language::reading what;
};

/// The room of a step is shared evenly; who needs less leaves its rest to the others.
void sampling_hall::add_prompts(std::map<const served_model*, std::vector<part>>& parts,
                                const problems& ended) const {
  std::vector<running*> readers;
  for (const auto& r : running_)
    if (!r->prompt_is_read() && !ended.contains(r.get())) readers.push_back(r.get());
  std::stable_sort(readers.begin(), readers.end(),
                   [](const auto* a, const auto* b) { return a->unread() < b->unread(); });
  auto room = limits_.prompt_rows;
  for (std::size_t i = 0; i < readers.size() && room > 0; ++i) {
    auto* r = readers[i];
    const auto what = r->next_part(std::max<std::size_t>(1, room / (readers.size() - i)));
    room -= what.tokens.size();
    parts[r->job.from.base.get()].push_back({r, nullptr, what});
  }
}

/// One pass; where it fails with several, each reads alone: nobody pays for another's length.
void sampling_hall::read(std::vector<part>& parts, engine::work_pool& helpers, problems& ended) {
  std::vector<language::reading> readings;
  for (const auto& p : parts) readings.push_back(p.what);
  auto scores = language::read_batch(readings, &helpers);
  if (!scores && parts.size() > 1) {
    for (auto& p : parts) {
      std::vector<part> one{p};
      if (!ended.contains(p.whose)) read(one, helpers, ended);
    }
    return;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto& p = parts[i];
    if (!scores) {
      ended.emplace(p.whose, scores.error());
    } else if (p.line) {
      p.line->scores = std::move((*scores)[i]);
    } else if (const auto done = p.whose->took(p.what, (*scores)[i]); !done) {
      ended.emplace(p.whose, done.error());
    }
  }
}

void sampling_hall::step(engine::work_pool& helpers) {
  problems ended;
  for (auto& r : running_)
    if (r->job.is_cancelled && r->job.is_cancelled())
      ended.emplace(r.get(), error{"tinker.cancelled", "the request was cancelled"});
  // By model: sequences of one pass share its weights.
  std::map<const served_model*, std::vector<part>> parts;
  add_prompts(parts, ended);
  for (auto& r : running_) {
    if (!r->prompt_is_read() || ended.contains(r.get())) continue;
    if (const auto drawn = r->draw(); !drawn) ended.emplace(r.get(), drawn.error());
    for (auto& l : r->lines)
      parts[r->job.from.base.get()].push_back({r.get(), &l, {&l.sequence, {&l.token, 1}}});
  }
  for (auto& [base, some] : parts) {
    // Rows of one adapter side by side: their products are one.
    std::stable_sort(some.begin(), some.end(), [](const part& a, const part& b) {
      return std::less<>()(a.whose->job.from.adapter.get(), b.whose->job.from.adapter.get());
    });
    read(some, helpers, ended);
  }
  end(ended);
}

void sampling_hall::end(const problems& ended) {
  running_.remove_if([&](const std::unique_ptr<running>& r) {
    const auto problem = ended.find(r.get());
    if (problem != ended.end()) {
      r->job.done(tl::unexpected(problem->second));
      return true;
    }
    if (!r->is_over()) return false;
    r->job.done(std::move(r->answer));
    return true;
  });
}

}  // namespace hocket::tinker
