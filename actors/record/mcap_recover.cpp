#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "actors/record/mcap_reader.hpp"
#include "actors/record/mcap_writer.hpp"

namespace hocket::record {
namespace {

/// Copies what is whole in one file, or in the pieces of one, into a new one, each definition once and
/// before what needs it.
class copier {
 public:
  copier(mcap_writer& to, const std::vector<std::string>& without, const mcap_limits& limits)
      : to_(to), without_(without), limits_(limits) {}

  result<mcap_recovered> copy(const byte_source& from) {
    auto contents = read_contents(from, limits_);
    if (!contents) return fail(contents);
    mcap_recovered out;
    out.was_closed = contents->closed;
    out.lost_bytes = from.size_bytes() - contents->whole_bytes;
    HOCKET_TRY(copy_notes(from, *contents, out));
    for (const auto& [id, channel] : contents->channels)
      if (const auto done = need(*contents, id); !done) return fail(done);
    for (const auto& place : contents->chunks) HOCKET_TRY(copy_chunk(from, place, *contents, out));
    return out;
  }

 private:
  result<void> copy_notes(const byte_source& from, const mcap_contents& contents,
                          mcap_recovered& out) {
    for (const auto& [name, values] : contents.metadata)
      if (std::find(without_.begin(), without_.end(), name) == without_.end() &&
          notes_.insert({name, values}).second)
        HOCKET_TRY(to_.add_metadata(name, values));
    for (const auto& a : contents.attachments) {
      if (attached_.contains(a.name)) continue;
      const auto data = read_attachment(from, a, limits_);
      if (!data && data.error().code == code_of(mcap_error::cannot_read)) return fail(data);
      if (!data) {  // what is around it can still be saved
        ++out.damaged_attachments;
        continue;
      }
      attached_.insert(a.name);
      HOCKET_TRY(to_.attach(a.name, a.media_type, *data, a.log_time_ns));
    }
    return {};
  }

  /// False where the file never says what this channel is.
  result<bool> need(const mcap_contents& known, std::uint16_t channel) {
    const auto c = known.channels.find(channel);
    if (const auto had = channels_.find(channel); had != channels_.end()) {
      if (c != known.channels.end() && c->second.topic != had->second)
        return fail(
            mcap_error::damaged,
            fmt::format("channel {} is `{}` in one piece and `{}` in another: they are not of "
                        "one recording",
                        channel, had->second, c->second.topic));
      return true;
    }
    if (c == known.channels.end()) return false;
    auto copy = c->second;
    if (!known.schemas.contains(copy.schema_id)) copy.schema_id = 0;
    if (copy.schema_id != 0 && schemas_.insert(copy.schema_id).second)
      HOCKET_TRY(to_.add(known.schemas.at(copy.schema_id)));
    HOCKET_TRY(to_.add(copy));
    channels_[channel] = copy.topic;
    return true;
  }

  result<void> copy_chunk(const byte_source& from, const mcap_chunk_place& place,
                          mcap_contents& contents, mcap_recovered& out) {
    const auto chunk = read_chunk(from, place, limits_);
    if (!chunk && chunk.error().code == code_of(mcap_error::cannot_read)) return fail(chunk);
    // All or nothing of a chunk: first see that its records are whole.
    const auto look = [](const mcap_message&, std::uint64_t) { return result<void>{}; };
    if (!chunk || !each_message(*chunk, &contents, look)) {
      ++out.damaged_chunks;
      return {};
    }
    ++out.chunks;
    return each_message(*chunk, nullptr, [&](const mcap_message& m, std::uint64_t) -> result<void> {
      const auto known = need(contents, m.channel_id);
      if (!known) return fail(known);
      if (!*known) return {};
      HOCKET_TRY(to_.write(m));
      ++out.messages;
      return {};
    });
  }

  mcap_writer& to_;
  const std::vector<std::string>& without_;
  const mcap_limits& limits_;
  std::set<std::pair<std::string, mcap_map>> notes_;
  std::set<std::string> attached_;
  std::set<std::uint16_t> schemas_;
  std::map<std::uint16_t, std::string> channels_;
};

}  // namespace

result<mcap_recovered> recover_into(const byte_source& from, mcap_writer& to,
                                    const std::vector<std::string>& without,
                                    const mcap_limits& limits) {
  return copier(to, without, limits).copy(from);
}

result<mcap_recovered> merge_into(const std::vector<std::unique_ptr<byte_source>>& pieces,
                                  mcap_writer& to, const std::vector<std::string>& without,
                                  const std::vector<std::string>& without_later,
                                  const mcap_limits& limits) {
  auto left_out = without;
  copier one(to, left_out, limits);
  mcap_recovered all;
  all.was_closed = true;
  for (const auto& piece : pieces) {
    const auto done = one.copy(*piece);
    if (!done) return done;
    if (&piece == &pieces.front())
      left_out.insert(left_out.end(), without_later.begin(), without_later.end());
    all.messages += done->messages;
    all.chunks += done->chunks;
    all.damaged_chunks += done->damaged_chunks;
    all.damaged_attachments += done->damaged_attachments;
    all.lost_bytes += done->lost_bytes;
    all.was_closed = all.was_closed && done->was_closed;
  }
  return all;
}

}  // namespace hocket::record
