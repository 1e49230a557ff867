#include "actors/webhook/webhook.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "actors/observe/packet_text.hpp"
#include "graph/contract/capability.hpp"
#include "graph/contract/run_figures.hpp"

namespace hocket::webhook {
namespace {

constexpr std::size_t words_max = 65'536;  ///< of one text; more is cut, and says so

}  // namespace

void sink::config::visit(config_visitor& v) {
  v.field({.name = "url",
           .doc = "where each packet is sent, over https://",
           .required = true,
           .is_address = true},
          url);
  v.field({.name = "secret_env",
           .doc = "variable with the secret that signs (`whsec_` and base64, or any text)"},
          secret_env);
  v.field(
      {.name = "inside",
       .doc = "HOST:PORT of a server inside: its address need not be public, and http:// will do"},
      inside);
  v.field(
      {.name = "ca_file", .doc = "PEM file to trust instead of the system's list", .is_path = true},
      ca_file);
  v.field({.name = "queue",
           .doc = "packets that wait; beyond, the newest are dropped and counted",
           .min = 1,
           .max = 10'000},
          queue);
  v.field({.name = "tries", .doc = "of each packet", .min = 1, .max = 20}, tries);
  v.field({.name = "backoff_ms",
           .doc = "before the second try; doubles, up to a minute",
           .unit = "ms",
           .min = 1,
           .max = 60'000},
          backoff_ms);
  v.field({.name = "time_limit_ms", .doc = "of one try", .unit = "ms", .min = 1, .max = 60'000},
          time_limit_ms);
  v.field({.name = "end_ms",
           .doc = "how long the end of the run waits for what is not delivered yet",
           .unit = "ms",
           .min = 0,
           .max = 4000},
          end_ms);
}

component_info sink::info() {
  const auto port = [](const char* name, payload_kind kind) {
    return input_port{name, {.kind = kind}, "any output of this kind", false, {}};
  };
  return {.type = "webhook.sink",
          .summary = "Sends each packet to an address outside as one signed POST.",
          .inputs = {port("text", payload_kind::text), port("tool_calls", payload_kind::tool_call),
                     port("tool_results", payload_kind::tool_result),
                     port("delegations", payload_kind::delegation)},
          .outputs = {},
          .scope = instance_scope::shared,
          .ticks = true};
}

result<void> sink::open(const context& where) {
  context_ = where;
  with_words_ = capability_of(where)->keeps(trust::data_class::word);
  sender_setup how{.url = config_.url,
                   .inside = config_.inside,
                   .secret_env = config_.secret_env,
                   .ca_file = config_.ca_file,
                   .time_limit_ms = static_cast<int>(config_.time_limit_ms),
                   .end_ms = config_.end_ms};
  how.limits.waiting = static_cast<std::size_t>(config_.queue);
  how.limits.tries = static_cast<int>(config_.tries);
  how.limits.backoff_ms = static_cast<int>(config_.backoff_ms);
  auto made = sender::open(std::move(how), where, [this](const sender::report& r) { note(r); });
  if (!made) return fail(made);
  sender_ = std::move(*made);
  return {};
}

result<void> sink::process(std::size_t port, const packet& p, emitter&) {
  if (!p.body || p.kind() == payload_kind::control || !sender_) return {};
  const auto& h = p.header;
  // What watches the run tells every conversation, and once nobody's: that one is sent.
  const auto* run = dynamic_cast<const run_watch*>(context_.graph);
  const bool tells_of_run = run != nullptr && run->tells_of_run(h);
  if (tells_of_run && h.session != session_id::none) return {};
  nlohmann::ordered_json body = {{"type", to_string(p.kind())}};
  body["from"] =
      context_.graph != nullptr ? context_.graph->output_of(h) : info().inputs[port].name;
  body["session"] = static_cast<std::uint64_t>(h.session);
  body["seq"] = h.seq;
  body["t_ms"] = h.ts.ms();
  body["data"] = observe::figures_of(*p.body, with_words_ || tells_of_run, words_max);
  sender_->post({.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
  return {};
}

void sink::note(const sender::report& r) {
  const auto add = [&](const char* name, std::uint64_t n) {
    if (n > 0) context_.count(name, static_cast<std::int64_t>(n));
  };
  add("delivered", r.added.delivered);
  add("retried", r.added.retried);
  add("refused", r.added.refused);
  add("gave_up", r.added.gave_up);
  add("dropped", r.added.dropped);
  if (r.added.refused > 0 && !std::exchange(was_refused_, true))
    context_.log("the receiver refuses deliveries: see the counter `refused`");
}

result<void> sink::tick(std::int64_t, emitter&) {
  if (sender_) sender_->tell();
  return {};
}

result<void> sink::close(emitter&) {
  if (sender_) sender_->finish();
  sender_.reset();
  return {};
}

}  // namespace hocket::webhook
