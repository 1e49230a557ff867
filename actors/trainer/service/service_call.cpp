#include "actors/trainer/service/service_call.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/language/files/strict_json.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

constexpr std::int64_t first_back_off_ms = 500, longest_back_off_ms = 30'000;
constexpr std::int64_t poll_ms = 200;  ///< between polls of a server that answers at once
constexpr std::int64_t longest_poll_ms = 45'000;  ///< as the official client waits
constexpr std::int64_t longest_try_ms = 120'000;
constexpr std::size_t longest_words = 200, longest_url = 300;

json object_of(const std::string& body) {
  auto j = language::strict_json(body, "answer");
  return j && j->is_object() ? std::move(*j) : json();
}

bool is_proto(const http::fetch_answer& a) {
  return http::find_header(a.headers, "Content-Type")
      .value_or("")
      .starts_with("application/x-protobuf");
}

bool comes_again(const http::fetch_answer& a) {
  if (http::find_header(a.headers, "x-should-retry").value_or("") == "false") return false;
  const int s = a.status;
  return s == 408 || s == 409 || s == 425 || s == 429 || s >= 500 || (s == 400 && a.body.empty());
}

/// Secrets go first: half of one, where a text is cut, is not known any more.
std::string logged(const std::string& text, std::size_t longest) {
  return cut_text(trust::without_secrets(clean_text(text)), longest);
}

}  // namespace

std::string text_at(const json& j, const char* key, std::size_t longest) {
  const auto at = j.is_object() ? j.find(key) : j.end();
  if (at == j.end() || !at->is_string()) return {};
  const auto& text = at->get_ref<const std::string&>();
  return text.size() <= longest ? text : std::string();
}

std::string service_words(const std::string& body) {
  const auto j = object_of(body);
  std::string words;
  for (const char* key : {"detail", "error", "message"})
    if (words.empty()) words = text_at(j, key, body.size());
  if (words.empty()) words = j.is_null() ? body : j.dump();
  return logged(words, longest_words);
}

service_call::service_call(service_ask what, std::int64_t now_ms, std::int64_t patience_ms)
    : what_(std::move(what)), patience_ms_(patience_ms), until_ms_(now_ms + patience_ms) {}

service_try service_call::next(std::int64_t now_ms) {
  service_try t;
  t.pause_ms = std::exchange(pause_ms_, 0);
  sent_ms_ = now_ms + t.pause_ms;
  auto& r = t.request;
  const auto left = std::max<std::int64_t>(until_ms_ - sent_ms_, 1);
  r.body_bytes = what_.answer_bytes;
  if (is_submitted()) {
    r.method = "POST", r.url = "/api/v1/retrieve_future";
    r.body = json{{"request_id", request_id_}, {"allow_metadata_only", false}}.dump();
    r.headers = {{"Content-Type", "application/json"},
                 {"Accept", what_.wants_proto ? "application/x-protobuf" : "application/json"}};
    r.total_ms = static_cast<int>(std::min(left, longest_poll_ms));
    return t;
  }
  r.method = what_.method, r.url = what_.path, r.body = what_.body;
  r.headers = {{"Accept", what_.path.starts_with('/') ? "application/json" : "*/*"}};
  if (!r.body.empty()) r.headers.emplace_back("Content-Type", what_.type);
  if (!what_.id.empty()) r.headers.emplace_back("X-Idempotency-Key", what_.id);
  // A file may be large: it has all the time there is, while it comes.
  const bool is_file = !what_.path.starts_with('/');
  r.silence_ms = 60'000;
  r.total_ms = static_cast<int>(is_file ? left : std::min(left, longest_try_ms));
  may_be_there_ = true;
  return t;
}

void service_call::end(result<service_answer> r) {
  is_over_ = true;
  outcome_ = std::move(r);
}

void service_call::again(const std::string& why, std::int64_t wait_ms, std::int64_t now_ms) {
  last_reason_ = why;
  back_off_ms_ = std::clamp(2 * back_off_ms_, first_back_off_ms, longest_back_off_ms);
  pause_ms_ = std::max(wait_ms, back_off_ms_);
  if (now_ms + pause_ms_ >= until_ms_)
    end(fail("train.service_late", "the service has no result in time: " + last_reason_));
}

void service_call::not_yet(std::int64_t now_ms) {
  back_off_ms_ = 0;
  pause_ms_ = std::max<std::int64_t>(0, sent_ms_ + poll_ms - now_ms);
  if (now_ms + pause_ms_ >= until_ms_)
    end(fail("train.service_late", "the service has no result in time: " + last_reason_));
}

void service_call::take(result<http::fetch_answer> came, std::int64_t now_ms) {
  if (came) return take_status(std::move(*came), now_ms);
  const auto& e = came.error();
  const auto why = logged(e.message, longest_url);
  if (e.code == "http.bad_tls" || e.code == "http.bad_url" || e.code == "http.not_allowed")
    return end(fail("train.service_unreachable", why));
  if (e.code == "http.too_large")
    return end(fail("train.service_odd", "an answer is longer than it may be: " + why));
  if (e.code == "http.cancelled") return end(fail("train.stopped", "the round was ended"));
  // A poll that nobody answered in its time is one of a slow future.
  if (is_submitted() && e.code == "http.timeout") {
    last_reason_ = "it does not answer polls";
    return not_yet(now_ms);
  }
  again(why, -1, now_ms);
}

void service_call::take_status(http::fetch_answer a, std::int64_t now_ms) {
  const int s = a.status;
  if (is_submitted() && (s == 200 || s == 408)) return take_result(std::move(a), now_ms);
  if (s >= 200 && s < 300) {
    if (what_.is_future && !is_submitted()) return take_name(a);
    if (what_.is_future)
      return end(fail("train.service_odd", fmt::format("a poll is answered with status {}", s)));
    return end(service_answer{s, std::move(a.body), ""});
  }
  const auto words = fmt::format("HTTP status {}{}{}", s, a.body.empty() ? "" : ": ",
                                 a.body.empty() ? "" : service_words(a.body));
  if (comes_again(a)) return again(words, http::retry_after_ms(a.headers), now_ms);
  may_be_there_ = is_submitted();
  if (s >= 300 && s < 400 && what_.method == "GET")
    return end(
        service_answer{s, "", std::string(http::find_header(a.headers, "Location").value_or(""))});
  if (s == 404 || s == 410) return end(fail("train.service_lost", words));
  const char* hint =
      s == 401 || s == 403 ? " (`service.key_env` names the variable with the key)"
      : s >= 300 && s < 400
          ? " (redirects are not followed: `service.base_url` takes the address itself)"
          : "";
  end(fail("train.service_refused", words + hint));
}

void service_call::take_name(const http::fetch_answer& a) {
  const auto j = object_of(a.body);
  const auto name = text_at(j, "request_id");
  if (!name.empty()) {
    request_id_ = name;
    back_off_ms_ = 0;
    last_reason_ = "the future did not end";
    return;
  }
  // Some say at once that it went wrong.
  if (j.is_object() && j.contains("error"))
    return end(fail("train.service_refused", service_words(a.body)));
  end(fail("train.service_odd", "an operation is answered without `request_id`"));
}

void service_call::take_result(http::fetch_answer a, std::int64_t now_ms) {
  if (is_proto(a)) {
    if (!what_.wants_proto)
      return end(fail("train.service_odd", "a result is protobuf, and JSON was asked for"));
    return end(service_answer{a.status, std::move(a.body), ""});
  }
  const auto j = object_of(a.body);
  if (text_at(j, "type") == "try_again") {
    const auto reason = text_at(j, "queue_state_reason");
    const auto state = text_at(j, "queue_state");
    last_reason_ = fmt::format("the future did not end ({}{}{})",
                               state.empty() ? "active" : logged(state, longest_words),
                               reason.empty() ? "" : ": ", logged(reason, longest_words));
    return not_yet(now_ms);
  }
  if (a.status == 408) return again("HTTP status 408", http::retry_after_ms(a.headers), now_ms);
  if (j.is_object() && j.contains("error")) {
    const bool ours = text_at(j, "category") == "user";
    return end(
        fail(ours ? "train.service_refused" : "train.service_failed", service_words(a.body)));
  }
  if (j.is_null()) return end(fail("train.service_odd", "a result is no JSON object"));
  if (what_.wants_proto || text_at(j, "status") == "complete_metadata")
    return end(fail("train.service_odd", "a result is not what was asked for"));
  end(service_answer{a.status, std::move(a.body), ""});
}

}  // namespace hocket::trainer
