#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "graph/core/result.hpp"

namespace hocket::cli {

/// Prints what may hold words from outside (a graph, a recording, a peer, a tool): nothing in it moves
/// the cursor, sets a title or turns the writing over; see hocket::clean_text. Newlines and
/// tabs stay. Values that the graph took from the environment stand as `${env:NAME}`.
void print_clean(std::FILE* to, std::string_view text);

template <class... Args>
void say(std::FILE* to, fmt::format_string<Args...> format, Args&&... args) {
  print_clean(to, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  print_clean(stdout, fmt::format(format, std::forward<Args>(args)...));
}

/// "error: message [code]" on stderr, cleaned as above; gives the exit code on.
int tell(const error& e, int code, std::FILE* to = stderr);

}  // namespace hocket::cli
