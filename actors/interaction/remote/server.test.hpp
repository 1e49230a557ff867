#pragma once

#include "actors/interaction/remote/machine.hpp"

namespace hocket::remote::testing {

/// Base64 of a tone of 16 bit samples.
inline std::string pcm(int ms, int rate) {
  std::string bytes;
  for (int i = 0; i < rate * ms / 1000; ++i) {
    const int v = i / 20 % 2 == 0 ? 8000 : -8000;
    bytes += static_cast<char>(v & 255);
    bytes += static_cast<char>((v >> 8) & 255);
  }
  return gateway::encode_base64(bytes);
}

inline json realtime_sound(const char* response, const char* item, int ms) {
  return {{"type", "response.output_audio.delta"},
          {"response_id", response},
          {"item_id", item},
          {"output_index", 0},
          {"content_index", 0},
          {"delta", pcm(ms, 24'000)}};
}

/// A server of a protocol, and what a machine makes of it.
struct server {
  explicit server(protocol_kind k, settings with = {}) : kind(k), m(make_machine(k, with)) {
    step([&](output& o) { m->begin(now_ms, o); });
  }
  template <class F>
  void step(F f) {
    output o;
    f(o);
    for (auto& text : o.messages) sent.push_back(json::parse(text));
    for (auto& e : o.events) events.push_back(std::move(e));
  }
  void says(const json& e) { says(e.dump()); }
  void says(const std::string& text) {
    step([&](output& o) { m->receive(text, now_ms, o); });
  }
  void hears(int ms) {
    step([&](output& o) {
      m->hear(std::vector<float>(static_cast<std::size_t>(16 * ms), 0.2f), o);
    });
  }
  void result(const char* id, const char* text) {
    step([&](output& o) { m->result(id, text, o); });
  }
  void cut(const char* item, std::int64_t heard_ms) {
    step([&](output& o) { m->cut(item, heard_ms, o); });
  }
  void passes(std::int64_t ms) {
    now_ms += ms;
    step([&](output& o) { m->advance(now_ms, o); });
  }
  void reconnects() {
    m->lost();
    step([&](output& o) { m->begin(now_ms, o); });
  }
  /// The shortest way to a conversation.
  void is_ready() {
    switch (kind) {
      case protocol_kind::realtime:
      case protocol_kind::vllm_duplex:
        says(json{{"type", "session.created"}, {"session", json::object()}});
        return says(json{{"type", "session.updated"}, {"session", json::object()}});
      case protocol_kind::live:
        return says(json{{"type", "session.started"}, {"session", json::object()}});
      case protocol_kind::gemini: return says(json{{"setupComplete", json::object()}});
      case protocol_kind::hocket:
        return says(json{{"type", "hello"}, {"seq", 1}, {"resume", "k"}, {"resumed", false}});
    }
  }

  template <class T>
  std::vector<T> all() const {
    std::vector<T> out;
    for (const auto& e : events)
      if (const auto* t = std::get_if<T>(&e)) out.push_back(*t);
    return out;
  }
  int counted(const std::string& what) const {
    int n = 0;
    for (const auto& o : all<odd>()) n += o.counter == what ? 1 : 0;
    return n;
  }
  static std::string type_of(const json& message) {
    return gateway::text_of(message, "type", message.begin().key());
  }
  int count_sent(const std::string& type) const {
    int n = 0;
    for (const auto& message : sent) n += type_of(message) == type ? 1 : 0;
    return n;
  }
  json last_sent(const std::string& type) const {
    for (auto i = sent.rbegin(); i != sent.rend(); ++i)
      if (type_of(*i) == type) return *i;
    return nullptr;
  }

  protocol_kind kind;
  std::unique_ptr<machine> m;
  std::int64_t now_ms = 0;
  std::vector<json> sent;
  std::vector<event> events;
};

}  // namespace hocket::remote::testing
