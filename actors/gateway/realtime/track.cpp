// Sound beside the messages: what of a response the person really heard.
#include <algorithm>

#include "actors/gateway/realtime/machine.hpp"

namespace hocket::gateway::realtime {

void machine::say_on_track(const voice& v, step& s) {
  auto& r = *response_;
  const auto id = text_of(r.object, "id");
  const auto ms = static_cast<std::int64_t>(v.samples.size()) * 1000 / inner_rate_hz;
  if (playing_ && playing_->item_id != r.message_id) {  // what comes now comes behind it
    s.events.audio_stopped(playing_->response_id);
    playing_.reset();
  }
  if (!playing_) {
    playing_ = playing{id, r.message_id, track_ms_, track_ms_, false};
    s.events.audio_started(id);
  }
  track_ms_ += ms;
  playing_->to_ms = track_ms_;
  r.sent_ms += ms;
  s.out.add(play_sound{v.samples});
}

void machine::on_sound_left(std::int64_t ms, step& s) {
  track_left_ms_ = std::max(track_left_ms_, ms);
  if (!playing_ || !playing_->is_whole || track_left_ms_ < playing_->to_ms) return;
  const auto id = playing_->response_id;
  playing_.reset();
  s.events.audio_stopped(id);
}

/// The rest of what is on its way is not said, and what was said before is all that there was.
void machine::cut_track(step& s) {
  if (!playing_) return;
  const auto p = *std::exchange(playing_, std::nullopt);
  const auto heard_ms =
      std::clamp<std::int64_t>(track_left_ms_ - p.from_ms, 0, p.to_ms - p.from_ms);
  s.out.add(hush_sound{});
  track_left_ms_ = track_ms_;
  s.events.audio_cleared(p.response_id);
  auto* item = items_.find(p.item_id);
  if (item == nullptr || p.item_id != last_audio_item_) return;
  s.out.add(was_heard{heard_ms});
  cut_words(*item, heard_ms);
  s.events.item_truncated(p.item_id, 0, heard_ms);
}

/// How the words lie in the sound is not known to a millisecond: they are cut in proportion.
void machine::cut_words(json& item, std::int64_t heard_ms) {
  auto* part = first_part(item, "output_audio");
  if (part == nullptr || heard_ms >= last_words_ms_) return;
  auto words = text_of(*part, "transcript");
  auto keep =
      words.size() * static_cast<std::size_t>(heard_ms) / static_cast<std::size_t>(last_words_ms_);
  while (keep > 0 && words[keep] != ' ') --keep;
  words.resize(keep);
  (*part)["transcript"] = words;
  last_words_ms_ = heard_ms;
}

}  // namespace hocket::gateway::realtime
