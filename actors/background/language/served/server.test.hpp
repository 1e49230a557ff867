// A server that follows the published rules of SGLang's streaming sessions and of vLLM's completions, for tests.
// What it says is a function of all tokens that it has read: a right answer says that it read the right ones.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "actors/background/language/served/token_session.hpp"
#include "actors/http/server.test.hpp"

namespace hocket::background::test {

using plain = nlohmann::json;
using ids = std::vector<std::int32_t>;

inline constexpr std::int32_t begin_token = 1, end_token = 2;

/// The token after these; some are the end of an answer.
inline std::int32_t next_of(const ids& all) {
  std::uint32_t h = 2166136261u;
  for (const auto t : all) h = (h ^ static_cast<std::uint32_t>(t)) * 16777619u;
  return h % 11 == 0 ? end_token : 3 + static_cast<std::int32_t>(h % 900);
}
inline ids answer_to(ids all, std::int64_t most) {
  ids out;
  while (static_cast<std::int64_t>(out.size()) < most) {
    const auto next = next_of(all);
    out.push_back(out.empty() && next == end_token ? 3
                                                   : next);  // so that faults can come after one
    all.push_back(out.back());
    if (out.back() == end_token) break;
  }
  return out;
}

class inference_server {
 public:
  enum class fault { none, breaks_off, gives_up, holds };

  inference_server() {
    auto o = testing::echo_options();
    o.handle = [this](const http::request& r, const http::responder& reply) { take(r, reply); };
    server_ = testing::start(std::move(o));
  }
  ~inference_server() { server_->stop(0); }
  std::string url() const { return server_->url(); }
  served_settings settings(served_engine engine) const {
    served_settings s;
    s.engine = engine;
    s.base_url = url();
    s.model = "m";
    s.key = "s3cret-key";
    s.begin = begin_token;
    s.first_pause_ms = 1;
    s.connect_ms = s.silence_ms = s.close_ms = 120'000;  // a busy machine is not a lost server
    return s;
  }

  std::mutex mutex;
  std::map<std::string, ids> sessions;  ///< what each has read and said
  std::vector<std::string> busy_sessions, aborted, asked_as, models;
  std::vector<std::size_t> chunks;  ///< tokens of each prompt that came
  int opened = 0, full = 0;         ///< `full`: so many more requests find no room
  std::string retry_after = "0";
  std::string root;  ///< before each path of SGLang's
  bool incremental = false, has_sessions = true;
  fault next = fault::none;
  std::string said_instead;  ///< a body for the next answer, whatever it should be
  std::vector<http::responder> held;
  std::function<ids(ids, std::int64_t)> answer = answer_to;

 private:
  static http::response said(const plain& body) {
    return {200, "application/json", body.dump(), {}};
  }
  static http::response refusal(int status, const std::string& words) {
    return {status, "application/json", plain{{"error", {{"message", words}}}}.dump(), {}};
  }
  static http::response stream(const std::string& body) {
    return {200, "text/event-stream", body, {}};
  }
  static std::string event(const plain& e) { return "data: " + e.dump() + "\n\n"; }

  void take(const http::request& r, const http::responder& reply) {
    CHECK(r.header("Authorization") == "Bearer s3cret-key");
    const std::lock_guard lock(mutex);
    const auto body = plain::parse(r.body, nullptr, false);
    const auto path = r.path.starts_with(root) ? r.path.substr(root.size()) : r.path;
    if (path == "/open_session") {
      if (!has_sessions || body.value("streaming", false) != true)
        return reply(refusal(400, "streaming sessions are disabled, s3cret-key"));
      const auto name = "s" + std::to_string(++opened);
      sessions[name];
      return reply(said(name));
    }
    if (path == "/close_session") {
      sessions.erase(body.value("session_id", ""));
      return reply(said(plain::object()));
    }
    if (path == "/abort_request") {
      aborted.push_back(body.value("rid", ""));
      return reply(said(plain::object()));
    }
    if (full > 0) {
      --full;
      auto no = refusal(503, "The request queue is full.");
      no.headers = {{"Retry-After", retry_after}};
      return reply(no);
    }
    if (!said_instead.empty()) return reply(stream(std::exchange(said_instead, "")));
    path == "/generate" ? generate(body, reply) : complete(body, reply);
  }

  void generate(const plain& body, const http::responder& reply) {
    const std::string name = body.at("session_params").at("id");
    asked_as.push_back(body.at("rid"));
    const auto at = sessions.find(name);
    if (at == sessions.end())
      return reply(refusal(400, "Invalid request: session id " + name + " does not exist."));
    if (std::ranges::find(busy_sessions, name) != busy_sessions.end())
      return reply(stream(event(given_up("Streaming session already has an active request."))));
    ids chunk = body.at("input_ids");
    if (!at->second.empty() && chunk.at(0) == begin_token) chunk.erase(chunk.begin());
    chunks.push_back(chunk.size());
    auto all = at->second;
    all.insert(all.end(), chunk.begin(), chunk.end());
    const auto answer = this->answer(all, body.at("sampling_params").at("max_new_tokens"));
    std::string out;
    ids so_far;
    for (std::size_t i = 0; i < answer.size(); ++i) {
      so_far.push_back(answer[i]);
      const bool last = i + 1 == answer.size();
      const plain finish = !last ? plain()
                           : answer[i] == end_token
                               ? plain{{"type", "stop"}, {"matched", end_token}}
                               : plain{{"type", "length"}};
      out += event({{"text", "?"},
                    {"output_ids", incremental ? ids{answer[i]} : so_far},
                    {"meta_info", {{"completion_tokens", i + 1}, {"finish_reason", finish}}}});
      if (i == 0 && next != fault::none) break;
    }
    switch (std::exchange(next, fault::none)) {
      case fault::breaks_off: busy_sessions.push_back(name); break;
      case fault::gives_up: out += event(given_up("the scheduler gave it up")); break;
      case fault::holds:
        busy_sessions.push_back(name);
        held.push_back(reply);
        return;
      case fault::none:
        at->second = all;
        at->second.insert(at->second.end(), answer.begin(), answer.end());
        out += "data: [DONE]\n\n";
    }
    reply(stream(out));
  }

  static plain given_up(const std::string& words) {
    return {{"output_ids", ids{}},
            {"meta_info",
             {{"completion_tokens", 0},
              {"finish_reason", {{"type", "abort"}, {"message", words}, {"status_code", 400}}}}}};
  }

  void complete(const plain& body, const http::responder& reply) {
    if (!body.value("return_token_ids", false)) return reply(refusal(400, "no token ids"));
    models.push_back(body.value("model", ""));
    const ids prompt = body.at("prompt");
    chunks.push_back(prompt.size());
    const auto answer = this->answer(prompt, body.at("max_tokens"));
    std::string out;
    for (std::size_t i = 0; i < answer.size(); ++i) {
      const bool last = i + 1 == answer.size();
      const plain finish = !last ? plain() : plain(answer[i] == end_token ? "stop" : "length");
      const plain choice{{"text", "?"}, {"token_ids", ids{answer[i]}}, {"finish_reason", finish}};
      out += event({{"choices", plain::array({choice})}});
      if (i == 0 && next != fault::none) break;
    }
    if (std::exchange(next, fault::none) == fault::none)
      out += event({{"choices", plain::array()}, {"usage", plain::object()}}) + "data: [DONE]\n\n";
    reply(stream(out));
  }

  std::unique_ptr<http::server> server_;
};

}  // namespace hocket::background::test
