#include "actors/gateway/tinker/training.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include <fmt/format.h>
#include <pthread.h>

#include "engine/transformer/background.hpp"

namespace hocket::tinker {
namespace {

/// Trainers of one owner that share passes at once.
constexpr std::size_t most_of_an_owner = 64;
/// Numbers of a model whose requests are told again to who sends one twice; the first, which makes it, is kept.
constexpr std::size_t most_remembered = 20'000;

tl::unexpected<error> no_run(const std::string& run) {
  return fail(
      "tinker.not_found",
      fmt::format("no model `{}` is loaded here: it was unloaded, its session is over or the "
                  "server was started again. Load a checkpoint of it",
                  run));
}
tl::unexpected<error> too_many() { return fail("tinker.busy", too_many_waiting); }

}  // namespace

training_hall::training_hall(future_table& futures, training_engine& engine, const limits& l)
    : futures_(futures), engine_(engine), limits_(l) {
  const auto begin = [this](const char* name, void (training_hall::*work)()) {
    threads_.emplace_back([this, work] { (this->*work)(); });
    pthread_setname_np(threads_.back().native_handle(), name);
  };
  for (int i = 0; i < l.passes; ++i) begin("tinker.train", &training_hall::work_on_passes);
  begin("tinker.step", &training_hall::work_on_others);
  futures_.explain_by([this](const std::string& run, const std::string& request) {
    return waits_for(run, request);
  });
}

training_hall::~training_hall() {
  futures_.explain_by(nullptr);
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
  auto request = futures_.add(run.owner, "", run.id);
  if (request.empty()) {
    queues_.erase(run.id);
    return too_many();
  }
  q = std::make_unique<queue>();
  q->run = std::move(run);
  q->requests[0] = request;
  q->waiting[0] = {request, std::move(make), nullptr, future_table::clock::now()};
  wake_.notify_all();
  return request;
}

result<std::string> training_hall::submit(const std::string& run, const std::string& owner,
                                          std::int64_t number, operation what) {
  return enqueue(run, owner, number, {"", std::move(what), nullptr, {}});
}

result<std::string> training_hall::submit(const std::string& run, const std::string& owner,
                                          std::int64_t number, pass_work what) {
  return enqueue(run, owner, number,
                 {"", nullptr, std::make_shared<const pass_work>(std::move(what)), {}});
}

result<std::string> training_hall::enqueue(const std::string& run, const std::string& owner,
                                           std::int64_t number, pending what) {
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
  auto request = futures_.add(owner, "", run);
  if (request.empty()) return too_many();
  q.requests[number] = request;
  // One that is forgotten is refused, not run again: it is before the next.
  if (const auto oldest = std::next(q.requests.begin());
      q.requests.size() > most_remembered && oldest->first < q.next)
    q.requests.erase(oldest);
  what.request = request, what.since = future_table::clock::now();
  q.waiting[number] = std::move(what);
  wake_.notify_all();
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
  auto request = futures_.add(owner, "", run);
  if (request.empty()) return too_many();
  q.ends = true;
  q.last = pending{request, std::move(last), nullptr, future_table::clock::now()};
  wake_.notify_all();
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

bool training_hall::knows(const std::string& run, const std::string& owner,
                          std::int64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(run);
  return found == queues_.end() || found->second->run.owner != owner || found->second->ends ||
         number < found->second->next || found->second->requests.contains(number);
}

std::size_t training_hall::loaded(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(queues_.begin(), queues_.end(), [&](const auto& each) {
        const auto& q = *each.second;
        return q.run.owner == owner &&
               (q.is_busy || q.next == 0 || (q.run.trainer && !q.run.trainer->is_lost()));
      }));
}

queue_note training_hall::waits_for(const std::string& run, const std::string& request) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(run);
  if (found == queues_.end()) return {};
  const auto& q = *found->second;
  const auto at = std::find_if(q.waiting.begin(), q.waiting.end(),
                               [&](const auto& each) { return each.second.request == request; });
  const bool is_last = q.last && q.last->request == request;
  if (at == q.waiting.end() && !is_last) return {};  // it is worked on
  const auto before = (is_last ? static_cast<std::ptrdiff_t>(q.waiting.size())
                               : std::distance(q.waiting.begin(), at)) +
                      (q.is_busy ? 1 : 0);
  if (!q.is_busy && !q.is_ready())
    return {false,
            fmt::format("it waits for operation {} of this model, which has not come", q.next)};
  if (before > 0)
    return {!q.is_busy,
            fmt::format("{} {} of this model {} before it", before,
                        before == 1 ? "operation" : "operations", before == 1 ? "comes" : "come")};
  return {true, "the server trains other models; they take turns"};
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
training_hall::queue* training_hall::next_ready(kind k, const turn& last,
                                                const pass_worker* beside) {
  queue* best = nullptr;
  const auto is_full = [&](const std::string& owner) {
    return beside && beside->size(owner) >= most_of_an_owner;
  };
  const auto rank = [&](const queue& q) {
    const bool later = q.run.owner > last.owner;
    const bool later_run = q.run.id > last.run;
    return std::tuple(!later, q.run.owner, !later_run, q.run.id);
  };
  for (auto& [id, q] : queues_)
    if (q->is_ready(k) && (!best || rank(*q) < rank(*best)) && !is_full(q->run.owner))
      best = q.get();
  return best;
}

training_hall::pending training_hall::take(queue& q, bool& is_last) {
  q.is_busy = true;
  is_last = q.waiting.empty();
  if (is_last) return *q.last;  // a repeated unload asks for it
  auto p = std::move(q.waiting.begin()->second);
  q.next = q.waiting.begin()->first + 1;
  q.waiting.erase(q.waiting.begin());
  return p;
}

void training_hall::end_turn(queue& q, const std::string& request, bool is_last, outcome o) {
  {
    // Before the answer: whoever has it may ask for the room at once.
    const std::lock_guard lock(mutex_);
    q.is_busy = false;
    if (is_last || (q.ends && !q.last && q.waiting.empty())) {
      const auto id = q.run.id;
      queues_.erase(id);
    }
    wake_.notify_all();
  }
  futures_.finish(request, std::move(o));
}

void training_hall::work_on_others() {
  const engine::background_work yields(&engine::turn_gate::of_process());
  std::unique_lock lock(mutex_);
  for (;;) {
    queue* q = nullptr;
    wake_.wait(lock,
               [&] { return stopping_ || (q = next_ready(kind::other, last_other_)) != nullptr; });
    if (stopping_) return;
    last_other_ = {q->run.owner, q->run.id};
    bool is_last = false;
    auto p = take(*q, is_last);
    lock.unlock();
    outcome o;
    try {
      o = p.what(q->run);
    } catch (const std::exception& e) {
      o = failed(fmt::format("the operation failed: {}", e.what()), "server");
    }
    p.what = nullptr;
    end_turn(*q, p.request, is_last, std::move(o));
    lock.lock();
  }
}

void training_hall::work_on_passes() {
  const auto joint = engine_.passes();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] {
      return stopping_ || joint->size() > 0 ||
             next_ready(kind::pass, last_pass_, joint.get()) != nullptr;
    });
    if (stopping_) return;
    gather(lock, *joint);
    lock.unlock();
    joint->step();
    lock.lock();
  }
}

void training_hall::gather(std::unique_lock<std::mutex>& lock, pass_worker& joint) {
  const bool waits = joint.size() == 0;  // who is in the middle of its work waits for nobody
  const auto until = future_table::clock::now() + limits_.window;
  for (;;) {
    queue* q = nullptr;
    while (!stopping_ && (q = next_ready(kind::pass, last_pass_, &joint)))
      begin_pass(lock, *q, joint);
    if (!waits || stopping_ || joint.size() >= queues_.size()) return;
    const auto come = [&] {
      return stopping_ || next_ready(kind::pass, last_pass_, &joint) != nullptr;
    };
    if (!wake_.wait_until(lock, until, come)) return;
  }
}

void training_hall::begin_pass(std::unique_lock<std::mutex>& lock, queue& q, pass_worker& joint) {
  last_pass_ = {q.run.owner, q.run.id};
  bool is_last = false;
  const auto p = take(q, is_last);
  lock.unlock();
  try {
    if (auto no = p.pass->refuses(q.run)) {
      end_turn(q, p.request, false, std::move(*no));
      lock.lock();
      return;
    }
    const auto then = [this, &q, request = p.request, work = p.pass](result<lora::pass_result> r) {
      outcome o;
      try {
        o = work->answer(std::move(r));
      } catch (const std::exception& e) {
        o = failed(fmt::format("the answer could not be written: {}", e.what()), "server");
      }
      end_turn(q, request, false, std::move(o));
    };
    joint.add(*q.run.trainer, p.pass->loss, p.pass->data, p.pass->forward_only, then, q.run.owner);
  } catch (const std::exception& e) {
    end_turn(q, p.request, false,
             failed(fmt::format("the pass could not begin: {}", e.what()), "server"));
  }
  lock.lock();
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
