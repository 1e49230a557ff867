#pragma once

#include <cmath>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

#include "actors/gateway/event_schema.hpp"
#include "actors/gateway/protocol.hpp"
#include "actors/gateway/sound.hpp"

namespace hocket::gateway::testing {

inline event_schema schema_of(const std::string& protocol) {
  std::ostringstream text;
  text << std::ifstream(HOCKET_SOURCE_DIR "/actors/gateway/schema/" + protocol + ".json").rdbuf();
  auto read = event_schema::read(text.str());
  REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().message));
  return std::move(*read);
}

/// A client and a graph with one protocol between them, on a clock that the test moves. Every message
/// that leaves is held to the protocol's schema.
class talk {
 public:
  talk(protocol& p, event_schema s) : protocol_(p), schema_(std::move(s)) {
    output out;
    protocol_.begin(now_ms, out);
    take(std::move(out));
  }

  void client(const json& event) { client(event.dump()); }
  void client(const std::string& text) {
    output out;
    protocol_.receive(text, now_ms, out);
    take(std::move(out));
  }
  /// Over a track.
  void client_sound(std::vector<float> samples) {
    output out;
    protocol_.hear(std::move(samples), now_ms, out);
    take(std::move(out));
  }
  void graph(const graph_event& e) {
    output out;
    protocol_.on_graph(e, now_ms, out);
    take(std::move(out));
  }
  void pass(std::int64_t ms) {
    for (const auto until = now_ms + ms; now_ms < until;) {
      now_ms += std::min<std::int64_t>(100, until - now_ms);
      output out;
      protocol_.advance(now_ms, out);
      take(std::move(out));
    }
  }
  void end(const char* reason) {
    output out;
    protocol_.end(reason, now_ms, out);
    take(std::move(out));
  }

  void break_off(const char* why, int code) {
    output out;
    protocol_.break_off(why, code, now_ms, out);
    take(std::move(out));
  }
  void let_go(const char* reason) {
    output out;
    protocol_.let_go(reason, now_ms, out);
    take(std::move(out));
  }
  void resume(const std::string& message, const next_line& by) {
    output out;
    protocol_.resume(message, by, now_ms, out);
    take(std::move(out));
  }

  /// `turns` micro-turns of the model's voice, or of its silence, each 200 ms later.
  void model_speaks(int turns, bool is_open = true) {
    for (int i = 0; i < turns; ++i) {
      voice v{now_ms, tone(200, inner_rate_hz, is_open ? 0.3 : 0), is_open};
      graph(v);
      pass(200);
    }
  }

  static std::vector<float> tone(int ms, int rate_hz, double loud) {
    std::vector<float> out(static_cast<std::size_t>(rate_hz * ms / 1000));
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] =
          static_cast<float>(loud * std::sin(2 * M_PI * 300 * static_cast<double>(i) / rate_hz));
    return out;
  }

  /// The messages since the last call, and the actions.
  std::vector<json> messages() { return std::exchange(messages_, {}); }
  std::vector<action> actions() { return std::exchange(actions_, {}); }
  template <class T>
  std::vector<T> actions_of() {
    std::vector<T> out;
    for (const auto& a : actions_)
      if (const auto* t = std::get_if<T>(&a)) out.push_back(*t);
    return out;
  }
  /// The types of the messages since the last call, repeated ones once, blanks between.
  std::string types() {
    std::string out, last;
    for (const auto& m : messages_) {
      const auto t = text_of(m, "type", m.begin().key());
      if (t != last) out += (out.empty() ? "" : " ") + t;
      last = t;
    }
    all_.insert(all_.end(), messages_.begin(), messages_.end());
    messages_.clear();
    return out;
  }
  /// The last message of this type, of all that came.
  json last(const std::string& type) {
    all_.insert(all_.end(), messages_.begin(), messages_.end());
    messages_.clear();
    for (auto i = all_.rbegin(); i != all_.rend(); ++i)
      if (text_of(*i, "type", i->begin().key()) == type) return *i;
    return nullptr;
  }

  std::int64_t now_ms = 0;

 private:
  void take(output out) {
    for (const auto& text : out.messages) {
      const auto m = json::parse(text);
      const auto wrong = schema_.wrong_with(m);
      CHECK_MESSAGE(wrong.empty(), wrong, " in ", text.substr(0, 400));
      messages_.push_back(m);
    }
    for (auto& a : out.actions) actions_.push_back(std::move(a));
  }

  protocol& protocol_;
  const event_schema schema_;
  std::vector<json> messages_, all_;
  std::vector<action> actions_;
};

/// A picture that is one, in base64: PNG, one pixel.
inline constexpr const char* small_picture =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+"
    "M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Base64 of a tone, or of silence, in a client's format.
inline std::string sound_of_client(int ms, double loud, const sound_format& f = {}) {
  sound_writer w(f.rate_hz);
  return encode_base64(*w.write(talk::tone(ms, f.rate_hz, loud), f));
}

}  // namespace hocket::gateway::testing
