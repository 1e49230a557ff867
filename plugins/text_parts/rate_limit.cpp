#include "plugins/text_parts/rate_limit.hpp"

#include <algorithm>

namespace hocket::text_parts {
namespace {

enum output : std::size_t { text_out, refused_out };

}  // namespace

void rate_limit::config::visit(config_visitor& v) {
  v.field({.name = "per_s", .doc = "texts in the long run", .unit = "1/s", .min = 1e-5, .max = 1e6},
          per_s);
  v.field({.name = "burst", .doc = "texts at once, after a pause", .min = 1, .max = 1e6}, burst);
}

component_info rate_limit::info() {
  const media_type words{.kind = payload_kind::text};
  return {
      .type = "text.rate_limit",
      .summary = "Lets so many texts through per second.",
      .inputs = {{"text", words, "any text"}},
      .outputs = {{"text", words, "what is within the limit"}, {"refused", words, "what is not"}}};
}

result<void> rate_limit::open(const context& where) {
  context_ = where;
  return {};
}

result<void> rate_limit::process(std::size_t, const packet& p, emitter& out) {
  if (!p.get_if<text>()) return {};
  const auto now = p.header.ts;
  if (!filled_at_) filled_at_ = now;
  if (now > *filled_at_) {  // texts of several speakers may overlap in time: no token comes back
    const auto passed_s = static_cast<double>((now - *filled_at_).count()) / 1e9;
    tokens_ = std::min(config_.burst, tokens_ + passed_s * config_.per_s);
    filled_at_ = now;
  }
  constexpr double rounding = 1e-9;
  if (tokens_ >= 1 - rounding) {
    tokens_ = std::max(0.0, tokens_ - 1);
    out.emit(text_out, p);
  } else {
    context_.count("refused", 1);
    out.emit(refused_out, p);
  }
  return {};
}

}  // namespace hocket::text_parts
