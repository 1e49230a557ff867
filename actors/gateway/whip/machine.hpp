#pragma once

#include <utility>

#include "actors/gateway/protocol.hpp"

namespace hocket::gateway::whip {

/// Sound and nothing else (WHIP, RFC 9725): who calls is heard, and hears the model where his offer takes
/// sound. Words, functions and pictures have no way here.
class machine final : public protocol {
 public:
  /// `resume_key`: with what another call goes on; empty: none can.
  explicit machine(std::string resume_key = "") : resume_key_(std::move(resume_key)) {}

  void begin(std::int64_t, output&) override {}
  void receive(std::string_view, std::int64_t, output&) override {}
  void on_graph(const graph_event& e, std::int64_t now_ms, output& out) override {
    if (const auto* m = std::get_if<model_state>(&e)) gone_since_ms_ = m->is_there ? -1 : now_ms;
    if (std::get_if<all_forgotten>(&e) != nullptr) resume_key_.clear();
    if (const auto* v = std::get_if<voice>(&e); v != nullptr && v->is_open)
      out.add(play_sound{v->samples});
  }
  /// Words have no way here: the end of the call is all that tells who calls of it.
  void advance(std::int64_t now_ms, output& out) override {
    if (gone_since_ms_ < 0 || now_ms - gone_since_ms_ < longest_silence_ms) return;
    gone_since_ms_ = -1;
    out.add(hang_up{1011, "what answers is gone"});
  }
  void end(std::string_view reason, std::int64_t, output& out) override {
    out.add(hang_up{1001, std::string(reason)});
  }
  std::string resume_key() const override { return resume_key_; }
  void resume(std::string_view, const next_line& by, std::int64_t, output&) override {
    resume_key_ = by.resume_key;
  }

 private:
  static constexpr std::int64_t longest_silence_ms = 5'000;  ///< of what answers

  std::string resume_key_;
  std::int64_t gone_since_ms_ = -1;
};

}  // namespace hocket::gateway::whip
