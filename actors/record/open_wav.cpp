#include "actors/record/wav_writer.hpp"
#include "graph/contract/capability.hpp"
#include "graph/core/samples.hpp"
#include "graph/trust/sealed/sealed.hpp"

namespace hocket::record {

result<bool> may_write_sound(const context& where) {
  const auto key = trust::sealing_key();
  if (!key) return fail(key);
  const bool kept = capability_of(where)->keeps(trust::data_class::voice);
  if (!kept) where.log("writes no sound: --no-pii");
  if (kept && !key->empty())
    where.log("writes no sound: recordings and logs are sealed, and a WAV cannot be");
  return kept && key->empty();
}

result<std::unique_ptr<wav_writer>> open_wav(const context& where, const std::string& file,
                                             std::int32_t rate_hz, std::int32_t channels) {
  const bool keep = where.restarts > 0;
  auto to = create_output(where, file, keep ? trust::create_as::kept : trust::create_as::replaced);
  if (!to) return fail("record.cannot_write", to.error().message);
  return wav_writer::on(std::move(*to), rate_hz, channels, 5 * rate_hz, keep);
}

std::int64_t wav_begin(const context& where, std::int64_t frames, std::int32_t rate_hz) {
  if (where.time == nullptr) return 0;
  const auto border = [&](timestamp t) {
    return sample_index(where.grid.start_of(where.grid.index_of(t)), rate_hz);
  };
  const auto now = border(where.time->now());
  if (where.restarts == 0) return now;
  const auto begins = border(where.began);
  // A host that was started again does not know when a later conversation began, and an hour of
  // silence is no gap. What was put ahead of its time is less than a second.
  const auto gap = now - begins - frames;
  return gap < -rate_hz || gap > wav_writer::max_jump_frames ? now - frames : begins;
}

}  // namespace hocket::record
