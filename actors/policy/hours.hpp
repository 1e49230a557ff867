// Times of day, as policies and graphs write them.
#pragma once

#include <optional>
#include <string_view>

namespace hocket::policy {

/// Minutes since midnight of "23:05"; nothing where it is no time of day.
std::optional<int> minute_of_day(std::string_view text);

/// From one minute of the day to before another; past midnight where it ends earlier than it begins.
struct day_span {
  int from = 0, to = 0;
  bool has(int minute) const {
    return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
  }
};
/// "23:00-05:00"; nothing where it is none, or ends when it begins.
std::optional<day_span> span_of_day(std::string_view text);

/// The machine's own time of day, in its time zone.
int local_minute_of_day();

}  // namespace hocket::policy
