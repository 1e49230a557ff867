#pragma once

#include <atomic>
#include <thread>

#include "actors/gateway/door/app.test.hpp"
#include "actors/gateway/webrtc/available.test.hpp"
#include "actors/gateway/webrtc/exchange.hpp"

namespace hocket::gateway::testing {

using webrtc::testing::is_missing;

/// An app that calls: its end of the call, what it is told, and what it hears.
struct caller {
  /// `shows`: a GStreamer source, its camera; "": it has none.
  explicit caller(harness& to, const std::string& shows = "")
      : h(to), exchange([&] {
          webrtc::exchange::options o;
          o.shows = shows;
          o.addresses = {"127.0.0.1"};
          o.limits.setup_ms = o.limits.connect_ms = 60'000;  // a busy machine takes its time
          o.limits.silence_ms = 10'000;  // where a goodbye is lost, silence tells it
          return o;
        }()) {}
  ~caller() { exchange.stop(0); }

  harness& h;
  webrtc::exchange exchange;
  std::mutex mutex;
  std::string sdp, failed, location;
  std::shared_ptr<webrtc::call> line;
  std::vector<json> messages;
  double loudest = 0;
  bool is_open = false, is_over = false;

  webrtc::call_events events() {
    webrtc::call_events e;
    e.open = [this] { locked([&] { is_open = true; }); };
    e.message = [this](std::string_view m, bool) {
      locked([&] { messages.push_back(json::parse(m)); });
    };
    e.sound = [this](const std::vector<float>& s) {
      locked([&] {
        for (const float one : s) loudest = std::max<double>(loudest, std::abs(one));
      });
    };
    e.closed = [this](int, const std::string&) { locked([&] { is_over = true; }); };
    return e;
  }
  template <class What>
  void locked(What what) {
    const std::lock_guard lock(mutex);
    what();
  }
  /// Settled when `condition` holds, under the lock.
  template <class Condition>
  bool sees(Condition condition) {
    return settles(h, [&] {
      const std::lock_guard lock(mutex);
      return condition();
    });
  }
  void offers() {
    exchange.offer("oai-events", events(), [this](result<webrtc::exchange::set_up> s) {
      locked([&] {
        if (!s) return void(failed = s.error().message);
        line = s->call;
        sdp = s->sdp;
      });
    });
    REQUIRE(sees([&] { return !sdp.empty() || !failed.empty(); }));
    REQUIRE_MESSAGE(failed.empty(), failed);
  }
  /// POSTs its offer; the whole answer.
  std::string calls(const std::string& path, const std::string& more_headers = "") {
    const auto answer = posts(h, path, "Content-Type: application/sdp" + more_headers, sdp);
    const auto at = answer.find("Location: ");
    if (at != answer.npos) location = answer.substr(at + 10, answer.find("\r\n", at) - at - 10);
    return answer;
  }
  void accepts(const std::string& answer) {
    const auto read = webrtc::read_description(answer.substr(answer.find("\r\n\r\n") + 4));
    REQUIRE_MESSAGE(read, answer);
    REQUIRE(line->accept(*read));
  }
  bool got(const std::string& type) {
    return sees([&] {
      return std::any_of(messages.begin(), messages.end(),
                         [&](const json& m) { return text_of(m, "type") == type; });
    });
  }

  /// What a POST gets. The gateway answers from its own context, which the harness runs.
  static std::string posts(harness& h, const std::string& path, const std::string& headers,
                           const std::string& body, const char* method = "POST") {
    std::string out;
    std::atomic<bool> done = false;
    std::thread asks([&] {
      out = ask(h, std::string(method) + " " + path + " HTTP/1.1\r\n" + headers, body);
      done = true;
    });
    const bool is_answered = settles(h, [&] { return done.load(); });
    asks.join();
    REQUIRE(is_answered);
    return out;
  }
};

inline bool is(const std::string& answer, int status) {
  return answer.starts_with("HTTP/1.1 " + std::to_string(status));
}

/// The model speaks for a micro-turn.
inline void say(harness& h, std::int64_t at_ms) {
  REQUIRE(h.push("audio", timestamp::of_ms(at_ms),
                 audio_chunk{inner_rate_hz, 1, at_ms * 16,
                             buffer::take(talk::tone(200, inner_rate_hz, 0.3))}));
}

/// The newest event of that type that came over its channel; null: none did.
inline json last_of(caller& c, const char* type) {
  json out;
  c.locked([&] {
    for (const auto& m : c.messages)
      if (text_of(m, "type") == type) out = m;
  });
  return out;
}

/// The person is heard in the newest conversation, then the model at the call; the stream's time after it, in ms.
inline std::int64_t sound_goes_both_ways(caller& c) {
  REQUIRE(c.h.advance_to(timestamp::of_ms(1000)));
  CHECK(settles(c.h, [&] {
    c.line->play(talk::tone(20, inner_rate_hz, 0.3));
    return !c.h.outputs("audio").empty();
  }));
  std::int64_t at_ms = 1200;
  CHECK(settles(c.h, [&] {
    REQUIRE(c.h.advance_to(timestamp::of_ms(at_ms)));
    say(c.h, at_ms);
    at_ms += 200;
    const std::lock_guard lock(c.mutex);
    return c.loudest > 0.1;
  }));
  return at_ms;
}

}  // namespace hocket::gateway::testing
