// Lessons as texts that a planner's model should have written.
#include <algorithm>

#include "actors/background/language/language_planner.hpp"
#include "actors/background/language/plain_text.hpp"
#include "actors/trainer/examples/text_example.hpp"
#include "graph/text/clean.hpp"

namespace hocket::background {
namespace {

/// Text that is read and text that is learnt, by turns.
class segments {
 public:
  void add(const std::string& text, bool is_learnt) {
    if (!all_.empty() && all_.back()["learnt"] == is_learnt)
      all_.back()["text"].get_ref<std::string&>() += text;
    else
      all_.push_back({{"text", text}, {"learnt", is_learnt}});
  }
  nlohmann::json done() { return {{"segments", std::move(all_)}}; }

 private:
  nlohmann::json all_ = nlohmann::json::array();
};

/// One view of a lesson: its request and the calls before step `made`.
struct step_of_lesson {
  delegation task;
  std::vector<tool_answer> so_far;
  step_of_lesson(const lesson& l, std::size_t made) {
    task.request = 1;
    task.task = l.task;
    task.transcript = l.transcript;
    for (std::size_t i = 0; i < made; ++i)
      so_far.push_back(
          {l.calls[i].tool, l.calls[i].arguments_json, outcome::ok, l.calls[i].result});
  }
  plan_view view(std::span<const tool_info> tools) const { return {task, tools, so_far}; }
};

nlohmann::json in_lines(std::span<const lesson> lessons, std::span<const tool_info> tools,
                        const tool_names& names, const prompt_limits& limits, const json& offered) {
  segments out;
  for (const auto& l : lessons) {
    const step_of_lesson begin(l, 0);
    const auto turn = plain_for(begin.view(tools), names, limits, offered);
    out.add(&l == lessons.data() ? plain_prompt(turn, true) : next_request(turn), false);
    for (const auto& c : l.calls) {
      out.add(call_line(names.shown(c.tool), c.arguments_json), true);
      out.add(result_line(cut_text(clean_text(c.result), limits.result_bytes)) + "Function:",
              false);
    }
    out.add(answer_line(l.answer), true);
    out.add("\n", false);
  }
  return out.done();
}

/// The messages of a step, and what the model should have answered to them.
nlohmann::json in_messages(const lesson& l, std::size_t made, std::span<const tool_info> tools,
                           const tool_names& names, const prompt_limits& limits,
                           const json& offered) {
  const step_of_lesson step(l, made);
  auto messages = messages_for(step.view(tools), names, limits, std::time_t{0}, true);
  if (made == l.calls.size()) {
    messages.push_back({{"role", "assistant"}, {"content", l.answer}});
  } else {
    const auto& c = l.calls[made];
    messages.push_back(
        {{"role", "assistant"},
         {"content", ""},
         {"tool_calls",
          {{{"id", "call_" + std::to_string(made + 1)},
            {"type", "function"},
            {"function", {{"name", names.shown(c.tool)}, {"arguments", c.arguments_json}}}}}}});
  }
  return {{"messages", messages}, {"tools", offered}};
}

}  // namespace

result<std::vector<training_example>> language_planner::examples_of(
    std::span<const lesson> lessons, std::span<const tool_info> tools,
    const std::string& provenance) {
  const tool_names names(tools);
  std::vector<std::string> all;
  for (const auto& t : tools) all.push_back(t.name);
  for (const auto& l : lessons)
    for (const auto& c : l.calls)
      if (std::ranges::find(all, c.tool) == all.end())
        return fail("background.bad_lesson",
                    "`" + c.tool + "` is none of the tools that this agent may ask");
  const auto offered = names.definitions(tools, all);
  std::vector<training_example> out;
  if (model_->reads_lines()) {
    if (!lessons.empty())
      out.push_back(
          trainer::json_example(in_lines(lessons, tools, names, limits(), offered), provenance));
    return out;
  }
  for (const auto& l : lessons)
    for (std::size_t made = 0; made <= l.calls.size(); ++made)
      out.push_back(
          trainer::json_example(in_messages(l, made, tools, names, limits(), offered), provenance));
  return out;
}

}  // namespace hocket::background
