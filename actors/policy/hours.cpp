#include "actors/policy/hours.hpp"

#include <charconv>
#include <ctime>

namespace hocket::policy {

std::optional<int> minute_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return {};
  int hour = 0, minute = 0;
  const auto two = [&](std::size_t at, int& into) {
    const auto [end, problem] = std::from_chars(text.data() + at, text.data() + at + 2, into);
    return problem == std::errc() && end == text.data() + at + 2 && text[at] != '-';
  };
  if (!two(0, hour) || !two(3, minute) || hour > 23 || minute > 59) return {};
  return hour * 60 + minute;
}

std::optional<day_span> span_of_day(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == text.npos) return {};
  const auto from = minute_of_day(text.substr(0, dash)), to = minute_of_day(text.substr(dash + 1));
  if (!from || !to || *from == *to) return {};
  return day_span{*from, *to};
}

int local_minute_of_day() {
  const auto now = std::time(nullptr);
  std::tm here{};
  return localtime_r(&now, &here) == nullptr ? 0 : here.tm_hour * 60 + here.tm_min;
}

}  // namespace hocket::policy
