// Ranges of numbers and named formats as regular expressions.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "engine/language/constraint/schema_parts.hpp"

namespace hocket::language {
namespace {

/// A decimal text without its sign, in its parts; the fraction has no zeros at its end.
struct decimal {
  bool negative = false;
  std::string whole, fraction;
  bool zero() const { return whole == "0" && fraction.empty(); }
};

decimal parts_of(std::string text) {
  decimal d;
  if (text.starts_with('-')) d.negative = true, text.erase(0, 1);
  const auto point = text.find('.');
  d.whole = text.substr(0, point);
  if (point != std::string::npos) d.fraction = text.substr(point + 1);
  while (d.fraction.ends_with('0')) d.fraction.pop_back();
  return d;
}

std::string digits(char from, char to) { return from > to ? "" : fmt::format("[{}-{}]", from, to); }

/// What the pieces of an alternation are gathered in.
class choice {
 public:
  void add(const std::string& way) { text_ += (text_.empty() ? "" : "|") + way; }
  std::string text() const { return text_.empty() ? "[^\\s\\S]" : "(?:" + text_ + ")"; }

 private:
  std::string text_;
};

/// Numbers from zero on that are at least `d` (above it where `above`).
std::string at_least(const decimal& d, bool above, bool integer) {
  const std::string any = integer ? "" : "(?:\\.\\d+)?";
  const auto n = d.whole.size();
  choice out;
  out.add(fmt::format("[1-9]\\d{{{},}}{}", n, any));
  for (std::size_t i = 0; i < n; ++i)
    if (const auto more = digits(static_cast<char>(d.whole[i] + 1), '9'); !more.empty())
      out.add(fmt::format("{}{}\\d{{{}}}{}", d.whole.substr(0, i), more, n - i - 1, any));
  if (integer) {
    if (d.fraction.empty() && !above) out.add(d.whole);
    return out.text();
  }
  for (std::size_t i = 0; i < d.fraction.size(); ++i)
    if (const auto more = digits(static_cast<char>(d.fraction[i] + 1), '9'); !more.empty())
      out.add(fmt::format("{}\\.{}{}\\d*", d.whole, d.fraction.substr(0, i), more));
  if (above)
    out.add(fmt::format("{}\\.{}\\d*[1-9]\\d*", d.whole, d.fraction));
  else
    out.add(d.fraction.empty() ? d.whole + "(?:\\.\\d+)?"
                               : fmt::format("{}\\.{}\\d*", d.whole, d.fraction));
  return out.text();
}

/// Numbers from zero on that are at most `d` (below it where `below`).
std::string at_most(const decimal& d, bool below, bool integer) {
  const std::string any = integer ? "" : "(?:\\.\\d+)?";
  const auto n = d.whole.size();
  choice out;
  if (n > 1) out.add(fmt::format("(?:0|[1-9]\\d{{0,{}}}){}", n - 2, any));
  for (std::size_t i = 0; i < n; ++i)
    if (const auto less = digits(i == 0 && n > 1 ? '1' : '0', static_cast<char>(d.whole[i] - 1));
        !less.empty())
      out.add(fmt::format("{}{}\\d{{{}}}{}", d.whole.substr(0, i), less, n - i - 1, any));
  if (integer) {
    if (!below || !d.fraction.empty()) out.add(d.whole);
    return out.text();
  }
  for (std::size_t i = 0; i < d.fraction.size(); ++i) {
    if (const auto less = digits('0', static_cast<char>(d.fraction[i] - 1)); !less.empty())
      out.add(fmt::format("{}\\.{}{}\\d*", d.whole, d.fraction.substr(0, i), less));
    // The fraction may end sooner: what is missing counts as zeros.
    out.add(i == 0 ? d.whole : fmt::format("{}\\.{}", d.whole, d.fraction.substr(0, i)));
  }
  if (!below)
    out.add(d.fraction.empty() ? d.whole + "(?:\\.0+)?"
                               : fmt::format("{}\\.{}0*", d.whole, d.fraction));
  return out.text();
}

}  // namespace

std::optional<std::string> decimal_text(const schema_json& number) {
  if (number.is_number_integer()) {
    auto text = number.dump();
    return text.size() <= 16 ? std::optional(text) : std::nullopt;
  }
  const double value = number.get<double>();
  if (!std::isfinite(value) || std::fabs(value) >= 1e15) return {};
  for (int precision = 0; precision <= 15; ++precision) {
    auto text = fmt::format("{:.{}f}", value, precision);
    if (std::stod(text) == value) return text == "-0" ? "0" : text;
  }
  return {};
}

std::vector<std::string> patterns_of(const number_bounds& bounds, bool integer) {
  std::vector<std::string> out;
  const std::string any = integer ? "(?:0|[1-9]\\d*)" : "(?:0|[1-9]\\d*)(?:\\.\\d+)?";
  const std::string negative = "-" + at_least({false, "0", ""}, true, integer);
  if (bounds.least) {
    const auto d = parts_of(*bounds.least);
    if (d.negative && !d.zero())
      out.push_back(any + "|-" + at_most(d, bounds.above_least, integer));
    else
      out.push_back(at_least(d, bounds.above_least, integer));
  }
  if (bounds.most) {
    const auto d = parts_of(*bounds.most);
    if (d.negative && !d.zero())
      out.push_back("-" + at_least(d, bounds.below_most, integer));
    else if (d.zero() && bounds.below_most)
      out.push_back(negative);
    else
      out.push_back(negative + "|" + at_most(d, bounds.below_most, integer));
  }
  return out;
}

std::string pattern_of_format(const std::string& format) {
  static const std::string date =
      "(?:[1-9]\\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]"
      "\\d|30)|"
      "02-(?:0[1-9]|1\\d|2[0-8]))|[1-9]\\d(?:0[48]|[2468][048]|[13579][26])-02-29)";
  static const std::string time =
      "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";
  static const std::string octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
  static const std::string label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,20}[A-Za-z0-9])?";
  static const std::string host = label + "(?:\\." + label + "){0,4}";
  static const std::string path = "[A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,200}";
  static const std::map<std::string, std::string> known{
      {"date", date},
      {"time", time},
      {"date-time", date + "T" + time},
      {"duration", "P(?:\\d{1,4}W|\\d{1,4}D(?:T\\d{1,4}H)?|T\\d{1,4}[HMS]|\\d{1,4}Y)"},
      {"email",
       "[A-Za-z0-9_%+-]{1,30}(?:\\.[A-Za-z0-9_%+-]{1,30})?@" + label + "(?:\\." + label + "){1,3}"},
      {"hostname", host},
      {"ipv4", octet + "(?:\\." + octet + "){3}"},
      {"ipv6", "(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"},
      {"uri", "https?://" + host + "(?::[1-9]\\d{1,3})?(?:/" + path + ")?"},
      {"uri-reference", "(?:https?://" + host + ")?/" + path},
      {"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
      {"json-pointer", "(?:/[A-Za-z0-9_.-]{1,40}){0,8}"}};
  const auto found = known.find(format);
  return found == known.end() ? "" : found->second;
}

}  // namespace hocket::language
