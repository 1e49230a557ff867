#include "actors/background/job.hpp"

#include <exception>

namespace hocket::background {
namespace {

// Cut at the limit, not within a UTF-8 character.
std::string limited(std::string content, std::size_t limit) {
  if (content.size() <= limit) return content;
  auto end = limit;
  while (end > 0 && (static_cast<unsigned char>(content[end]) & 0xC0) == 0x80) --end;
  content.resize(end);
  return content;
}

template <class T, class F>
result<T> guarded(const char* code, F&& f) {
  try {
    return f();
  } catch (const std::exception& e) {
    return fail(code, e.what());
  } catch (...) {
    return fail(code, "threw something that is no std::exception");
  }
}

tool_answer ask(job& j, workshop& shop, const plan_step& step,
                const std::function<void(job_event)>& report) {
  tool_answer answer{step.tool, step.arguments_json, outcome::failed, ""};
  const tool_entry* chosen = nullptr;
  for (const auto& tool : shop.tools)
    if (tool.info.name == step.tool) chosen = &tool;
  if (!chosen) {
    answer.content = "there is no such tool here";
    return answer;
  }
  const tool_context where{
      shop.time, &j.cancelled, [&](std::string_view partial) {
        if (!j.cancelled) report(text{std::string(partial), "background", j.task.request, false});
      }};
  const auto& policy = chosen->info.policy;
  j.call_deadline_ns = monotonic_ns() + policy.time_limit_ms * 1'000'000LL;
  auto said = guarded<std::string>(
      "tool.threw", [&] { return chosen->instance->call(step.arguments_json, where); });
  const bool too_late = monotonic_ns() > j.call_deadline_ns.exchange(0);
  answer.content = limited(said ? std::move(*said) : said.error().message, policy.max_result_bytes);
  answer.status = j.cancelled                      ? outcome::cancelled
                  : too_late && !shop.deliver_late ? outcome::timed_out
                  : said                           ? outcome::ok
                                                   : outcome::failed;
  return answer;
}

}  // namespace

void work(job& j, workshop& shop, const std::function<void(job_event)>& report) {
  std::vector<tool_answer> so_far;
  for (int step_number = 0; step_number < shop.max_steps; ++step_number) {
    if (j.cancelled) return report(job_end{outcome::cancelled, ""});
    const tool_context where{shop.time, &j.cancelled, {}};
    auto step = guarded<plan_step>(
        "planner.threw", [&] { return shop.plan->next(j.task, shop.tools, so_far, where); });
    if (!step) return report(job_end{outcome::failed, step.error().message});
    if (step->what == plan_step::kind::answer) return report(job_end{outcome::ok, step->text});
    if (step->what == plan_step::kind::give_up) return report(job_end{outcome::failed, step->text});
    const auto call = shop.next_call++;
    report(tool_call{call, j.task.request, step->tool, step->arguments_json});
    so_far.push_back(ask(j, shop, *step, report));
    const auto& answer = so_far.back();
    report(tool_result{call, j.task.request, answer.tool, answer.status, answer.content});
    if (answer.status == outcome::timed_out)
      return report(job_end{outcome::timed_out, answer.tool + " took too long"});
  }
  report(job_end{outcome::failed, "too many steps"});
}

}  // namespace hocket::background
