#include "actors/observe/exposition.hpp"

#include <cmath>

#include <fmt/format.h>

namespace hocket::observe {
namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
}

std::string number(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  // Counters beyond six digits must not lose any.
  if (v == std::floor(v) && std::fabs(v) < 1e15) return fmt::format("{:.0f}", v);
  return fmt::format("{}", v);
}

}  // namespace

void exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += fmt::format("# HELP {} ", name);
  append_escaped(text_, help, false);
  text_ += fmt::format("\n# TYPE {} {}\n", name, type);
}

void exposition::line(std::string_view suffix, labels of, std::string_view bound,
                      std::string_view value) {
  text_ += name_;
  text_ += suffix;
  char before = '{';
  const auto add = [&](std::string_view key, std::string_view v) {
    text_ += before;
    text_ += key;
    text_ += "=\"";
    append_escaped(text_, v, true);
    text_ += '"';
    before = ',';
  };
  for (const auto& [key, v] : of) add(key, v);
  if (!bound.empty()) add("le", bound);
  if (before == ',') text_ += '}';
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

void exposition::sample(labels of, double value) { line("", of, "", number(value)); }

void exposition::sample(labels of, const host::duration_buckets& b) {
  for (std::size_t i = 0; i < b.size; ++i)
    line("_bucket", of, fmt::format("{}", b.bound_s(i)), fmt::format("{}", b.below[i]));
  line("_bucket", of, "+Inf", fmt::format("{}", b.count));
  line("_sum", of, "", number(b.sum_s));
  line("_count", of, "", fmt::format("{}", b.count));
}

}  // namespace hocket::observe
