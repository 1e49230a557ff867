#include "plugins/text_parts/batch.hpp"

#include <utility>

namespace hocket::text_parts {

void batch::config::visit(config_visitor& v) {
  v.field({.name = "size", .doc = "texts in one", .min = 1, .max = 100000}, size);
  v.field({.name = "within_ms",
           .doc = "age of the oldest at which fewer go, too; 0: they wait for each other",
           .unit = "ms",
           .min = 0,
           .max = 86400000},
          within_ms);
  v.field({.name = "separator", .doc = "between two of them"}, separator);
}

component_info batch::info() {
  const media_type words{.kind = payload_kind::text};
  return {.type = "text.batch",
          .summary = "Joins several texts into one.",
          .inputs = {{"text", words, "any text"}},
          .outputs = {{"text", words, "up to `size` of them"}},
          .ticks = true};
}

result<void> batch::open(const context& where) {
  grid_ = where.grid;
  return {};
}

result<void> batch::process(std::size_t, const packet& p, emitter& out) {
  if (!p.get_if<text>()) return {};
  waiting_.push_back(p);
  if (static_cast<std::int64_t>(waiting_.size()) >= config_.size) send(out);
  return {};
}

result<void> batch::tick(std::int64_t micro_turn, emitter& out) {
  if (waiting_.empty() || config_.within_ms == 0) return {};
  const auto oldest = waiting_.front().header.ts;
  if (grid_.start_of(micro_turn + 1) - oldest >= std::chrono::milliseconds(config_.within_ms))
    send(out);
  return {};
}

void batch::send(emitter& out) {
  if (waiting_.empty()) return;
  const auto all = std::exchange(waiting_, {});
  text joined = *all.back().get_if<text>();
  joined.value.clear();
  timestamp at = all.front().header.ts;
  for (const auto& p : all) {
    if (&p != &all.front()) joined.value += config_.separator;
    joined.value += p.get_if<text>()->value;
    at = std::max(at, p.header.ts);
  }
  out.emit(0, at, std::move(joined));
}

result<void> batch::on_control(std::size_t, const packet& p, emitter& out) {
  const auto* c = p.get_if<control>();
  if (c && c->what == control::kind::end_of_stream) send(out);
  return {};
}

result<void> batch::close(emitter& out) {
  send(out);
  return {};
}

}  // namespace hocket::text_parts
