#pragma once

#include <string>
#include <string_view>

namespace hocket::background {

/// A result of a function in JSON, or as Python prints it (`{'time': '3:15'}`: what agents in Python send), as
/// words: its values in their order, without names. Other text as it is.
std::string words_of_result(std::string_view content);

}  // namespace hocket::background
