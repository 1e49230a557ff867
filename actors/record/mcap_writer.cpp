#include "actors/record/mcap_writer.hpp"

#include <zstd.h>

#include <algorithm>

#include <fmt/format.h>

namespace hocket::record {
namespace {

constexpr std::size_t record_head_bytes = 9;  // opcode, length

std::string packed(const std::string& bytes) {
  constexpr int level = 1;  // recordings are written beside a conversation: speed first
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const auto n = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), level);
  if (ZSTD_isError(n)) return "";
  out.resize(n);
  return out;
}

}  // namespace

result<std::unique_ptr<mcap_writer>> mcap_writer::create(std::unique_ptr<byte_sink> to,
                                                         mcap_writer_options options) {
  std::unique_ptr<mcap_writer> made(new mcap_writer(std::move(to), std::move(options)));
  std::string header;
  mcap_put(header).str(made->options_.profile).str(made->options_.library);
  HOCKET_TRY(made->append(std::string(mcap_magic) + record_bytes(mcap_op::header, header)));
  return made;
}

result<void> mcap_writer::append(std::string_view bytes) {
  HOCKET_TRY(to_->append(bytes));
  crc_ = crc32_of(bytes, crc_);
  end_ += bytes.size();
  return {};
}

result<void> mcap_writer::add(const mcap_schema& s) {
  if (s.id == 0 || schemas_.contains(s.id))
    return fail(mcap_error::not_recordable, fmt::format("schema {} is taken", s.id));
  HOCKET_TRY(append(record_bytes(mcap_op::schema, content_of(s))));
  schemas_.emplace(s.id, s);
  return {};
}

result<void> mcap_writer::add(const mcap_channel& c) {
  if (channels_.contains(c.id) || (c.schema_id != 0 && !schemas_.contains(c.schema_id)))
    return fail(mcap_error::not_recordable,
                fmt::format("channel {} is taken or has no schema {}", c.id, c.schema_id));
  HOCKET_TRY(append(record_bytes(mcap_op::channel, content_of(c))));
  channels_.emplace(c.id, c);
  return {};
}

result<void> mcap_writer::attach(const std::string& name, const std::string& media_type,
                                 std::string_view data, std::uint64_t log_time_ns) {
  std::string content;
  mcap_put put(content);
  put.num(log_time_ns).num(log_time_ns).str(name).str(media_type);
  put.num(static_cast<std::uint64_t>(data.size())).raw(data).num(crc32_of(content));
  const auto at = end_;
  HOCKET_TRY(append(record_bytes(mcap_op::attachment, content)));
  indexed entry{mcap_op::attachment_index, ""};
  mcap_put(entry.content)
      .num(at)
      .num(end_ - at)
      .num(log_time_ns)
      .num(log_time_ns)
      .num(static_cast<std::uint64_t>(data.size()))
      .str(name)
      .str(media_type);
  indexes_.push_back(std::move(entry));
  ++stats_.attachments;
  return {};
}

result<void> mcap_writer::add_metadata(const std::string& name, const mcap_map& values) {
  std::string content;
  mcap_put(content).str(name).map(values);
  const auto at = end_;
  HOCKET_TRY(append(record_bytes(mcap_op::metadata, content)));
  indexed entry{mcap_op::metadata_index, ""};
  mcap_put(entry.content).num(at).num(end_ - at).str(name);
  indexes_.push_back(std::move(entry));
  ++stats_.metadata;
  return {};
}

result<void> mcap_writer::write(const mcap_message& m) {
  if (!channels_.contains(m.channel_id))
    return fail(mcap_error::not_recordable, fmt::format("no channel {}", m.channel_id));
  if (full()) HOCKET_TRY(flush());
  auto& c = chunk_;
  const auto at = c.records.size();
  mcap_put(c.records)
      .num(static_cast<std::uint8_t>(mcap_op::message))
      .num(static_cast<std::uint64_t>(22 + m.data.size_bytes()))
      .num(m.channel_id)
      .num(m.sequence)
      .num(m.log_time_ns)
      .num(m.publish_time_ns)
      .raw(chars(m.data.bytes()));
  c.first_ns = at == 0 ? m.log_time_ns : std::min(c.first_ns, m.log_time_ns);
  c.last_ns = std::max(c.last_ns, m.log_time_ns);
  c.index[m.channel_id].emplace_back(m.log_time_ns, at);
  ++c.counts[m.channel_id];
  return {};
}

std::string mcap_writer::packed_chunk(std::uint64_t at, std::string& chunk_index) const {
  const auto& c = chunk_;
  // Sound and noise do not shrink: then the bytes stay as they are.
  auto small = options_.compress ? packed(c.records) : std::string();
  const bool use = !small.empty() && small.size() < c.records.size();
  const std::string& bytes = use ? small : c.records;
  const char* how = use ? "zstd" : "";
  std::string content;
  mcap_put(content)
      .num(c.first_ns)
      .num(c.last_ns)
      .num(static_cast<std::uint64_t>(c.records.size()))
      .num(crc32_of(c.records))
      .str(how)
      .num(static_cast<std::uint64_t>(bytes.size()))
      .raw(bytes);
  auto out = record_bytes(mcap_op::chunk, content);
  const auto chunk_length = out.size();
  std::string offsets;
  for (const auto& [channel, entries] : c.index) {
    mcap_put(offsets).num(channel).num(static_cast<std::uint64_t>(at + out.size()));
    std::string pairs;
    for (const auto& [time_ns, offset] : entries) mcap_put(pairs).num(time_ns).num(offset);
    std::string index;
    mcap_put(index).num(channel).str(pairs);
    out += record_bytes(mcap_op::message_index, index);
  }
  mcap_put(chunk_index)
      .num(c.first_ns)
      .num(c.last_ns)
      .num(at)
      .num(static_cast<std::uint64_t>(chunk_length))
      .str(offsets)
      .num(static_cast<std::uint64_t>(out.size() - chunk_length))
      .str(how)
      .num(static_cast<std::uint64_t>(bytes.size()))
      .num(static_cast<std::uint64_t>(c.records.size()));
  return out;
}

result<void> mcap_writer::flush() {
  if (chunk_.records.empty()) return {};
  indexed entry{mcap_op::chunk_index, ""};
  const auto bytes = packed_chunk(end_, entry.content);
  HOCKET_TRY(append(bytes));
  indexes_.push_back(std::move(entry));
  stats_.first_ns =
      stats_.messages == 0 ? chunk_.first_ns : std::min(stats_.first_ns, chunk_.first_ns);
  stats_.last_ns = std::max(stats_.last_ns, chunk_.last_ns);
  for (const auto& [channel, n] : chunk_.counts) {
    stats_.counts[channel] += n;
    stats_.messages += n;
  }
  ++stats_.chunks;
  auto room = std::move(chunk_.records);
  room.clear();
  chunk_ = {};
  chunk_.records = std::move(room);
  return {};
}

std::map<std::uint16_t, std::uint64_t> mcap_writer::drop_open_chunk() {
  auto lost = std::move(chunk_.counts);
  chunk_ = {};
  return lost;
}

std::string mcap_writer::statistics_content() const {
  std::string counts;
  for (const auto& [channel, n] : stats_.counts) mcap_put(counts).num(channel).num(n);
  std::string out;
  mcap_put(out)
      .num(stats_.messages)
      .num(static_cast<std::uint16_t>(schemas_.size()))
      .num(static_cast<std::uint32_t>(channels_.size()))
      .num(static_cast<std::uint32_t>(stats_.attachments))
      .num(static_cast<std::uint32_t>(stats_.metadata))
      .num(static_cast<std::uint32_t>(stats_.chunks))
      .num(stats_.first_ns)
      .num(stats_.last_ns)
      .str(counts);
  return out;
}

std::string mcap_writer::end_of_file() const {
  std::string data_end;
  mcap_put(data_end).num(crc_);
  auto out = record_bytes(mcap_op::data_end, data_end);
  const auto summary_start = end_ + out.size();
  std::string summary;
  std::string offsets;
  const auto group = [&](mcap_op op, const auto& each) {
    const auto from = summary.size();
    each([&](std::string_view content) { summary += record_bytes(op, content); });
    if (summary.size() == from) return;
    std::string content;
    mcap_put(content)
        .num(static_cast<std::uint8_t>(op))
        .num(summary_start + from)
        .num(static_cast<std::uint64_t>(summary.size() - from));
    offsets += record_bytes(mcap_op::summary_offset, content);
  };
  group(mcap_op::schema, [&](auto put) {
    for (const auto& [id, s] : schemas_) put(content_of(s));
  });
  group(mcap_op::channel, [&](auto put) {
    for (const auto& [id, c] : channels_) put(content_of(c));
  });
  group(mcap_op::statistics, [&](auto put) { put(statistics_content()); });
  for (const auto op : {mcap_op::chunk_index, mcap_op::attachment_index, mcap_op::metadata_index})
    group(op, [&](auto put) {
      for (const auto& i : indexes_)
        if (i.op == op) put(i.content);
    });
  const auto offsets_start = summary_start + summary.size();
  // The check sum covers the summary and the footer up to itself.
  std::string footer;
  mcap_put(footer).num(summary_start).num(offsets_start).num(std::uint32_t{0});
  auto footer_record = record_bytes(mcap_op::footer, footer);
  const std::string_view covered(footer_record.data(), footer_record.size() - 4);
  const auto crc = crc32_of(covered, crc32_of(summary + offsets));
  footer_record.resize(record_head_bytes + 16);
  mcap_put(footer_record).num(crc);
  return out + summary + offsets + footer_record + std::string(mcap_magic);
}

result<void> mcap_writer::close() {
  if (closed_) return {};
  to_->begin_end();
  const auto flushed = flush();
  HOCKET_TRY(append(end_of_file()));
  closed_ = true;
  (void)to_->sync();
  return flushed;
}

}  // namespace hocket::record
