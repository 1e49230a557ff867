// One request to a service of the Tinker API, from its sending to its result. Pure: answers and the time go
// in, what to send next comes out. No socket, no thread, no clock of its own.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "actors/http/fetch.hpp"
#include "graph/core/result.hpp"

namespace hocket::trainer {

/// What is asked.
struct service_ask {
  std::string method = "POST";
  /// Behind the base URL; a whole URL is one of a file, to which no key goes.
  std::string path = {};
  std::string body = {};
  std::string type = "application/json";
  /// Answered by the name of a future, whose result is polled for.
  bool is_future = true;
  bool wants_proto = false;  ///< a result in JSON is none
  /// The same in each try: what was done when its answer was lost is not done again.
  std::string id = {};
  std::size_t answer_bytes = 1 << 20;
};

struct service_answer {
  int status = 0;
  std::string body;
  std::string location;  ///< of a redirect, which only a GET may be answered with
};

/// A request to send, after a pause.
struct service_try {
  http::fetch_request request;  ///< without the base URL and key of a path
  std::int64_t pause_ms = 0;
};

/// Tries are the same bytes each time. Again after a pause (what `Retry-After` says, or 0.5 s, 1 s, … 30 s): no
/// connection, a broken one, 408, 409, 425, 429, 5xx, 400 without a word. A future that is not there
/// yet is asked for again, at most five times a second.
///
/// Errors: train.service_refused (the key, or what is asked: the same answer each time), train.service_lost
/// (session, model or request are not known there any more), train.service_failed (its own fault, told in its answer),
/// train.service_odd (no answer of this protocol), train.service_late (`patience_ms` are over, with the last
/// reason), train.service_unreachable (TLS, a forbidden address).
class service_call {
 public:
  service_call(service_ask what, std::int64_t now_ms, std::int64_t patience_ms);

  /// The next try, sent now plus its pause. Not where it is over.
  service_try next(std::int64_t now_ms);
  /// What came of it.
  void take(result<http::fetch_answer> came, std::int64_t now_ms);
  /// Its turn has come: what was before it in its model's order is answered. The patience counts from here.
  void wait_from(std::int64_t now_ms) { until_ms_ = now_ms + patience_ms_; }

  /// The service has it: it is a future whose result is not there yet.
  bool is_submitted() const { return !request_id_.empty(); }
  /// The service may have it: a try left, and nobody said that it was refused.
  bool may_be_there() const { return may_be_there_; }
  bool is_over() const { return is_over_; }
  const result<service_answer>& outcome() const& { return outcome_; }
  result<service_answer> outcome() && { return std::move(outcome_); }

 private:
  void end(result<service_answer> r);
  void again(const std::string& why, std::int64_t wait_ms, std::int64_t now_ms);
  void not_yet(std::int64_t now_ms);
  void take_status(http::fetch_answer a, std::int64_t now_ms);
  void take_result(http::fetch_answer a, std::int64_t now_ms);
  void take_name(const http::fetch_answer& a);

  service_ask what_;
  std::int64_t patience_ms_, until_ms_, sent_ms_ = 0, pause_ms_ = 0, back_off_ms_ = 0;
  std::string request_id_, last_reason_ = "nothing came";
  bool may_be_there_ = false, is_over_ = false;
  result<service_answer> outcome_ = fail("train.service_late", "nothing came");
};

/// What a service says, in a form that may be logged: cleaned, short, without secrets.
std::string service_words(const std::string& body);

/// A text of an object; empty: there is none, or a longer one.
std::string text_at(const nlohmann::json& j, const char* key, std::size_t longest = 512);

}  // namespace hocket::trainer
