// Two ends of a call in one process, over loopback.
#pragma once

#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "actors/gateway/webrtc/available.test.hpp"
#include "actors/gateway/webrtc/exchange.hpp"
#include "actors/http/server.test.hpp"

namespace hocket::gateway::webrtc::testing {

/// One end, and what it met.
struct side {
  std::mutex mutex;
  std::vector<std::string> messages;
  std::vector<float> sound;
  int pictures = 0;
  bool is_open = false;
  int code = 0;
  std::string reason, sdp, failed;
  std::shared_ptr<call> line;

  template <class What>
  auto locked(What what) {
    const std::lock_guard lock(mutex);
    return what();
  }

  call_events events() {
    call_events e;
    e.open = [this] { locked([&] { is_open = true; }); };
    e.message = [this](std::string_view m, bool) { locked([&] { messages.emplace_back(m); }); };
    e.sound = [this](std::vector<float> s) {
      locked([&] { sound.insert(sound.end(), s.begin(), s.end()); });
    };
    e.picture = [this](const shown_picture&) { locked([&] { ++pictures; }); };
    e.closed = [this](int c, const std::string& why) {
      locked([&] {
        code = c;
        reason = why;
      });
    };
    return e;
  }
  exchange::done done() {
    return [this](result<exchange::set_up> s) {
      locked([&] {
        if (!s) {
          failed = s.error().code + ": " + s.error().message;
          return;
        }
        line = s->call;
        sdp = s->sdp;
      });
    };
  }
  bool stands() {
    return locked([&] { return !sdp.empty() || !failed.empty(); });
  }
};

/// How loud a tone of 440 Hz is in the newest 0.4 s, against everything else.
inline bool hears_tone(side& e) {
  return e.locked([&] {
    constexpr std::size_t n = 6400;
    if (e.sound.size() < n) return false;
    double in = 0, cross = 0, all = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double s = e.sound[e.sound.size() - n + i];
      const double phase = 2 * M_PI * 440 * static_cast<double>(i) / 16'000;
      in += s * std::cos(phase);
      cross += s * std::sin(phase);
      all += s * s;
    }
    const double tone = 2 * (in * in + cross * cross) / static_cast<double>(n);
    return all / static_cast<double>(n) > 0.005 && tone > 0.8 * all;
  });
}

inline std::vector<float> tone(std::size_t from, std::size_t n) {
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = 0.3f *
             static_cast<float>(std::sin(2 * M_PI * 440 * static_cast<double>(from + i) / 16'000));
  return out;
}

/// Speaks until the other one hears it.
inline bool is_heard(side& from, side& to) {
  std::size_t at = 0;
  return hocket::testing::becomes([&] {
    if (from.line->played() + 8'000 > at) {
      from.line->play(tone(at, 3200));
      at += 3200;
    }
    return hears_tone(to);
  });
}

inline exchange::options on_loopback() {
  exchange::options o;
  o.addresses = {"127.0.0.1"};
  o.limits.setup_ms = o.limits.connect_ms = 60'000;  // a busy machine takes its time
  return o;
}

struct pair_of_ends {
  explicit pair_of_ends(exchange::options o = on_loopback(), const std::string& shows = "")
      : here(o), there(of_client(shows)) {}
  /// Where the goodbye is lost, silence tells it in the end.
  static exchange::options of_client(const std::string& shows) {
    auto o = on_loopback();
    o.limits.silence_ms = 8'000;
    o.shows = shows;
    return o;
  }
  side server, client;  // longer than the exchanges, which tell them of the end
  exchange here, there;
  std::function<void(description&)> between;  ///< what becomes of the answer on its way

  /// The client calls; `change` may alter its offer on the way.
  void connect(const std::function<void(description&)>& change = {}) {
    there.offer("oai-events", client.events(), client.done());
    REQUIRE(hocket::testing::becomes([&] { return client.stands(); }));
    REQUIRE_MESSAGE(client.failed.empty(), client.failed);
    auto offer = read_description(client.sdp);
    REQUIRE(offer);
    offer->candidates.clear();  // as the SDKs send it
    if (change) change(*offer);
    here.answer(*offer, server.events(), server.done());
    REQUIRE(hocket::testing::becomes([&] { return server.stands(); }));
    REQUIRE_MESSAGE(server.failed.empty(), server.failed);
    auto answer = read_description(server.sdp);
    REQUIRE_MESSAGE(answer, server.sdp);
    REQUIRE(!answer->candidates.empty());
    if (between) between(*answer);
    const auto taken = client.line->accept(*answer);
    REQUIRE_MESSAGE(taken, (taken ? "" : taken.error().message), " in ", server.sdp, client.sdp);
  }
};

}  // namespace hocket::gateway::webrtc::testing
