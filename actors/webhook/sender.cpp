#include "actors/webhook/sender.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include "actors/http/digest.hpp"
#include "actors/http/fetch.hpp"
#include "actors/http/signature.hpp"
#include "actors/http/url.hpp"
#include "graph/contract/capability.hpp"
#include "graph/trust/loopback.hpp"
#include "graph/trust/public_address.hpp"

namespace hocket::webhook {
namespace {

std::int64_t unix_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool may_succeed_later(int status) {
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

tl::unexpected<error> bad(std::string why) { return fail("webhook.bad_config", std::move(why)); }

bool names_inside(const sender_setup& how, const http::url& at) {
  return std::ranges::find(how.inside, fmt::format("{}:{}", at.host, at.port)) != how.inside.end();
}

}  // namespace

result<void> check_address(const sender_setup& how) {
  const auto at = http::read_url(how.url);
  if (!at) return bad("its address: " + at.error().message);
  if (at->scheme == "https") return {};
  const bool plain = at->scheme == "http";
  if (how.where == reach::own) {
    if (plain && trust::is_loopback_host(at->host)) return {};
    return bad("its address must be https://, or http:// of this machine (127.0.0.1, localhost)");
  }
  if (plain && names_inside(how, *at)) return {};
  return bad("`url` must be https:// (http:// only where `inside` names the server)");
}

sender::sender(sender_setup how, std::function<void(const report&)> tell)
    : how_(std::move(how)), tell_(std::move(tell)), run_(http::random_token(12)) {}

sender::~sender() { finish(); }

result<std::unique_ptr<sender>> sender::open(sender_setup how, const context& where,
                                             std::function<void(const report&)> tell,
                                             std::function<void()> settled) {
  HOCKET_TRY(check_address(how));
  const auto may = capability_of(where);
  HOCKET_TRY(may->address(how.url));
  std::unique_ptr<sender> made(new sender(std::move(how), std::move(tell)));
  HOCKET_TRY(made->read_environment(*may));
  const auto at = http::read_url(made->how_.url);
  made->is_trusted_ = made->how_.where == reach::own || names_inside(made->how_, *at);
  made->outbox_ = std::make_unique<outbox>(
      made->how_.limits, [self = made.get()](const delivery& d) { return self->try_once(d); },
      std::move(settled));
  return made;
}

result<void> sender::read_environment(const trust::capability& may) {
  const auto variable = [&](const std::string& name) -> result<std::string> {
    if (name.empty()) return std::string();
    HOCKET_TRY(may.variable(name));
    const char* said = std::getenv(name.c_str());
    if (said == nullptr || *said == '\0')
      return bad("the environment has no variable `" + name + "`: set it before the run");
    return std::string(said);
  };
  auto token = variable(how_.token_env);
  if (!token) return fail(token);
  token_ = std::move(*token);
  const auto said = variable(how_.secret_env);
  if (!said) return fail(said);
  if (said->empty()) return {};
  const auto secret = http::signing_secret(*said);
  if (!secret || secret->empty())
    return bad("the variable " + how_.secret_env + " (`secret_env`) is no base64 behind `whsec_`");
  secret_ = *secret;
  return {};
}

answer sender::try_once(const delivery& d) const {
  http::fetch_request r;
  r.method = "POST";
  r.url = how_.url;
  r.body = d.body;
  r.headers = {{"Content-Type", "application/json"}, {"User-Agent", "hocket"}};
  if (!token_.empty()) r.headers.emplace_back("Authorization", "Bearer " + token_);
  const auto id = fmt::format("msg_{}_{}", run_, d.number);
  const auto at = fmt::to_string(unix_s());
  r.headers.emplace_back("webhook-id", id);
  r.headers.emplace_back("webhook-timestamp", at);
  if (!secret_.empty())
    r.headers.emplace_back(
        "webhook-signature",
        "v1," + http::base64_of(http::hmac_sha256(secret_, id + "." + at + "." + d.body)));
  r.total_ms = how_.time_limit_ms;
  r.connect_ms = std::min(r.total_ms, 5000);
  r.body_bytes = 4096;
  r.header_bytes = 16 << 10;
  r.ca_file = how_.ca_file;
  r.cancelled = &stopping_;
  if (!is_trusted_) r.may_connect = trust::is_public;
  int status = 0;
  r.on_head = [&](int answered, const http::header_list&) {
    status = answered;
    return false;  // what it says beside that is nobody's
  };
  const auto got = http::fetch(r);
  if (!got && status == 0)
    return {got.error().code == "http.not_allowed" || got.error().code == "http.bad_url"
                ? fate::refused
                : fate::again,
            0};
  if (status >= 200 && status < 300) return {fate::delivered, status};
  return {may_succeed_later(status) ? fate::again : fate::refused, status};
}

void sender::tell() {
  if (!outbox_) return;
  const auto now = outbox_->so_far();
  const auto was = std::exchange(told_, now);
  tell_({{now.delivered - was.delivered, now.retried - was.retried, now.refused - was.refused,
          now.gave_up - was.gave_up, now.dropped - was.dropped},
         outbox_->take_lost()});
}

void sender::finish() {
  if (!outbox_) return;
  // One that is under way may take as long as a try; it is cut off where the end has no time for it.
  outbox_->wait(how_.end_ms);
  stopping_ = true;
  outbox_->end();
  tell();
  outbox_.reset();
}

}  // namespace hocket::webhook
