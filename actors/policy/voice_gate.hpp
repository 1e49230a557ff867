#pragma once

#include <cstdint>

#include "graph/contract/payload.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket::policy {

/// Lets the model's voice through, or silence of the same length. Once closed it opens when the voice has
/// been silent for `pause`, so that the rest of a sentence is not heard, `longest` later at the latest: what
/// is said then is judged anew. Threads: one at a time.
class voice_gate {
 public:
  /// Words come up to `lead` before they sound: a silence within it is not the end of the sentence.
  static constexpr std::chrono::milliseconds lead{600}, pause{400}, longest{5000};

  void close(timestamp now);
  void close_for_good() { held_ = ended_ = true; }
  /// Closed for as long as somebody holds it.
  void hold(bool holds, timestamp now);
  /// The end of the first hold: where nobody has spoken yet, no sentence is cut.
  void let_go(timestamp now) {
    held_ = ended_;
    if (muted_ > 0) close(now);
  }
  bool is_closed() const { return closed_ || held_; }
  /// The chunk itself, or silence in its place.
  audio_chunk through(const audio_chunk& chunk);
  std::int64_t muted() const { return muted_; }  ///< samples that had a voice

 private:
  bool closed_ = false, held_ = false, ended_ = false;
  timestamp closed_at_, voice_until_;
  std::int64_t muted_ = 0;
};

}  // namespace hocket::policy
