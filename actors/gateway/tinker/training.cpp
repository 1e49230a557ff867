#include "actors/gateway/tinker/training.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <pthread.h>

#include "engine/transformer/background.hpp"

namespace hocket::tinker {
namespace {

/// More than two wait for memory more than they compute.
const int threads_of_a_pass = std::min(2, static_cast<int>(std::thread::hardware_concurrency()));

tl::unexpected<error> no_run(const std::string& run) {
  return fail(
      "tinker.not_found",
      fmt::format("no model `{}` is loaded here: it was unloaded, its session is over or the "
                  "server was started again. Load a checkpoint of it",
                  run));
}
tl::unexpected<error> too_many() {
  return fail("tinker.busy", "too many requests of this key wait for an answer");
}

}  // namespace

training_hall::training_hall(future_table& futures, const limits& l)
    : futures_(futures), limits_(l) {
  for (int i = 0; i < l.workers; ++i) {
    threads_.emplace_back([this] { work(); });
    pthread_setname_np(threads_.back().native_handle(), "tinker.train");
  }
}

training_hall::~training_hall() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& t : threads_) t.join();
}

result<std::string> training_hall::start(training_run run, operation make) {
  const std::lock_guard lock(mutex_);
  auto& q = queues_[run.id];
  if (q) {
    if (q->run.owner != run.owner) return no_run(run.id);
    return q->requests.at(0);
  }
  auto request = futures_.add(run.owner);
  if (request.empty()) {
    queues_.erase(run.id);
    return too_many();
  }
  q = std::make_unique<queue>();
  q->run = std::move(run);
  q->requests[0] = request;
  q->waiting[0] = {request, std::move(make), future_table::clock::now()};
  wake_.notify_one();
  return request;
}

result<std::string> training_hall::submit(const std::string& run, const std::string& owner,
                                          std::int64_t number, operation what) {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(run);
  if (found == queues_.end() || found->second->run.owner != owner || found->second->ends)
    return no_run(run);
  auto& q = *found->second;
  if (number < 1) return fail("tinker.bad_request", "seq_id must be 1 or more");
  if (const auto before = q.requests.find(number); before != q.requests.end())
    return before->second;
  if (number < q.next || number > q.next + 100'000)
    return fail("tinker.bad_request",
                fmt::format("seq_id {} is out of order: {} is next", number, q.next));
  auto request = futures_.add(owner);
  if (request.empty()) return too_many();
  q.requests[number] = request;
  q.waiting[number] = {request, std::move(what), future_table::clock::now()};
  wake_.notify_one();
  return request;
}

result<std::string> training_hall::unload(const std::string& run, const std::string& owner,
                                          operation last) {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(run);
  if (found == queues_.end() || found->second->run.owner != owner) return no_run(run);
  auto& q = *found->second;
  if (q.last) return q.last->request;
  if (q.ends) return no_run(run);
  auto request = futures_.add(owner);
  if (request.empty()) return too_many();
  q.ends = true;
  q.last = pending{request, std::move(last), future_table::clock::now()};
  wake_.notify_one();
  return request;
}

std::optional<training_run> training_hall::find(const std::string& run,
                                                const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(run);
  if (found == queues_.end() || found->second->run.owner != owner) return std::nullopt;
  const auto& r = found->second->run;
  return training_run{r.id,   r.owner, r.session, r.base, r.base_name, r.parts,
                      r.rank, nullptr, "",        "",     ""};
}

void training_hall::end_session(const std::string& session) {
  const std::lock_guard lock(mutex_);
  std::erase_if(queues_, [&](const auto& e) {
    auto& q = *e.second;
    if (q.run.session != session) return false;
    q.ends = true;
    return !q.is_busy && q.waiting.empty() && !q.last;
  });
}

/// The next in turn: another owner before another model before the same again.
training_hall::queue* training_hall::next_ready() {
  queue* best = nullptr;
  const auto rank = [&](const queue& q) {
    const bool later = q.run.owner > last_owner_;
    const bool later_run = q.run.id > last_run_;
    return std::tuple(!later, q.run.owner, !later_run, q.run.id);
  };
  for (auto& [id, q] : queues_)
    if (q->is_ready() && (!best || rank(*q) < rank(*best))) best = q.get();
  return best;
}

void training_hall::work() {
  engine::work_pool helpers(threads_of_a_pass);
  const engine::background_work yields(&engine::turn_gate::of_process(), &helpers);
  std::unique_lock lock(mutex_);
  for (;;) {
    queue* q = nullptr;
    wake_.wait(lock, [&] { return stopping_ || (q = next_ready()) != nullptr; });
    if (stopping_) return;
    last_owner_ = q->run.owner, last_run_ = q->run.id;
    finish_turn(lock, *q);
  }
}

void training_hall::finish_turn(std::unique_lock<std::mutex>& lock, queue& q) {
  q.is_busy = true;
  const bool is_last = q.waiting.empty();
  auto p =
      is_last ? *q.last : std::move(q.waiting.begin()->second);  // a repeated unload asks for it
  if (!is_last) {
    q.next = q.waiting.begin()->first + 1;
    q.waiting.erase(q.waiting.begin());
  }
  lock.unlock();
  outcome o;
  try {
    o = p.what(q.run);
  } catch (const std::exception& e) {
    o = failed(fmt::format("the operation failed: {}", e.what()), "server");
  }
  p.what = nullptr;
  futures_.finish(p.request, std::move(o));
  lock.lock();
  q.is_busy = false;
  if (is_last || (q.ends && !q.last && q.waiting.empty())) {
    const auto id = q.run.id;
    queues_.erase(id);
  }
  wake_.notify_all();
}

void training_hall::sweep(future_table::clock::time_point now) {
  std::vector<std::pair<std::string, std::string>> lost;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, q] : queues_) {
      if (q->is_busy || q->waiting.empty() || q->is_ready()) continue;
      if (now - q->waiting.begin()->second.since < limits_.gap) continue;
      for (auto& [number, p] : q->waiting)
        lost.emplace_back(p.request,
                          fmt::format("request {} of `{}` waited for request {}, which never came",
                                      number, id, q->next));
      q->next = q->waiting.rbegin()->first + 1;
      q->waiting.clear();
    }
    // An end that waited for what never came.
    std::erase_if(queues_, [](const auto& e) {
      const auto& q = *e.second;
      return q.ends && !q.is_busy && q.waiting.empty() && !q.last;
    });
    wake_.notify_all();
  }
  for (const auto& [request, why] : lost) futures_.finish(request, failed(why));
}

}  // namespace hocket::tinker
