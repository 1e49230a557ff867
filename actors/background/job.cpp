#include "actors/background/job.hpp"

#include <algorithm>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "actors/background/guarded.hpp"
#include "graph/contract/starting_tool.hpp"
#include "graph/text/clean.hpp"

namespace hocket::background {
namespace {

constexpr std::size_t most_at_once = 8;
constexpr int most_partials = 256;
constexpr std::size_t longest_arguments = 65536;

/// One call of a tool. Shared with the thread that is in it.
struct open_call {
  std::uint64_t id = 0;
  tool_request request;
  const tool_entry* tool = nullptr;  ///< lives in the job's list; nullptr: there is none
  std::int64_t deadline_ns = 0;
  std::atomic<bool> unwanted{false};
  std::atomic<int> partials{0};
  std::optional<result<std::string>> said;  ///< under the job's mutex
  bool overdue = false;
  std::optional<tool_answer> answer;
};

std::string tidy(std::string_view bytes, std::size_t limit) {
  return cut_text(clean_text(bytes), limit);
}

std::int64_t deadline_of(const tool_entry& tool) {
  return monotonic_ns() + tool.info.policy.time_limit_ms * 1'000'000LL;
}

void run_call(const std::shared_ptr<job>& j, const std::shared_ptr<job_setup>& setup,
              const std::shared_ptr<open_call>& call, const job_report& report) {
  const auto limit = call->tool->info.policy.max_result_bytes;
  const tool_context where{
      .time = setup->time,
      .cancelled = &call->unwanted,
      .progress = [call, report, limit, request = j->task.request](std::string_view partial) {
        if (call->unwanted || call->partials.fetch_add(1) >= most_partials) return;
        report(text{tidy(partial.substr(0, 2 * limit), limit), "background", request, false});
      }};
  auto said = guarded<std::string>("tool.threw", [&]() -> result<std::string> {
    if (auto* const starting = dynamic_cast<starting_source*>(call->tool->source.get())) {
      HOCKET_TRY(starting->start(call->tool->own_name));
      const std::lock_guard lock(j->mutex);  // its limit is one of the call alone
      call->deadline_ns = deadline_of(*call->tool);
      j->changed.notify_all();
    }
    if (call->tool->app) return call->tool->app->wait(call->id, call->unwanted);
    return call->tool->source->call(call->tool->own_name, call->request.arguments_json, where);
  });
  const std::lock_guard lock(j->mutex);
  call->said = std::move(said);
  j->changed.notify_all();
}

/// Lets a call go in a thread of its own; what cannot begin has failed.
void start(const std::shared_ptr<job>& j, const std::shared_ptr<job_setup>& setup,
           const std::shared_ptr<open_call>& call, const job_report& report) {
  const auto refuse = [&](std::string why) { call->said = fail("tool.refused", std::move(why)); };
  if (call->tool == nullptr) return refuse("there is no such tool here");
  call->deadline_ns = deadline_of(*call->tool);
  if (dynamic_cast<starting_source*>(call->tool->source.get()) != nullptr)
    call->deadline_ns += starting_tool::limit_ms * 1'000'000LL;
  if (!setup->threads->enter(setup->max_threads))
    return refuse("too many tool calls never came back");
  auto begun = guarded<void>("tool.no_thread", [&]() -> result<void> {
    std::thread([j, setup, call, report] {
      run_call(j, setup, call, report);
      setup->threads->leave();
    }).detach();
    return {};
  });
  if (begun) return;
  setup->threads->leave();
  refuse(begun.error().message);
}

tool_answer answer_of(const open_call& call, outcome status, std::string content) {
  return {call.request.tool, call.request.arguments_json, status, std::move(content)};
}

tool_answer answer_of(const open_call& call) {
  const auto limit = call.tool != nullptr ? call.tool->info.policy.max_result_bytes : 4096;
  const auto& said = *call.said;
  // Cut before it is cleaned: ten megabytes need not be looked through.
  const auto& whole = said ? *said : said.error().message;
  auto kept = std::min(limit, whole.size());
  for (int i = 0; i < 3 && kept < whole.size() && kept > 0 && (whole[kept] & 0xC0) == 0x80; ++i)
    --kept;  // between characters
  auto content = clean_text(std::string_view(whole).substr(0, kept));
  if (kept < whole.size()) content += fmt::format(" [cut: {} of {} bytes]", kept, whole.size());
  return answer_of(call, said ? outcome::ok : outcome::failed, std::move(content));
}

/// Pieces of an answer as a planner tells them, as whole words.
class piece_teller {
 public:
  piece_teller(const std::shared_ptr<job>& j, const job_report& report)
      : job_(j), report_(report) {}

  /// What was told before calls is no part of the answer after them.
  void begin_step() {
    held_.clear();
    anew_ = bytes_ > 0;
  }

  /// It calls tools: what was told so far is all of it.
  void end_step() {
    if (!held_.empty() && !job_->cancelled) report_(job_piece{clean_text(held_), anew_});
    held_.clear();
  }

  void tell(const answer_piece& p) {
    if (p.replaces) {
      held_.clear();
      anew_ = true;
    }
    if (job_->cancelled || bytes_ >= most_told) return;
    const auto more = p.text.substr(0, most_told - bytes_);
    bytes_ += more.size();
    held_ += more;
    // A word is whole once a blank follows.
    const auto end = held_.find_last_of(" \t\n\r");
    if (end == held_.npos) return;
    report_(job_piece{clean_text(std::string_view(held_).substr(0, end)), anew_});
    held_.erase(0, end + 1);
    anew_ = false;
  }

 private:
  static constexpr std::size_t most_told = 65536;
  std::shared_ptr<job> job_;
  const job_report& report_;
  std::string held_;
  std::size_t bytes_ = 0;
  bool anew_ = false;
};

/// Settles what can be settled now; how long until the next limit ends, or nothing where all is.
std::optional<std::chrono::nanoseconds> settle(job& j, const job_setup& setup,
                                               std::vector<std::shared_ptr<open_call>>& calls,
                                               std::int64_t& waited_ms,
                                               std::vector<job_event>& events) {
  const auto tell = [&](const open_call& c, outcome status, const std::string& content) {
    events.push_back(tool_result{c.id, j.task.request, c.request.tool, status, content});
  };
  std::optional<std::chrono::nanoseconds> wait;
  const auto now = monotonic_ns();
  for (auto& c : calls) {
    if (c->answer) continue;
    if (j.cancelled) {
      c->unwanted = true;
      c->answer = answer_of(*c, outcome::cancelled, "");
      tell(*c, outcome::cancelled, "nobody wants it any more");
    } else if (c->said) {
      c->answer = answer_of(*c);
      if (!c->overdue) tell(*c, c->answer->status, c->answer->content);
    } else if (now >= c->deadline_ns && !c->overdue) {
      const auto limit = c->tool->info.policy.time_limit_ms;
      const auto why = fmt::format("took longer than its limit of {} ms", limit);
      tell(*c, outcome::timed_out, why);
      waited_ms = std::max<std::int64_t>(waited_ms, limit);
      c->overdue = true;
      if (setup.deliver_late) {
        events.push_back(job_overdue{});
        wait = wait.value_or(std::chrono::hours(1));
      } else {
        c->unwanted = true;
        c->answer = answer_of(*c, outcome::timed_out, why);
      }
    } else {
      const auto left = std::chrono::nanoseconds(
          c->overdue ? std::chrono::nanoseconds(std::chrono::hours(1)).count()
                     : c->deadline_ns - now);
      wait = std::min(wait.value_or(left), left);
    }
  }
  return wait;
}

/// Asks the person, where one of the calls needs that; false where they are not to be made.
bool agreed_to(job& j, const job_setup& setup, const std::vector<tool_request>& requests,
               const job_report& report) {
  if (!setup.needs_consent) return true;
  job_consent asked;
  for (const auto& r : requests)
    if (j.tools->find(r.tool) != nullptr && setup.needs_consent(r.tool)) asked.calls.push_back(r);
  if (asked.calls.empty()) return true;
  {
    const std::lock_guard lock(j.mutex);
    j.consent.reset();
  }
  report(std::move(asked));
  std::unique_lock lock(j.mutex);
  j.changed.wait(lock, [&] { return j.cancelled || j.consent; });
  return !j.cancelled && *j.consent;
}

/// Makes the calls of one step, all at once, and waits for their answers or the end of their limits.
std::vector<tool_answer> ask(const std::shared_ptr<job>& j, const std::shared_ptr<job_setup>& setup,
                             std::vector<tool_request> requests, std::int64_t& waited_ms,
                             const job_report& report) {
  std::vector<std::shared_ptr<open_call>> calls;
  if (!agreed_to(*j, *setup, requests, report)) {
    std::vector<tool_answer> none;
    for (auto& r : requests)
      none.push_back({std::move(r.tool), std::move(r.arguments_json), outcome::cancelled,
                      "the person did not agree to it; it was not called"});
    return none;
  }
  for (auto& r : requests) {
    auto c = std::make_shared<open_call>();
    c->id = setup->next_call++;
    c->request = {tidy(r.tool, 256), tidy(r.arguments_json, longest_arguments)};
    c->tool = j->tools->find(c->request.tool);
    report(tool_call{c->id, j->task.request, c->request.tool, c->request.arguments_json});
    if (r.arguments_json.size() > longest_arguments)
      c->said = fail("tool.arguments", "the arguments are too long");
    else
      start(j, setup, c, report);
    calls.push_back(std::move(c));
  }
  for (;;) {
    std::vector<job_event> events;
    std::unique_lock lock(j->mutex);
    std::int64_t over_ms = 0;
    const auto wait = settle(*j, *setup, calls, over_ms, events);
    waited_ms += over_ms;
    if (events.empty() && wait) {
      j->changed.wait_for(lock, *wait);
      continue;
    }
    lock.unlock();
    for (auto& e : events) report(std::move(e));
    if (!wait) break;
  }
  std::vector<tool_answer> answers;
  for (auto& c : calls) answers.push_back(std::move(*c->answer));
  return answers;
}

}  // namespace

bool thread_count::enter(int limit) {
  const std::lock_guard lock(mutex_);
  if (count_ >= limit) return false;
  ++count_;
  return true;
}

void thread_count::leave() {
  const std::lock_guard lock(mutex_);
  --count_;
  left_.notify_all();
}

int thread_count::wait(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  left_.wait_for(lock, limit, [&] { return count_ == 0; });
  return count_;
}

void job::cancel() {
  const std::lock_guard lock(mutex);
  cancelled = true;
  changed.notify_all();
}

void job::decide(bool yes) {
  const std::lock_guard lock(mutex);
  consent = yes;
  changed.notify_all();
}

void work(const std::shared_ptr<job>& j, const std::shared_ptr<job_setup>& setup,
          const job_report& report) {
  std::vector<tool_answer> so_far;
  std::int64_t tokens = 0, waited_ms = 0;
  const auto end = [&](outcome status, std::string_view words) {
    report(job_end{status, clean_text(words), waited_ms});
  };
  piece_teller pieces(j, report);
  const auto budget = setup->max_tokens > 0 ? setup->max_tokens : INT64_MAX;
  for (std::int64_t done = 0; done < setup->max_steps; ++done) {
    if (j->cancelled) return end(outcome::cancelled, "");
    const plan_view view{j->task,       j->tools->infos,         so_far,         setup->time,
                         &j->cancelled, setup->max_steps - done, budget - tokens};
    auto step = guarded<plan_step>("planner.threw", [&] {
      auto* const telling = dynamic_cast<telling_planner*>(setup->plan.get());
      if (telling == nullptr) return setup->plan->next(view);
      pieces.begin_step();
      return telling->next(view, [&](const answer_piece& p) { pieces.tell(p); });
    });
    if (j->cancelled) return end(outcome::cancelled, "");
    if (!step) return end(outcome::failed, step.error().message);
    tokens += std::max<std::int64_t>(0, step->tokens);
    if (step->what == plan_step::kind::answer) return end(outcome::ok, step->text);
    if (step->what == plan_step::kind::give_up) {
      const bool late = !so_far.empty() && so_far.back().status == outcome::timed_out;
      return end(late ? outcome::timed_out : outcome::failed, step->text);
    }
    if (tokens >= budget) return end(outcome::failed, "the budget of tokens is used up");
    if (step->calls.empty()) return end(outcome::failed, "the planner asked for no tool");
    if (step->calls.size() > most_at_once)
      return end(outcome::failed, "the planner asked for too many tools at once");
    pieces.end_step();
    auto answers = ask(j, setup, std::move(step->calls), waited_ms, report);
    std::move(answers.begin(), answers.end(), std::back_inserter(so_far));
  }
  end(outcome::failed, "too many steps");
}

}  // namespace hocket::background
