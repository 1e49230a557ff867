#include "actors/alerts/alerts.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/alerts/names.hpp"

namespace hocket::alerts {

component_info alert::info_of(const char* type, const char* summary) {
  return {.type = type,
          .summary = summary,
          .inputs = {},
          .outputs = {{"alerts", {.kind = payload_kind::text}, "each change, as JSON"}},
          .scope = instance_scope::shared,
          .ticks = true};
}

result<void> alert::open(const context& where) {
  context_ = where;
  run_ = dynamic_cast<const run_watch*>(where.graph);
  if (run_ == nullptr) return fail("alerts.no_run", "there is no run here that counts anything");
  return {};
}

result<void> alert::tick(std::int64_t, emitter& out) {
  const auto now = context_.time->now();
  const auto seen = what_->look(now, run_->figures());
  const auto change = state_.look(now, seen.value);
  if (change != latch::change::none) tell(seen, change == latch::change::raised, now, out);
  return {};
}

void alert::tell(const sight& s, bool is_raised, timestamp now, emitter& out) {
  const auto text = what_->text(s);
  context_.count(active_counter, is_raised ? 1 : -1);
  if (is_raised) context_.count(raised_counter, 1);
  context_.log(fmt::format("alert {}: {}", is_raised ? "raised" : "cleared", text));
  const nlohmann::ordered_json body = {{"alert", context_.actor},
                                       {"state", is_raised ? "raised" : "cleared"},
                                       {"value", s.value},
                                       {"above", what_->limits().above},
                                       {"text", text},
                                       {"t_s", now.seconds()}};
  out.for_session(session_id::none);
  out.emit(
      0, now,
      hocket::text{.value = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                   .role = "alert"});
}

// Whoever takes its place begins anew.
result<void> alert::close(emitter&) {
  if (state_.is_raised()) context_.count(active_counter, -1);
  return {};
}

}  // namespace hocket::alerts
