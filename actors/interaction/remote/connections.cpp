// Connections of interaction.remote: one at a time, another one where it breaks.
#include <atomic>
#include <cstdlib>

#include <fmt/format.h>

#include "actors/http/confidential.hpp"
#include "actors/interaction/remote/remote.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/capability.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::remote {
namespace {

constexpr std::int64_t first_back_off_ms = 500;
constexpr std::int64_t steady_ms = 10'000;  ///< a connection that stood so long was a good one
constexpr int most_pending = 256;           ///< messages that wait for us: more are not read
constexpr std::size_t most_pending_bytes = 16 << 20;
constexpr std::size_t longest_complaint = 200, longest_code = 64;
constexpr int most_logged = 20;  ///< complaints

}  // namespace

/// All but what waits is used in the actor's context only.
struct remote_model::line {
  std::shared_ptr<http::websocket> socket;
  std::atomic<int> pending{0};
  std::atomic<std::size_t> pending_bytes{0};
  std::atomic<bool> is_paused{false};
  bool is_over = false;
};

remote_model::~remote_model() { alive_.reset(); }

result<void> remote_model::open(const context& where) {
  context_ = where;
  const auto kind = protocol_named(config_.protocol);
  if (!kind) return fail("remote.bad_config", "`protocol` is none that is spoken here");
  if (!config_.url.starts_with("ws://") && !config_.url.starts_with("wss://") &&
      !config_.url.starts_with("http://") && !config_.url.starts_with("https://"))
    return fail("remote.bad_config", "`url` begins with ws://, wss://, http:// or https://");
  if (where.may) {
    HOCKET_TRY(where.may->address(config_.url));
    if (!config_.key_env.empty()) HOCKET_TRY(where.may->variable(config_.key_env));
    if (!config_.ca_file.empty()) {
      const auto path = where.may->readable(config_.ca_file);
      if (!path) return fail(path);
    }
  }
  if (!config_.key_env.empty()) {
    const char* key = std::getenv(config_.key_env.c_str());
    if (key == nullptr || *key == '\0')
      return fail("remote.bad_config",
                  "the variable " + config_.key_env + " (`key_env`) is not set");
    if (!http::is_confidential(config_.url))
      return fail("remote.bad_config",
                  "a key (`key_env`) goes over wss:// or https:// only, or to this machine: `url`");
    trust::note_secret(config_.key_env, key);
    key_ = key;
  }
  machine_ = make_machine(*kind, {config_.model, config_.instructions, config_.voice,
                                  config_.function, config_.function_summary});
  voice_ = std::make_unique<voice_queue>(voice_queue::limits{
      machine_->is_continuous(), static_cast<int>(config_.jitter_ms),
      static_cast<int>(config_.max_lag_ms), static_cast<int>(config_.max_ahead_s) * 1000});
  client_ = std::make_unique<http::websocket_client>();
  connect();
  return {};
}

void remote_model::connect() {
  retry_at_ms_ = -1;
  auto l = std::make_shared<line>();
  line_ = l;
  auto at = machine_->where(config_.url, key_);
  http::websocket_target to;
  to.url = std::move(at.url);
  to.subprotocol = std::move(at.subprotocol);
  to.ca_file = config_.ca_file;
  to.connect_ms = static_cast<int>(config_.connect_ms);
  to.limits.message_bytes = 4 << 20;
  for (auto& [name, value] : at.headers) to.headers.emplace_back(name, value);
  const auto self = context_.self;
  const auto in_context = [self, alive = std::weak_ptr(alive_)](auto f) {
    self->run([alive, f = std::move(f)](emitter& out) {
      if (const auto me = alive.lock()) f(**me, out);
    });
  };
  client_->connect(std::move(to), [l, in_context](result<std::shared_ptr<http::websocket>> s) {
    in_context([l, s](remote_model& me, emitter& out) { me.connected(l, s, out); });
    const auto socket = s ? *s : nullptr;
    http::websocket_events events;
    events.message = [l, in_context, socket](std::string_view m, bool) {
      const auto waits = l->pending.fetch_add(1) + 1;
      const auto bytes = l->pending_bytes.fetch_add(m.size()) + m.size();
      // Before the message is handed over: who has handled it finds the pause, and ends it.
      if (waits >= most_pending || bytes >= most_pending_bytes) {
        socket->pause_reading(true);
        l->is_paused = true;
      }
      in_context([l, socket, text = std::string(m)](remote_model& me, emitter& out) {
        me.received(l, text, out);
        const auto wait = l->pending.fetch_sub(1) - 1;
        const auto left = l->pending_bytes.fetch_sub(text.size()) - text.size();
        if (wait <= most_pending / 2 && left <= most_pending_bytes / 2 &&
            l->is_paused.exchange(false))
          socket->pause_reading(false);
      });
    };
    events.closed = [l, in_context](int code, const std::string& reason) {
      in_context(
          [l, code, reason](remote_model& me, emitter&) { me.disconnected(l, code, reason); });
    };
    return events;
  });
}

void remote_model::connected(const std::shared_ptr<line>& l,
                             const result<std::shared_ptr<http::websocket>>& socket, emitter& out) {
  if (l != line_ || l->is_over) {
    if (socket) (*socket)->abort();
    return;
  }
  if (!socket) {
    l->is_over = true;
    const auto& why = socket.error().message;
    // What will be answered the same for ever is not asked again.
    for (const char* status : {" 401", " 403", " 404"})
      if (why.find(status) != why.npos)
        refused_ = error{"remote.refused", clean_text(why).substr(0, longest_complaint)};
    return try_later(why);
  }
  l->socket = *socket;
  connected_at_ms_ = now_ms();
  context_.count("connections", 1);
  output o;
  machine_->begin(now_ms(), o);
  give(std::move(o), out);
}

void remote_model::received(const std::shared_ptr<line>& l, const std::string& message,
                            emitter& out) {
  if (l != line_ || l->is_over) return;
  output o;
  machine_->receive(message, now_ms(), o);
  give(std::move(o), out);
}

void remote_model::disconnected(const std::shared_ptr<line>& l, int code,
                                const std::string& reason) {
  if (l != line_ || std::exchange(l->is_over, true)) return;
  try_later(fmt::format("the connection is over: {} {}", code,
                        clean_text(reason).substr(0, longest_complaint)));
}

/// Longer each time, until a connection has stood for a while.
void remote_model::try_later(const std::string& why) {
  const auto now = now_ms();
  if (machine_->is_ready() && now - ready_at_ms_ > steady_ms) back_off_ms_ = 0;
  machine_->lost();
  is_answering_ = false;
  back_off_ms_ = back_off_ms_ == 0
                     ? first_back_off_ms
                     : std::min<std::int64_t>(2 * back_off_ms_, config_.max_back_off_s * 1000);
  retry_at_ms_ = now + back_off_ms_;
  context_.log(fmt::format("{}; another try in {} ms", clean_text(why), back_off_ms_));
}

void remote_model::watch_line(std::int64_t now) {
  // A server that takes the connection and never listens is no better than none.
  if (!refused_ && line_ && line_->socket && !line_->is_over && !machine_->is_ready() &&
      now - connected_at_ms_ > config_.connect_ms) {
    line_->is_over = true;
    line_->socket->abort();
    try_later(fmt::format("the server did not listen within {} ms", config_.connect_ms));
  }
  if (refused_ || is_over_ || retry_at_ms_ < 0 || now < retry_at_ms_) return;
  context_.count("reconnects", 1);
  connect();
}

void remote_model::on_line(const event& e) {
  if (const auto* r = std::get_if<ready>(&e)) {
    ready_at_ms_ = now_ms();
    context_.count("resumed", r->again ? 1 : 0);
    context_.log(r->again ? "the model goes on with the conversation" : "the model listens");
  } else if (const auto* x = std::get_if<expiring>(&e)) {
    context_.log(fmt::format("the server ends the conversation in {} s", x->in_ms / 1000));
  } else if (const auto* o = std::get_if<odd>(&e)) {
    context_.count(o->counter, 1);
  } else if (const auto* t = std::get_if<trouble>(&e)) {
    context_.count("complaints", 1);
    // The code alone: the words may quote what was spoken, or a part of the key.
    const auto code = cut_text(clean_text(t->code), longest_code);
    if (complaints_logged_ < most_logged || t->is_final)
      context_.log("the server complains: " + code);
    if (++complaints_logged_ == most_logged) context_.log("further complaints are only counted");
    if (t->is_final) refused_ = error{"remote.refused", "the server refuses: " + code};
  } else if (const auto* g = std::get_if<goodbye>(&e)) {
    if (!line_ || line_->is_over) return;
    line_->is_over = true;
    if (line_->socket) line_->socket->close(1000, "");
    try_later("the server says goodbye: " + g->reason.substr(0, longest_complaint));
  }
}

/// What cannot leave now is not worth more later: sound that was not sent is old. False: the first of
/// them did not leave.
bool remote_model::send(const std::vector<std::string>& messages) {
  if (!line_ || !line_->socket || line_->is_over) return messages.empty();
  bool left = true;
  for (const auto& m : messages) {
    if (line_->socket->send(m)) continue;
    context_.count("unsent", 1);
    left = left && &m != &messages.front();
  }
  return left;
}

void remote_model::cut_line() {
  if (line_ && line_->socket) line_->socket->abort();
}

result<void> remote_model::close(emitter& out) {
  if (!machine_) return {};
  output o;
  machine_->end(o);
  send(o.messages);
  say_words(0, out);
  if (line_ && line_->socket) line_->socket->close(1000, "");
  line_.reset();
  alive_ = std::make_shared<remote_model*>(this);  // nothing that still comes reaches us
  client_.reset();
  return {};
}

}  // namespace hocket::remote
