#include "actors/background/language/endpoint.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "actors/background/language/completion.hpp"
#include "actors/http/event_stream.hpp"
#include "actors/http/fetch.hpp"

namespace hocket::background {
namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t longest_pause_ms = 20'000;

/// How one try went.
struct attempt {
  result<chat_reply> reply = fail("language.bad_answer", "nothing came");
  bool again = false;          ///< nothing came that would be lost
  std::int64_t wait_ms = -1;   ///< what the endpoint asks for
  bool without_usage = false;  ///< it does not know `stream_options`
};

class endpoint final : public chat_backend {
 public:
  explicit endpoint(endpoint_settings s) : settings_(std::move(s)) {
    while (settings_.base_url.ends_with('/')) settings_.base_url.pop_back();
  }

  result<chat_reply> ask(const chat_request& request) override {
    const auto until = steady::now() + milliseconds(request.time_left_ms);
    auto pause_ms = std::int64_t{settings_.first_pause_ms};
    bool usage = true;
    for (std::int64_t tries = 0;; ++tries) {
      auto one = once(request, usage, until);
      if (one.reply) return one.reply;
      if (one.without_usage && usage) {
        usage = false;
        --tries;
        continue;
      }
      const auto wait = std::min(std::max(one.wait_ms, pause_ms), longest_pause_ms);
      if (!one.again || tries >= settings_.retries || one.wait_ms > longest_pause_ms ||
          steady::now() + milliseconds(wait) >= until)
        return one.reply;
      if (!rest(request, milliseconds(wait)))
        return fail("language.cancelled", "nobody waits for it any more");
      pause_ms *= 2;
    }
  }

 private:
  static bool rest(const chat_request& request, milliseconds wait) {
    const auto until = steady::now() + wait;
    while (steady::now() < until) {
      if (request.cancelled != nullptr && request.cancelled->load()) return false;
      std::this_thread::sleep_for(milliseconds(20));
    }
    return true;
  }

  std::string body_of(const chat_request& request, bool usage) const {
    json body = {{"model", settings_.model},
                 {"messages", request.messages},
                 {"max_tokens", request.max_tokens},
                 {"temperature", request.temperature},
                 {"seed", request.seed},
                 {"stream", true}};
    if (usage) body["stream_options"] = {{"include_usage", true}};
    if (!request.tools.empty()) body["tools"] = request.tools;
    if (!request.tools.empty() && request.must_call) body["tool_choice"] = "required";
    return body.dump(-1, ' ', false, json::error_handler_t::replace);
  }

  static void tell_new(const chat_request& request, completion& answer) {
    if (const auto more = answer.new_text(); request.on_text && !more.empty())
      request.on_text(more);
  }

  attempt once(const chat_request& request, bool usage, steady::time_point until) const {
    attempt out;
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady::now()).count();
    if (left <= 0) {
      out.reply = fail("language.out_of_time", "the time for the answer is over");
      return out;
    }
    completion answer(settings_.key);
    http::event_stream events;
    std::string body;
    bool is_stream = false;
    result<void> good;
    http::header_list heads;
    http::fetch_request r;
    r.method = "POST";
    r.url = settings_.base_url + "/chat/completions";
    r.headers = {{"Content-Type", "application/json"},
                 {"Accept", "text/event-stream, application/json"}};
    if (!settings_.key.empty()) r.headers.emplace_back("Authorization", "Bearer " + settings_.key);
    r.body = body_of(request, usage);
    r.ca_file = settings_.ca_file;
    r.connect_ms = settings_.connect_ms;
    r.silence_ms = settings_.silence_ms;
    r.total_ms = static_cast<int>(std::min<std::int64_t>(left, 3'600'000));
    r.cancelled = request.cancelled;
    r.on_head = [&](int status, const http::header_list& headers) {
      heads = headers;
      is_stream =
          status == 200 &&
          http::find_header(headers, "Content-Type").value_or("").starts_with("text/event-stream");
      return true;
    };
    r.on_piece = [&](int, std::string_view piece) {
      if (!is_stream) {
        body += piece;
        return body.size() < (1 << 20);
      }
      for (const auto& e : events.push(piece))
        if (good && !answer.is_done()) {
          good = answer.event(e.data);
          tell_new(request, answer);
        }
      if (events.is_over()) good = fail("language.bad_answer", "the endpoint's answer is too long");
      return good && !answer.is_done();
    };
    const auto got = http::fetch(r);
    if (!got) return lost(got.error(), answer);
    if (got->status != 200) return refused(got->status, heads, body);
    if (good && !is_stream) {
      good = answer.whole(body);
      tell_new(request, answer);
    }
    if (!good) {
      out.reply = fail(good);
      out.again = !answer.has_begun();
      return out;
    }
    out.reply = answer.finish();
    out.again = !answer.has_begun();
    return out;
  }

  attempt lost(error why, const completion& answer) const {
    attempt out;
    why.message = without_key(std::move(why.message), settings_.key);
    out.again = !answer.has_begun() && why.code != "http.bad_tls" && why.code != "http.bad_url";
    if (why.code == "http.cancelled") {
      out.again = false;
      out.reply = fail("language.cancelled", "nobody waits for it any more");
    } else if (why.code == "http.timeout") {
      out.reply = fail("language.out_of_time", "the endpoint took too long: " + why.message);
    } else if (answer.has_begun()) {
      out.reply = fail("language.bad_answer", "the endpoint's answer broke off: " + why.message);
    } else {
      out.reply = fail("language.unreachable", why.message);
    }
    return out;
  }

  attempt refused(int status, const http::header_list& heads, const std::string& body) const {
    attempt out;
    out.again = status == 408 || status == 429 || status >= 500;
    out.without_usage = status == 400 && body.find("stream_options") != body.npos;
    out.wait_ms = http::retry_after_ms(heads);
    const char* hint = status == 401 || status == 403
                           ? " (`key_env` names the variable with the key)"
                       : status == 404 ? " (`base_url` ends where /chat/completions begins)"
                       : status >= 300 && status < 400
                           ? " (redirects are not followed: `base_url` takes the address itself)"
                       : status < 300 ? " (an answer has status 200)"
                                      : "";
    const auto words = error_words(body, settings_.key);
    out.reply =
        fail("language.refused", fmt::format("{}: HTTP status {}{}{}{}", settings_.base_url, status,
                                             hint, words.empty() ? "" : ": ", words));
    return out;
  }

  endpoint_settings settings_;
};

}  // namespace

std::shared_ptr<chat_backend> make_endpoint(endpoint_settings s) {
  return std::make_shared<endpoint>(std::move(s));
}

}  // namespace hocket::background
