#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "graph/core/result.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket::host {

/// What a component says of itself (an error, a line for the log, the name of a counter), as it goes
/// to logs, recordings, screens and other hosts: see clean_text, and at most `limit` bytes of it.
std::string own_words(std::string_view said, std::size_t limit = 4096);

/// The same of an error, which then has a code and a sentence.
error own_words(const error& said);

/// How many lines an actor may log: a component that floods its log floods no disk.
///
/// By stream time, so that in virtual time the same lines are kept, whatever the machine's load.
class line_limit {
 public:
  static constexpr int lines_a_second = 2000;
  /// False: one too many in this second of stream time.
  bool takes(timestamp now) {
    const auto second = now.ns() / 1'000'000'000;
    if (second != second_) lines_ = 0;
    second_ = second;
    return ++lines_ <= lines_a_second;
  }

 private:
  std::int64_t second_ = 0;
  std::int64_t lines_ = 0;
};

}  // namespace hocket::host
