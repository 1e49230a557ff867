#pragma once

#include <map>
#include <mutex>

#include "actors/gateway/door/gateway.hpp"
#include "actors/gateway/talk.test.hpp"
#include "actors/http/server.test.hpp"
#include "graph/contract/harness.hpp"

namespace hocket::gateway::testing {

using hocket::testing::becomes;
using door = hocket::gateway::gateway;

/// An app at the other end of a WebSocket.
struct app {
  std::mutex mutex;
  std::shared_ptr<http::websocket> socket;
  std::vector<json> messages;
  std::string failed;
  int code = 0;

  void connect(http::websocket_client& by, const std::string& url, http::header_list headers = {}) {
    http::websocket_target to;
    to.url = "ws" + url.substr(4);
    to.headers = std::move(headers);
    by.connect(to, [this](result<std::shared_ptr<http::websocket>> s) {
      std::lock_guard lock(mutex);
      if (!s)
        failed = s.error().message;
      else
        socket = *s;
      http::websocket_events e;
      e.message = [this](std::string_view m, bool) {
        std::lock_guard inner(mutex);
        messages.push_back(json::parse(m));
      };
      e.closed = [this](int c, const std::string&) {
        std::lock_guard inner(mutex);
        code = c;
      };
      return e;
    });
  }
  void send(const json& event) { socket->send(event.dump()); }
  /// The last message of this type; null where none came.
  json last(const std::string& type) {
    std::lock_guard lock(mutex);
    for (auto m = messages.rbegin(); m != messages.rend(); ++m)
      if (text_of(*m, "type", m->begin().key()) == type) return *m;
    return nullptr;
  }
  bool got(const std::string& type) { return !last(type).is_null(); }
  std::size_t count(const std::string& type) {
    std::lock_guard lock(mutex);
    return static_cast<std::size_t>(
        std::count_if(messages.begin(), messages.end(),
                      [&](const json& m) { return text_of(m, "type") == type; }));
  }
  bool is_open() {
    std::lock_guard lock(mutex);
    return socket != nullptr;
  }
  bool is_over(int wanted) {
    std::lock_guard lock(mutex);
    return code == wanted;
  }
  bool is_over() {
    std::lock_guard lock(mutex);
    return code != 0 || !failed.empty();
  }
  bool is_refused(const char* why) {
    std::lock_guard lock(mutex);
    return failed.find(why) != failed.npos;
  }
};

inline harness_options options(std::vector<setting> more = {}) {
  more.push_back({"listen", "tcp://127.0.0.1:0"});
  more.push_back({"tls", false});
  return {.config = settings(std::move(more))};
}

inline std::string url_of(harness& h) { return dynamic_cast<door&>(h.subject()).url(); }
inline int port_of(harness& h) {
  const auto url = url_of(h);
  return std::stoi(url.substr(url.rfind(':') + 1));
}

/// Lets the component work on what its server hands over until `condition` holds.
template <class Condition>
bool settles(harness& h, Condition condition) {
  return becomes([&] {
    h.run_posted(std::chrono::milliseconds(5));
    return condition();
  });
}

/// What a GET or POST gets, head and body.
inline std::string ask(harness& h, const std::string& head, const std::string& body = "") {
  const hocket::testing::raw_client c(port_of(h));
  c.send(head + "\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body);
  return c.read();
}
inline json body_of(const std::string& answer) {
  const auto at = answer.find("\r\n\r\n");
  return at == answer.npos ? json() : json::parse(answer.substr(at + 4), nullptr, false);
}
/// The header of a token that lets in once, got with the key "one".
inline http::header_list token_of(harness& h) {
  const auto secret = body_of(
      ask(h, "POST /v1/realtime/client_secrets HTTP/1.1\r\nAuthorization: Bearer one", "{}"));
  return {{"Authorization", "Bearer " + text_of(secret, "value")}};
}

}  // namespace hocket::gateway::testing
