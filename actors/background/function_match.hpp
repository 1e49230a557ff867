#pragma once

#include <string>
#include <string_view>

#include "graph/contract/tool.hpp"

namespace hocket::background {

/// Arguments (a JSON object) for a function that knows no task by its words, out of what it says of
/// itself: the task shares a word of meaning with its name, its description or its parameters. "" where
/// it shares none. Values are what of the task the schema asks for: its numbers, one of an `enum`, the
/// words that are left; a parameter that is required always gets one (a zone of time
/// that nobody named: "UTC").
std::string arguments_by_description(const tool_info& function, std::string_view task);
/// Whether it has a parameter for all that was asked (`query`, `question`, `text`, ...): it is for any task.
bool takes_whole_task(const tool_info& function);
/// The same for a function that is asked although it shares no word.
std::string arguments_in_any_case(const tool_info& function, std::string_view task);

}  // namespace hocket::background
