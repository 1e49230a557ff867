#include "actors/webhook/webhook.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/http/digest.hpp"
#include "actors/http/fetch.hpp"
#include "actors/http/signature.hpp"
#include "actors/http/url.hpp"
#include "actors/observe/packet_text.hpp"
#include "graph/contract/capability.hpp"
#include "graph/trust/public_address.hpp"

namespace hocket::webhook {
namespace {

constexpr std::size_t words_max = 65'536;  ///< of one text; more is cut, and says so

std::int64_t unix_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool may_succeed_later(int status) {
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

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

result<void> sink::check_address() {
  const auto bad = [](std::string why) { return fail("webhook.bad_config", std::move(why)); };
  const auto at = http::read_url(config_.url);
  if (!at) return bad("`url`: " + at.error().message);
  is_inside_ = std::ranges::find(config_.inside, fmt::format("{}:{}", at->host, at->port)) !=
               config_.inside.end();
  if (at->scheme != "https" && (at->scheme != "http" || !is_inside_))
    return bad("`url` must be https:// (http:// only where `inside` names the server)");
  return capability_of(context_)->address(config_.url);
}

result<void> sink::open(const context& where) {
  context_ = where;
  HOCKET_TRY(check_address());
  const auto may = capability_of(where);
  with_words_ = may->keeps(trust::data_class::word);
  if (!config_.secret_env.empty()) {
    HOCKET_TRY(may->variable(config_.secret_env));
    const char* said = std::getenv(config_.secret_env.c_str());
    const auto secret = http::signing_secret(said != nullptr ? said : "");
    if (!secret || secret->empty())
      return fail("webhook.bad_config", "the variable " + config_.secret_env +
                                            " (`secret_env`) is not set, or is no base64 behind "
                                            "`whsec_`");
    secret_ = *secret;
  }
  run_ = http::random_token(12);
  outbox_limits limits;
  limits.waiting = static_cast<std::size_t>(config_.queue);
  limits.tries = static_cast<int>(config_.tries);
  limits.backoff_ms = static_cast<int>(config_.backoff_ms);
  outbox_ = std::make_unique<outbox>(limits, [this](const delivery& d) { return post(d); });
  return {};
}

fate sink::post(const delivery& d) const {
  http::fetch_request r;
  r.method = "POST";
  r.url = config_.url;
  r.body = d.body;
  r.headers = {{"Content-Type", "application/json"}, {"User-Agent", "hocket"}};
  const auto id = fmt::format("msg_{}_{}", run_, d.number);
  const auto at = fmt::to_string(unix_s());
  r.headers.emplace_back("webhook-id", id);
  r.headers.emplace_back("webhook-timestamp", at);
  if (!secret_.empty())
    r.headers.emplace_back(
        "webhook-signature",
        "v1," + http::base64_of(http::hmac_sha256(secret_, id + "." + at + "." + d.body)));
  r.total_ms = static_cast<int>(config_.time_limit_ms);
  r.connect_ms = std::min(r.total_ms, 5000);
  r.body_bytes = 4096;
  r.header_bytes = 16 << 10;
  r.ca_file = config_.ca_file;
  r.cancelled = &stopping_;
  if (!is_inside_) r.may_connect = trust::is_public;
  int status = 0;
  r.on_head = [&](int answered, const http::header_list&) {
    status = answered;
    return false;  // what it says beside that is nobody's
  };
  const auto got = http::fetch(r);
  if (!got && status == 0)
    return got.error().code == "http.not_allowed" || got.error().code == "http.bad_url"
               ? fate::refused
               : fate::again;
  if (status >= 200 && status < 300) return fate::delivered;
  return may_succeed_later(status) ? fate::again : fate::refused;
}

result<void> sink::process(std::size_t port, const packet& p, emitter&) {
  if (!p.body || p.kind() == payload_kind::control || !outbox_) return {};
  const auto& h = p.header;
  nlohmann::ordered_json body = {{"type", to_string(p.kind())}};
  body["from"] =
      context_.graph != nullptr ? context_.graph->output_of(h) : info().inputs[port].name;
  body["session"] = static_cast<std::uint64_t>(h.session);
  body["seq"] = h.seq;
  body["t_ms"] = h.ts.ms();
  body["data"] = observe::figures_of(*p.body, with_words_, words_max);
  outbox_->put(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return {};
}

void sink::tell() {
  const auto now = outbox_->so_far();
  const auto add = [&](const char* name, std::uint64_t was, std::uint64_t is) {
    if (is > was) context_.count(name, static_cast<std::int64_t>(is - was));
  };
  add("delivered", told_.delivered, now.delivered);
  add("retried", told_.retried, now.retried);
  add("refused", told_.refused, now.refused);
  add("gave_up", told_.gave_up, now.gave_up);
  add("dropped", told_.dropped, now.dropped);
  if (told_.refused == 0 && now.refused > 0)
    context_.log("the receiver refuses deliveries: see the counter `refused`");
  told_ = now;
}

result<void> sink::tick(std::int64_t, emitter&) {
  if (outbox_) tell();
  return {};
}

result<void> sink::close(emitter&) {
  if (!outbox_) return {};
  // One that is under way may take as long as a try; it is cut off where the end has no time for it.
  outbox_->wait(config_.end_ms);
  stopping_ = true;
  outbox_->end();
  tell();
  outbox_.reset();
  return {};
}

}  // namespace hocket::webhook
