#include "actors/background/language/served/token_session.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/background/language/completion.hpp"
#include "actors/background/language/served/token_events.hpp"
#include "actors/http/event_stream.hpp"
#include "actors/http/fetch.hpp"

namespace hocket::background {
namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t longest_pause_ms = 20'000;
constexpr std::int64_t session_tokens = 1 << 20;  ///< that a session may grow to

bool rest(const std::atomic<bool>* cancelled, milliseconds wait) {
  const auto until = steady::now() + wait;
  while (steady::now() < until) {
    if (cancelled != nullptr && cancelled->load()) return false;
    std::this_thread::sleep_for(std::min(milliseconds(20), wait));
  }
  return cancelled == nullptr || !cancelled->load();
}

/// By which a request is told to stop; nobody else's.
std::string request_name() {
  std::random_device random;
  return fmt::format("hocket-{:08x}{:08x}", random(), random());
}

/// SGLang answers with the name alone, as JSON or as text.
std::string name_in(const std::string& body) {
  const auto value = json::parse(body, nullptr, false);
  const auto name =
      value.is_string() ? value.get<std::string>()
      : value.is_object() && value.contains("session_id") && value["session_id"].is_string()
          ? value["session_id"].get<std::string>()
          : std::string();
  return name.size() <= 256 ? name : std::string();
}

}  // namespace

struct token_session::attempt {
  result<token_answer> answer = fail("language.bad_answer", "nothing came");
  bool begun = false;         ///< a token came
  bool again = false;         ///< after a pause
  bool lost = false;          ///< the session alone: anew, at once
  std::int64_t wait_ms = -1;  ///< what the server asks for
};

token_session::token_session(served_settings s) : settings_(std::move(s)) {
  auto& url = settings_.base_url;
  while (url.ends_with('/')) url.pop_back();
  if (settings_.engine == served_engine::vllm && url.ends_with("/v1")) url.resize(url.size() - 3);
}

token_session::~token_session() { close(""); }

std::size_t token_session::holds_of(std::span<const std::int32_t> prompt) const {
  if (!session_ || held_.size() >= prompt.size() || prompt[held_.size()] == settings_.begin ||
      !std::equal(held_.begin(), held_.end(), prompt.begin()))
    return 0;
  return held_.size();
}

result<token_answer> token_session::ask(const token_request& r) {
  const auto until = steady::now() + milliseconds(r.time_left_ms);
  auto pause_ms = std::int64_t{settings_.first_pause_ms};
  bool has_session = true;  // which may be lost
  for (std::int64_t tries = 0;; ++tries) {
    if (r.cancelled != nullptr && r.cancelled->load())
      return fail("language.cancelled", "nobody waits for it any more");
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady::now()).count();
    if (left <= 0) return fail("language.out_of_time", "the time for the answer is over");
    auto one = once(r, left);
    if (one.answer) return one.answer;
    if (one.begun) return one.answer;
    if (one.lost && std::exchange(has_session, false)) {
      --tries;  // nobody waits for room
      continue;
    }
    if (tries >= settings_.retries) return one.answer;
    const auto wait = std::min(std::max(one.wait_ms, pause_ms), longest_pause_ms);
    if (!one.again || one.wait_ms > longest_pause_ms || steady::now() + milliseconds(wait) >= until)
      return one.answer;
    if (!rest(r.cancelled, milliseconds(wait)))
      return fail("language.cancelled", "nobody waits for it any more");
    pause_ms *= 2;
  }
}

token_session::attempt token_session::once(const token_request& r, std::int64_t left_ms) {
  if (r.prompt.empty()) {
    attempt none;
    none.answer = fail("language.bad_answer", "the prompt has no tokens");
    return none;
  }
  const auto held = settings_.engine == served_engine::sglang ? holds_of(r.prompt) : 0;
  if (settings_.engine == served_engine::sglang && held == 0) {
    close("");
    attempt failed;
    if (!open(r, left_ms, failed)) return failed;
  }
  auto out = stream(r, r.prompt.subspan(held), left_ms);
  if (out.answer) {
    held_.assign(r.prompt.begin(), r.prompt.end());
    held_.insert(held_.end(), out.answer->tokens.begin(), out.answer->tokens.end());
  }
  out.lost = out.lost && held > 0;
  return out;
}

/// A new session; false, and `failed` says how, where there is none.
bool token_session::open(const token_request& r, std::int64_t left_ms, attempt& failed) {
  auto q = request_to("/open_session",
                      json{{"capacity_of_str_len", session_tokens}, {"streaming", true}}.dump(),
                      r.cancelled);
  q.total_ms = static_cast<int>(std::min<std::int64_t>(left_ms, settings_.silence_ms));
  const auto got = http::fetch(q);
  if (!got) {
    failed = lost(got.error());
    return false;
  }
  if (got->status != 200) {
    failed = refused(got->status, http::retry_after_ms(got->headers),
                     error_words(got->body, settings_.key));
    failed.lost = false;
    if (got->status == 400 || got->status == 404)
      failed.answer =
          fail("language.refused", failed.answer.error().message +
                                       " (is it SGLang, started with --enable-streaming-session?)");
    return false;
  }
  const auto name = name_in(got->body);
  if (name.empty()) failed.answer = fail("language.bad_answer", "the server names no session");
  if (!name.empty()) session_ = name;
  return !name.empty();
}

token_session::attempt token_session::refused(int status, std::int64_t wait_ms,
                                              const std::string& words) const {
  attempt out;
  const bool full = words.find("queue is full") != words.npos;
  const bool busy = status == 429 || status == 503 || full;
  out.again = busy || status == 408 || status >= 500;
  out.wait_ms = wait_ms;
  out.lost = !busy && words.find("ession") != words.npos;
  out.answer =
      fail(busy ? "language.busy" : "language.refused",
           fmt::format(
               "{}: {}{}{}{}", settings_.base_url,
               status > 0 ? fmt::format("HTTP status {}", status) : "given up",
               status == 401 || status == 403 ? " (`key_env` names the variable with the key)" : "",
               words.empty() ? "" : ": ", words));
  return out;
}

/// What asks for an answer to `chunk`, which `session` goes on with where it has a name.
std::string token_session::body_of(const token_request& r, std::span<const std::int32_t> chunk,
                                   const std::string& rid) const {
  const std::vector<std::int32_t> ids(chunk.begin(), chunk.end());
  const auto seed = r.seed & INT64_MAX;  // both read signed numbers
  if (settings_.engine == served_engine::vllm) {
    json body{{"prompt", ids},
              {"max_tokens", r.max_tokens},
              {"temperature", r.temperature},
              {"seed", seed},
              {"stop_token_ids", r.ends},
              {"skip_special_tokens", false},
              {"return_token_ids", true},
              {"stream", true}};
    if (!settings_.model.empty()) body["model"] = settings_.model;
    return body.dump();
  }
  return json{{"input_ids", ids},
              {"rid", rid},
              {"session_params", {{"id", *session_}}},
              {"stream", true},
              {"sampling_params",
               {{"max_new_tokens", r.max_tokens},
                {"temperature", r.temperature},
                {"sampling_seed", seed},
                {"stop_token_ids", r.ends},
                {"skip_special_tokens", false}}}}
      .dump();
}

token_session::attempt token_session::stream(const token_request& r,
                                             std::span<const std::int32_t> chunk,
                                             std::int64_t left_ms) {
  const auto rid = request_name();
  token_events answer(settings_.engine, r.max_tokens);
  http::event_stream events;
  std::string plain;
  bool is_stream = false;
  std::size_t told = 0;
  result<void> good;
  http::header_list heads;
  auto q = request_to(settings_.engine == served_engine::sglang ? "/generate" : "/v1/completions",
                      body_of(r, chunk, rid), r.cancelled);
  q.silence_ms = settings_.silence_ms;
  q.total_ms = static_cast<int>(std::min<std::int64_t>(left_ms, 3'600'000));
  q.on_head = [&](int status, const http::header_list& headers) {
    heads = headers;
    is_stream =
        status == 200 &&
        http::find_header(headers, "Content-Type").value_or("").starts_with("text/event-stream");
    return true;
  };
  q.on_piece = [&](int, std::string_view piece) {
    if (!is_stream) return (plain += piece).size() < (1 << 20);
    for (const auto& e : events.push(piece)) {
      if (!good || answer.ended() || answer.given_up()) break;
      good = answer.event(e.data);
      if (const auto& all = answer.tokens(); good && all.size() > told) {
        if (r.on_tokens) r.on_tokens(std::span(all).subspan(told));
        told = all.size();
      }
    }
    if (events.is_over()) good = fail("language.bad_answer", "the server's answer is too long");
    return good && !answer.ended() && !answer.given_up();
  };
  const auto got = http::fetch(q);
  attempt out;
  if (got && good && answer.ended()) {
    out.answer = token_answer{answer.tokens(), static_cast<std::int64_t>(chunk.size())};
    return out;
  }
  if (!got) {
    out = lost(got.error());
  } else if (got->status != 200) {
    out = refused(got->status, http::retry_after_ms(heads), error_words(plain, settings_.key));
  } else if (!good) {
    out.answer = fail(good);
  } else if (answer.given_up()) {
    out = refused(answer.status(), -1, error_words(answer.words(), settings_.key));
  } else {
    out.again = true;
    out.answer = fail("language.bad_answer", "the server's answer broke off in the middle");
  }
  out.begun = told > 0;
  close(rid);
  return out;
}

/// A connection that did not come to its end.
token_session::attempt token_session::lost(const error& why) const {
  attempt out;
  const auto words = without_key(why.message, settings_.key);
  if (why.code == "http.cancelled") {
    out.answer = fail("language.cancelled", "nobody waits for it any more");
  } else if (why.code == "http.timeout") {
    out.answer = fail("language.out_of_time", "the server took too long: " + words);
  } else {
    out.again = why.code != "http.bad_tls" && why.code != "http.bad_url";
    out.answer = fail("language.unreachable", words);
  }
  return out;
}

http::fetch_request token_session::request_to(const char* path, std::string body,
                                              const std::atomic<bool>* cancelled) const {
  http::fetch_request q;
  q.method = "POST";
  q.url = settings_.base_url + path;
  q.headers = {{"Content-Type", "application/json"},
               {"Accept", "text/event-stream, application/json"}};
  if (!settings_.key.empty()) q.headers.emplace_back("Authorization", "Bearer " + settings_.key);
  q.body = std::move(body);
  q.ca_file = settings_.ca_file, q.connect_ms = settings_.connect_ms, q.cancelled = cancelled;
  return q;
}

/// Best effort: a server that is gone has nothing to close, and ends idle sessions by itself.
void token_session::close(const std::string& in_flight) {
  held_.clear();
  if (!session_) return;
  const auto tell = [&](const char* path, const json& body) {
    auto q = request_to(path, body.dump(), nullptr);
    q.connect_ms = q.total_ms = settings_.close_ms;
    (void)http::fetch(q);
  };
  if (!in_flight.empty()) tell("/abort_request", json{{"rid", in_flight}});
  tell("/close_session", json{{"session_id", *session_}});
  session_.reset();
}

}  // namespace hocket::background
