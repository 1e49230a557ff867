#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "actors/http/event_stream.hpp"
#include "actors/http/fetch.hpp"
#include "actors/mcp/link.hpp"
#include "graph/text/clean.hpp"

namespace hocket::mcp {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t most_exchanges = 64;
constexpr std::int64_t general = -1;  ///< the stream that answers nothing
constexpr int most_resumed = 20;
constexpr milliseconds first_pause(1000), longest_pause(30'000);

/// One exchange (or the general stream) and its thread.
struct running {
  std::atomic<bool> cancelled{false};
  std::atomic<bool> finished{false};
  std::thread thread;
};

class http_link final : public link {
 public:
  http_link(http_settings s, link_events e) : settings_(std::move(s)), events_(std::move(e)) {}
  ~http_link() override { close(); }

  void send(const outgoing& what) override {
    reap();
    if (running_.size() >= most_exchanges) {
      if (what.exchange != 0)
        tell_end(what.exchange, 0, "too many requests to the server are open");
      return;
    }
    begin(what.exchange, [this, what](running& me) { exchange(what, me); });
  }
  void abandon(std::int64_t exchange) override {
    for (auto& [id, r] : running_)
      if (id == exchange) r->cancelled = true;
  }
  void restart() override {
    const std::lock_guard lock(mutex_);
    session_.clear();
  }
  void listen() override {
    reap();
    for (const auto& [id, _] : running_)
      if (id == general) return;
    begin(general, [this](running& me) { hear_all(me); });
  }
  void close() override {
    std::string session;
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      session = std::exchange(session_, {});
    }
    stopped_.notify_all();
    for (auto& [_, r] : running_) r->cancelled = true;
    if (!session.empty()) {
      auto end = request("DELETE", {}, session);
      end.total_ms = end.connect_ms = 1000;
      (void)http::fetch(end);  // a server may refuse it: nothing is lost
    }
    for (auto& [_, r] : running_) r->thread.join();
    running_.clear();
  }

 private:
  void begin(std::int64_t id, std::function<void(running&)> body) {
    auto r = std::make_shared<running>();
    r->thread = std::thread([r, body = std::move(body)] {
      body(*r);
      r->finished = true;
    });
    running_.emplace_back(id, std::move(r));
  }
  void reap() {
    std::erase_if(running_, [](auto& each) {
      if (!each.second->finished) return false;
      each.second->thread.join();
      return true;
    });
  }
  std::string session() {
    const std::lock_guard lock(mutex_);
    return session_;
  }
  bool closing() {
    const std::lock_guard lock(mutex_);
    return closing_;
  }
  /// False where it is over.
  bool pause(running& me, milliseconds how_long) {
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, how_long, [&] { return closing_ || me.cancelled; });
    return !closing_ && !me.cancelled;
  }
  void tell_end(std::int64_t exchange, int status, std::string why) {
    if (!closing()) events_.ended(exchange, status, std::move(why));
  }

  http::fetch_request request(const std::string& method, http::header_list more,
                              const std::string& session) {
    http::fetch_request r;
    r.method = method;
    r.url = settings_.url;
    r.headers = settings_.headers;
    for (auto& h : more) r.headers.push_back(std::move(h));
    if (!session.empty()) r.headers.emplace_back("MCP-Session-Id", session);
    r.ca_file = settings_.ca_file;
    r.body_bytes = settings_.body_bytes;
    r.total_ms = settings_.reply_ms;
    return r;
  }

  /// What one answer's stream has told so far.
  struct hearing {
    http::event_stream events;
    bool is_stream = false, answered = false;
    int status = 0;
    std::string body;
  };

  /// Asks, and hands on what comes while it comes.
  result<http::fetch_answer> hear(http::fetch_request r, std::int64_t id, hearing& h, running& me) {
    h.is_stream = false;
    h.body.clear();
    r.cancelled = &me.cancelled;
    r.on_head = [&](int status, const http::header_list& headers) {
      h.status = status;
      const auto type = http::find_header(headers, "Content-Type").value_or("");
      h.is_stream = status < 300 && type.starts_with("text/event-stream");
      if (const auto given = http::find_header(headers, "Mcp-Session-Id")) {
        const std::lock_guard lock(mutex_);
        session_ = *given;
      }
      return true;
    };
    r.on_piece = [&](int, std::string_view piece) {
      if (!h.is_stream) {
        h.body += piece;
        return h.body.size() <= settings_.body_bytes;
      }
      for (auto& e : h.events.push(piece)) {
        if (e.data.empty()) continue;  // gives an id to begin after, and nothing else
        h.answered = h.answered || answers(e.data, id);
        if (!closing()) events_.text(id, std::move(e.data));
      }
      return !h.events.is_over() && !(h.answered && id != 0);
    };
    return http::fetch(r);
  }
  static bool answers(const std::string& text, std::int64_t id) {
    const auto messages = read_messages(text);
    if (messages)
      for (const auto& m : *messages)
        if (m.id == id && (m.what == message::kind::answer || m.what == message::kind::error))
          return true;
    return false;
  }

  void exchange(const outgoing& what, running& me) {
    const auto session_then = what.method == "initialize" ? std::string() : session();
    auto headers = what.headers;
    headers.emplace_back("Content-Type", "application/json");
    headers.emplace_back("Accept", "application/json, text/event-stream");
    auto r = request("POST", std::move(headers), session_then);
    r.body = line_of(what.body);
    hearing h;
    auto answer = hear(std::move(r), what.exchange, h, me);
    if (what.exchange == 0) return;  // nothing answers a notification
    if (!answer && h.events.last_id().empty())
      return tell_end(what.exchange, 0, answer.error().message);
    if (h.is_stream && !h.answered && !h.events.last_id().empty()) resume(what, h, me);
    const bool lost = (h.status == 404 || h.status == 410) && !session_then.empty();
    if (!h.is_stream && !h.body.empty() && !lost && (h.status < 300 || read_messages(h.body)) &&
        !closing())
      events_.text(what.exchange, h.body);
    auto why = fmt::format("{}: HTTP status {}", settings_.url.substr(0, settings_.url.find('?')),
                           h.status);
    if (h.is_stream) why += ", and its stream ended without an answer";
    if (h.status == 401)
      why += " (it asks who is there: `key_env` names the variable with the key)";
    if (h.status >= 300 && !h.body.empty())
      why += ": " + clean_text(without_keys(h.body.substr(0, 4096)).substr(0, 200));
    tell_end(what.exchange, h.status, std::move(why));
  }

  /// A server may repeat what it was sent.
  std::string without_keys(std::string text) const {
    for (const auto& [name, value] : settings_.headers) {
      const auto key = value.substr(value.find(' ') == value.npos ? 0 : value.find(' ') + 1);
      if (key.empty() || name != "Authorization") continue;
      for (auto at = text.find(key); at != text.npos; at = text.find(key, at + 5))
        text.replace(at, key.size(), "[key]");
    }
    return text;
  }

  static milliseconds pause_of(const hearing& h, milliseconds otherwise) {
    const auto asked = h.events.retry_ms();
    return asked ? std::clamp(milliseconds(*asked), milliseconds(100), longest_pause) : otherwise;
  }

  /// A stream that broke goes on behind the last event that came.
  void resume(const outgoing& what, hearing& h, running& me) {
    for (int tries = 0; tries < most_resumed && !h.answered; ++tries) {
      if (!pause(me, pause_of(h, first_pause))) return;
      http::header_list headers = {{"Accept", "text/event-stream"},
                                   {"Last-Event-ID", h.events.last_id()}};
      for (const auto& header : what.headers)
        if (header.first == "MCP-Protocol-Version") headers.push_back(header);
      const auto answer = hear(request("GET", std::move(headers), session()), what.exchange, h, me);
      if (answer && answer->status >= 400) return;
    }
  }

  /// What the server says by itself. Its end is nothing: it is opened again.
  void hear_all(running& me) {
    auto wait = first_pause;
    hearing h;
    for (;;) {
      http::header_list headers = {{"Accept", "text/event-stream"}};
      if (!h.events.last_id().empty()) headers.emplace_back("Last-Event-ID", h.events.last_id());
      const auto begun = std::chrono::steady_clock::now();
      const auto answer = hear(request("GET", std::move(headers), session()), 0, h, me);
      if (answer && answer->status >= 400) return;  // 405: it has none
      const bool stood = std::chrono::steady_clock::now() - begun > longest_pause;
      wait = stood ? first_pause : std::min(2 * wait, longest_pause);
      if (!pause(me, pause_of(h, wait))) return;
    }
  }

  const http_settings settings_;
  const link_events events_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::string session_;
  bool closing_ = false;
  std::vector<std::pair<std::int64_t, std::shared_ptr<running>>> running_;  ///< of the caller
};

}  // namespace

std::unique_ptr<link> make_http_link(http_settings s, link_events events) {
  return std::make_unique<http_link>(std::move(s), std::move(events));
}

}  // namespace hocket::mcp
