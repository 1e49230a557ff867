#include "actors/record/wav_writer.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::record {

result<std::unique_ptr<wav_writer>> open_wav(const context& where, const std::string& file,
                                             std::int32_t rate_hz, std::int32_t channels) {
  const bool keep = where.restarts > 0;
  auto to = create_output(where, file, keep ? trust::create_as::kept : trust::create_as::replaced);
  if (!to) return fail("record.cannot_write", to.error().message);
  return wav_writer::on(std::move(*to), rate_hz, channels, 5 * rate_hz, keep);
}

}  // namespace hocket::record
