#pragma once

#include <ctime>
#include <map>
#include <string>

#include "actors/background/language/chat.hpp"
#include "graph/contract/planner.hpp"

namespace hocket::background {

/// What a prompt may hold.
struct prompt_limits {
  std::size_t transcript_bytes = 4000;  ///< of the conversation; the oldest is left out
  std::size_t result_bytes = 4000;      ///< of each tool's result
  std::string instructions;             ///< of the graph, after our own
  std::vector<chat_example> examples = {};
};

/// The tools of a request under names that every endpoint takes ("files.read" -> "files_read"), fixed
/// when the request began.
class tool_names {
 public:
  explicit tool_names(std::span<const tool_info> tools);
  /// The graph's name for one that a model wrote; empty where there is none such.
  std::string real(const std::string& name) const;
  std::string shown(const std::string& tool) const;
  /// Function definitions of the tools that are in `allowed`. `known`: see narrow_addresses; a tool that
  /// needs an address is left out where there is none.
  json definitions(std::span<const tool_info> tools, const std::vector<std::string>& allowed,
                   const std::vector<std::string>* known = nullptr) const;

 private:
  std::map<std::string, std::string> real_, shown_;
};

/// An example as the messages that a model would have seen.
void add_example(json& messages, const chat_example& example, const tool_names& names);

/// The next step in few words; see plain_turn. Spoken numbers are written in figures.
/// `offered`: definitions of the tools that may be called.
plain_turn plain_for(const plan_view& view, const tool_names& names, const prompt_limits& limits,
                     const json& offered);

/// Messages for the next step: who the model is, the conversation, the request, and what tools gave,
/// each in a fence that its text cannot close. `may_call` false: it must answer now.
json messages_for(const plan_view& view, const tool_names& names, const prompt_limits& limits,
                  std::time_t now, bool may_call);

/// Messages that ask which tools a request needs, before any of their results is read.
json messages_to_choose(const plan_view& view, const tool_names& names,
                        const prompt_limits& limits);

/// The names, out of what a model answered to that: those that stand in it as words.
std::vector<std::string> chosen_in(const std::string& text, std::span<const tool_info> tools,
                                   const tool_names& names);

/// A text that a tool gave, as evidence: hidden HTML and control characters gone, cut, fenced.
std::string fenced(const std::string& tool, const std::string& text, std::size_t limit);

/// An answer as it can be spoken: no markup, no lists, one line.
std::string spoken(const std::string& text);

}  // namespace hocket::background
