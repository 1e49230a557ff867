#pragma once

#include "actors/gateway/protocol.hpp"

namespace hocket::gateway::whip {

/// Sound and nothing else (WHIP, RFC 9725): who calls is heard, and hears the model where his offer takes
/// sound. Words, functions and pictures have no way here.
class machine final : public protocol {
 public:
  void begin(std::int64_t, output&) override {}
  void receive(std::string_view, std::int64_t, output&) override {}
  void on_graph(const graph_event& e, std::int64_t, output& out) override {
    if (const auto* v = std::get_if<voice>(&e); v != nullptr && v->is_open)
      out.add(play_sound{v->samples});
  }
  void advance(std::int64_t, output&) override {}
  void end(std::string_view reason, std::int64_t, output& out) override {
    out.add(hang_up{1001, std::string(reason)});
  }
};

}  // namespace hocket::gateway::whip
