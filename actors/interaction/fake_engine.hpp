#pragma once

#include <map>
#include <set>

#include "actors/interaction/micro_turn_engine.hpp"

namespace hocket::interaction {

/// A stand-in for tests, without weights: deterministic and easy to predict.
///
/// It hears the word "sound" in each frame with a bin above silence, and speaks (a tone, gates 1)
/// in the micro-turn after it heard something. Each word that comes in as text it says, except
/// "delegate": that makes it delegate "seven times eight" and say "wait". It knows every word but
/// "unheardof", and spells "rex". A picture it names by its first byte: "picture 7". A step fails
/// once for the word "fail". Of a script it says a word in every second micro-turn, or when it is due.
/// The adapter "misfit" fits no model, and for "huge" there is no memory.
class fake_engine final : public micro_turn_engine {
 public:
  std::string describe() const override { return "fake engine on cpu"; }
  std::size_t text_slots() const override { return 1; }
  std::vector<std::string> tokens_of(const std::string& text) const override;
  std::size_t video_bytes() const override { return std::size_t{2} * 40 * 40 * 3; }
  result<void> open_session(session_id s) override {
    open.insert(s);
    return {};
  }
  void close_session(session_id s) override { open.erase(s); }
  result<opened_adapter_handle> open_adapter(const adapter& a) const override;
  void adapt(session_id session, const opened_adapter_handle& through) override;
  result<std::vector<turn_output>> step(std::span<const turn_input> inputs) override;

  std::map<session_id, std::string> adapters;  ///< in use, by name
  std::set<session_id> open;
  std::vector<std::size_t> batches;  ///< size of each step
  bool is_mute = false;              ///< it says no sound of a script
};

}  // namespace hocket::interaction
