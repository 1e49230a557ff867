#include "plugins/text_parts/timer.hpp"

#include <fmt/format.h>

namespace hocket::text_parts {
namespace {

std::string numbered(std::string words, std::int64_t n) {
  const auto digits = fmt::format("{}", n);
  for (std::size_t at = 0; (at = words.find("{n}", at)) != std::string::npos; at += digits.size())
    words.replace(at, 3, digits);
  return words;
}

}  // namespace

void timer::config::visit(config_visitor& v) {
  v.field({.name = "every_ms", .doc = "between two texts", .unit = "ms", .min = 1, .max = 86400000},
          every_ms);
  v.field(
      {.name = "first_ms", .doc = "when the first one is", .unit = "ms", .min = 0, .max = 86400000},
      first_ms);
  v.field({.name = "count", .doc = "how many; 0: without end", .min = 0, .max = 1e12}, count);
  v.field({.name = "text", .doc = "what is said; `{n}` in it is the number, from 0 on"}, text);
  v.field({.name = "role", .doc = "who says it"}, role);
}

component_info timer::info() {
  return {.type = "text.timer",
          .summary = "Says a text again and again, at fixed stream times.",
          .inputs = {},
          .outputs = {{"text", {.kind = payload_kind::text}, "one per `every_ms`"}},
          .source = true};
}

// Its conversation may begin long after the run: it counts from there, and what opens with the run from 0.
// After a restart it goes on with the next time that is not past.
result<void> timer::open(const context& where) {
  if (!where.time) return {};
  const auto& grid = where.grid;
  const auto now = where.time->now(), from = where.restarts > 0 ? where.began : now;
  const auto k = grid.index_of(from);
  if (k > 0) began_ = from == grid.start_of(k) ? from : grid.end_of(k);
  if (where.restarts == 0) return {};
  const auto past_ms = (now - began_) / std::chrono::milliseconds(1) - config_.first_ms;
  next_ = past_ms < 0 ? 0 : past_ms / config_.every_ms + 1;
  return {};
}

result<source_state> timer::produce(timestamp until, emitter& out) {
  const auto ended = [&] { return config_.count > 0 && next_ >= config_.count; };
  while (!ended()) {
    const auto at = began_ + std::chrono::milliseconds(config_.first_ms + next_ * config_.every_ms);
    if (at >= until) return source_state::more;
    out.emit(0, at, hocket::text{numbered(config_.text, next_), config_.role});
    ++next_;
  }
  return source_state::end_of_stream;
}

}  // namespace hocket::text_parts
