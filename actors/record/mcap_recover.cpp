#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "actors/record/mcap_reader.hpp"
#include "actors/record/mcap_writer.hpp"

namespace hocket::record {
namespace {

/// Definitions as they turn up: each goes into the new file once, before what needs it.
class definitions {
 public:
  definitions(const mcap_contents& known, mcap_writer& to) : known_(known), to_(to) {}

  /// False where the file never says what this channel is.
  result<bool> need(std::uint16_t channel) {
    if (channels_.contains(channel)) return true;
    const auto c = known_.channels.find(channel);
    if (c == known_.channels.end()) return false;
    auto copy = c->second;
    if (!known_.schemas.contains(copy.schema_id)) copy.schema_id = 0;
    if (copy.schema_id != 0 && schemas_.insert(copy.schema_id).second)
      HOCKET_TRY(to_.add(known_.schemas.at(copy.schema_id)));
    HOCKET_TRY(to_.add(copy));
    channels_.insert(channel);
    return true;
  }

 private:
  const mcap_contents& known_;
  mcap_writer& to_;
  std::set<std::uint16_t> schemas_, channels_;
};

}  // namespace

result<mcap_recovered> recover_into(const byte_source& from, mcap_writer& to,
                                    const std::vector<std::string>& without,
                                    const mcap_limits& limits) {
  auto contents = read_contents(from, limits);
  if (!contents) return fail(contents);
  mcap_recovered out;
  out.was_closed = contents->closed;
  out.lost_bytes = from.size_bytes() - contents->whole_bytes;
  for (const auto& [name, values] : contents->metadata)
    if (std::find(without.begin(), without.end(), name) == without.end())
      HOCKET_TRY(to.add_metadata(name, values));
  for (const auto& a : contents->attachments) {
    const auto data = read_attachment(from, a, limits);
    if (!data && data.error().code == code_of(mcap_error::cannot_read)) return fail(data);
    if (!data) {  // what is around it can still be saved
      ++out.damaged_attachments;
      continue;
    }
    HOCKET_TRY(to.attach(a.name, a.media_type, *data, a.log_time_ns));
  }
  definitions defined(*contents, to);
  for (const auto& [id, channel] : contents->channels)
    if (const auto done = defined.need(id); !done) return fail(done);
  for (const auto& place : contents->chunks) {
    const auto chunk = read_chunk(from, place, limits);
    if (!chunk && chunk.error().code == code_of(mcap_error::cannot_read)) return fail(chunk);
    // All or nothing of a chunk: first see that its records are whole.
    const auto look = [](const mcap_message&, std::uint64_t) { return result<void>{}; };
    if (!chunk || !each_message(*chunk, &*contents, look)) {
      ++out.damaged_chunks;
      continue;
    }
    ++out.chunks;
    HOCKET_TRY(
        each_message(*chunk, nullptr, [&](const mcap_message& m, std::uint64_t) -> result<void> {
          const auto known = defined.need(m.channel_id);
          if (!known) return fail(known);
          if (!*known) return {};
          HOCKET_TRY(to.write(m));
          ++out.messages;
          return {};
        }));
  }
  return out;
}

}  // namespace hocket::record
