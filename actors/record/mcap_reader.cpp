#include "actors/record/mcap_reader.hpp"

#include <zstd.h>

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "actors/record/mcap_writer.hpp"

namespace hocket::record {
namespace {

constexpr std::uint64_t head_bytes = 9;  // opcode, length

struct record_head {
  mcap_op op;
  std::uint64_t size_bytes;
};

mcap_schema schema_of(mcap_get& get) {
  mcap_schema s;
  s.id = get.num<std::uint16_t>();
  s.name = get.str();
  s.encoding = get.str();
  s.data = get.bytes();
  return s;
}

mcap_channel channel_of(mcap_get& get) {
  mcap_channel c;
  c.id = get.num<std::uint16_t>();
  c.schema_id = get.num<std::uint16_t>();
  c.topic = get.str();
  c.encoding = get.str();
  c.metadata = get.map();
  return c;
}

/// Takes a definition in; false where its bytes are none. Other opcodes are passed over.
bool define(mcap_op op, std::string_view content, const mcap_limits& limits, mcap_contents& into) {
  mcap_get get(content);
  if (op == mcap_op::schema) {
    auto s = schema_of(get);
    // 0 means "no schema" and names none.
    if (get.ok() && s.id != 0 && into.schemas.size() < limits.definitions)
      into.schemas.emplace(s.id, s);
  } else if (op == mcap_op::channel) {
    auto c = channel_of(get);
    if (get.ok() && into.channels.size() < limits.definitions) into.channels.emplace(c.id, c);
  } else if (op == mcap_op::metadata) {
    auto name = get.str();
    auto values = get.map();
    if (get.ok() && into.metadata.size() < limits.definitions)
      into.metadata.emplace_back(std::move(name), std::move(values));
  } else if (op == mcap_op::header) {
    into.profile = get.str();
    into.library = get.str();
  }
  return get.ok();
}

/// One walk over the top level of a file.
class walk {
 public:
  walk(const byte_source& from, const mcap_limits& limits) : from_(from), limits_(limits) {}

  result<mcap_contents> all() {
    const auto magic = from_.read(0, std::min<std::uint64_t>(from_.size_bytes(), 8));
    if (!magic) return fail(magic);
    if (chars(magic->bytes()) != mcap_magic)
      return fail(mcap_error::not_mcap, "does not begin like an MCAP file");
    at_ = out_.whole_bytes = mcap_magic.size();
    while (out_.problem.empty() && !done_) {
      const auto stepped = step();
      if (!stepped && stepped.error().code != code_of(mcap_error::damaged)) return fail(stepped);
      if (!stepped) stop(fmt::format("damaged at byte {}: {}", at_, stepped.error().message));
    }
    return std::move(out_);
  }

 private:
  void stop(std::string why) { out_.problem = std::move(why); }

  result<void> step() {
    const auto left = from_.size_bytes() - at_;
    if (left == 0) return stop("ends without a footer"), result<void>{};
    if (left < head_bytes) return torn();
    auto head = from_.read(at_, head_bytes);
    if (!head) return fail(head);
    mcap_get get(chars(head->bytes()));
    const auto op = static_cast<mcap_op>(get.num<std::uint8_t>());
    const auto size = get.num<std::uint64_t>();
    if (op == mcap_op{0}) return stop(fmt::format("no record at byte {}", at_)), result<void>{};
    if (size > left - head_bytes) return torn();
    HOCKET_TRY(take(op, at_ + head_bytes, size));
    if (!out_.problem.empty()) return {};
    at_ += head_bytes + size;
    if (op != mcap_op::footer) {
      out_.whole_bytes = at_;
      return {};
    }
    done_ = true;
    const auto rest = from_.size_bytes() - at_;
    const auto last = from_.read(at_, std::min<std::uint64_t>(rest, 9));
    if (!last) return fail(last);
    out_.closed = chars(last->bytes()) == mcap_magic;
    if (out_.closed)
      out_.whole_bytes = from_.size_bytes();
    else
      stop("ends in the middle of its footer");
    return {};
  }

  result<void> torn() {
    stop(fmt::format("torn at byte {}: the record there ends beyond the file", at_));
    return {};
  }

  result<void> take(mcap_op op, std::uint64_t at, std::uint64_t size) {
    switch (op) {
      case mcap_op::chunk:
        if (out_.chunks.size() >= limits_.chunks) return stop("too many chunks"), result<void>{};
        out_.chunks.push_back({at, size});
        return {};
      case mcap_op::message: ++out_.loose_messages; return {};
      case mcap_op::attachment: return take_attachment(at, size);
      case mcap_op::header:
      case mcap_op::schema:
      case mcap_op::channel:
      case mcap_op::metadata: break;
      default: return {};
    }
    // The summary repeats the definitions: what is known stays, and metadata stand before it.
    if (size > limits_.record_bytes)
      return stop(fmt::format("a definition of {} bytes at byte {}", size, at)), result<void>{};
    auto content = from_.read(at, static_cast<std::size_t>(size));
    if (!content) return fail(content);
    if (!define(op, chars(content->bytes()), limits_, out_))
      stop(fmt::format("damaged record at byte {}", at - head_bytes));
    return {};
  }

  result<void> take_attachment(std::uint64_t at, std::uint64_t size) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(size, 64 << 10));
    auto content = from_.read(at, n);
    if (!content) return fail(content);
    mcap_get get(chars(content->bytes()));
    mcap_attachment a;
    a.log_time_ns = get.num<std::uint64_t>();
    (void)get.num<std::uint64_t>();
    a.name = get.str();
    a.media_type = get.str();
    a.size_bytes = get.num<std::uint64_t>();
    a.offset_bytes = at + get.at();
    const auto room = size - get.at();
    if (!get.ok() || room < 4 || a.size_bytes != room - 4)
      stop(fmt::format("damaged attachment at byte {}", at - head_bytes));
    else if (out_.attachments.size() < limits_.definitions)
      out_.attachments.push_back(std::move(a));
    return {};
  }

  const byte_source& from_;
  const mcap_limits& limits_;
  mcap_contents out_;
  std::uint64_t at_ = 0;
  bool done_ = false;
};

tl::unexpected<error> damaged(std::uint64_t at, const char* what) {
  return fail(mcap_error::damaged, fmt::format("the chunk at byte {}: {}", at, what));
}

result<buffer> unpacked(std::string_view bytes, std::size_t size, std::uint64_t at) {
  // Asked before anything is allocated.
  if (ZSTD_getFrameContentSize(bytes.data(), bytes.size()) != size)
    return damaged(at, "unpacks to another size");
  std::vector<char> out(size);
  const auto n = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(n) || n != size) return damaged(at, "cannot be unpacked");
  return buffer::take(std::move(out));
}

}  // namespace

result<mcap_contents> read_contents(const byte_source& from, const mcap_limits& limits) {
  return walk(from, limits).all();
}

result<buffer> read_chunk(const byte_source& from, const mcap_chunk_place& where,
                          const mcap_limits& limits) {
  if (where.size_bytes > limits.record_bytes)
    return fail(mcap_error::too_large,
                fmt::format("the chunk at byte {} has {} bytes, more than {}", where.offset_bytes,
                            where.size_bytes, limits.record_bytes));
  const auto all = from.read(where.offset_bytes, static_cast<std::size_t>(where.size_bytes));
  if (!all) return fail(all);
  mcap_get get(chars(all->bytes()));
  (void)get.num<std::uint64_t>();
  (void)get.num<std::uint64_t>();
  const auto size = get.num<std::uint64_t>();
  const auto crc = get.num<std::uint32_t>();
  const auto how = get.str();
  const auto bytes = get.raw(get.num<std::uint64_t>());
  if (!get.ok() || get.left() != 0) return damaged(where.offset_bytes, "lengths do not add up");
  if (size > limits.record_bytes)
    return fail(mcap_error::too_large,
                fmt::format("the chunk at byte {} unpacks to {} bytes, more than {}",
                            where.offset_bytes, size, limits.record_bytes));
  auto out = how.empty()     ? result<buffer>(all->slice(get.at() - bytes.size(), bytes.size()))
             : how == "zstd" ? unpacked(bytes, static_cast<std::size_t>(size), where.offset_bytes)
                             : fail(mcap_error::not_supported,
                                    fmt::format("the chunk at byte {} is packed with `{}`; "
                                                "zstd and none can be read",
                                                where.offset_bytes, how));
  if (!out) return out;
  if (out->size_bytes() != size) return damaged(where.offset_bytes, "its size is another one");
  if (crc != 0 && crc32_of(chars(out->bytes())) != crc)
    return damaged(where.offset_bytes, "its check sum is another one");
  return out;
}

namespace {

std::optional<mcap_message> message_of(const buffer& chunk, std::size_t at, std::size_t size) {
  mcap_get get(chars(chunk.bytes()).substr(at, size));
  mcap_message m;
  m.channel_id = get.num<std::uint16_t>();
  m.sequence = get.num<std::uint32_t>();
  m.log_time_ns = get.num<std::uint64_t>();
  m.publish_time_ns = get.num<std::uint64_t>();
  if (!get.ok()) return {};
  m.data = chunk.slice(at + get.at(), size - get.at());
  return m;
}

}  // namespace

result<void> each_message(
    const buffer& chunk, mcap_contents* into,
    const std::function<result<void>(const mcap_message&, std::uint64_t)>& each) {
  const auto all = chars(chunk.bytes());
  mcap_get get(all);
  while (get.left() > 0) {
    const auto at = get.at();
    const auto op = static_cast<mcap_op>(get.num<std::uint8_t>());
    const auto content = get.raw(get.num<std::uint64_t>());
    const auto m = get.ok() && op == mcap_op::message
                       ? message_of(chunk, at + head_bytes, content.size())
                       : std::nullopt;
    if (!get.ok() || (op == mcap_op::message && !m))
      return fail(mcap_error::damaged, fmt::format("a record at byte {} of a chunk", at));
    if (m)
      HOCKET_TRY(each(*m, at));
    else if (into != nullptr && !define(op, content, {}, *into))
      return fail(mcap_error::damaged, fmt::format("a definition at byte {} of a chunk", at));
  }
  return {};
}

result<mcap_message> message_at(const buffer& chunk, std::uint64_t offset_bytes) {
  const auto all = chars(chunk.bytes());
  if (offset_bytes <= all.size()) {
    mcap_get get(all.substr(static_cast<std::size_t>(offset_bytes)));
    const auto op = static_cast<mcap_op>(get.num<std::uint8_t>());
    const auto content = get.raw(get.num<std::uint64_t>());
    if (get.ok() && op == mcap_op::message)
      if (const auto m = message_of(chunk, static_cast<std::size_t>(offset_bytes + head_bytes),
                                    content.size()))
        return *m;
  }
  return fail(mcap_error::damaged, fmt::format("no message at byte {} of a chunk", offset_bytes));
}

result<std::string> read_attachment(const byte_source& from, const mcap_attachment& what,
                                    const mcap_limits& limits) {
  if (what.size_bytes > limits.record_bytes)
    return fail(mcap_error::too_large, fmt::format("{} has {} bytes, more than {}", what.name,
                                                   what.size_bytes, limits.record_bytes));
  const auto bytes = from.read(what.offset_bytes, static_cast<std::size_t>(what.size_bytes));
  if (!bytes) return fail(bytes);
  return std::string(chars(bytes->bytes()));
}

}  // namespace hocket::record
