#include "graph/schema/recorded.hpp"

#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/descriptor.pb.h>

#include "graph/core/assert.hpp"
#include "graph/schema/record.pb.h"

namespace hocket::wire {
namespace {

// Both fields of the message are length-delimited: tag, length, bytes. Written by hand because the
// generated code would hold a second copy of all bulk bytes.
constexpr char packet_tag = (RecordedPacket::kPacketFieldNumber << 3) | 2;
constexpr char bulk_tag = (RecordedPacket::kBulkFieldNumber << 3) | 2;

void put_field(char tag, std::span<const std::byte> bytes, std::string& out) {
  out += tag;
  auto n = bytes.size();
  for (; n >= 0x80; n >>= 7) out += static_cast<char>(n | 0x80);
  out += static_cast<char>(n);
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

/// Walks over the fields of a message without copying.
class field_walk {
 public:
  explicit field_walk(const buffer& message) : message_(message), bytes_(message.bytes()) {}

  struct field {
    std::uint64_t number = 0;
    bool has_bytes = false;
    buffer bytes;
  };

  bool at_end() const { return at_ == bytes_.size(); }
  /// Nothing where the bytes are no message.
  std::optional<field> next() {
    const auto tag = varint();
    if (!tag) return {};
    field f;
    f.number = *tag >> 3;
    switch (*tag & 7) {
      case 0: return varint() ? std::optional(f) : std::nullopt;
      case 1: return skip(8) ? std::optional(f) : std::nullopt;
      case 5: return skip(4) ? std::optional(f) : std::nullopt;
      case 2: break;
      default: return {};
    }
    const auto size = varint();
    if (!size || *size > bytes_.size() - at_) return {};
    f.has_bytes = true;
    f.bytes = message_.slice(at_, static_cast<std::size_t>(*size));
    at_ += static_cast<std::size_t>(*size);
    return f;
  }

 private:
  bool skip(std::size_t n) {
    if (n > bytes_.size() - at_) return false;
    at_ += n;
    return true;
  }
  std::optional<std::uint64_t> varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto b = static_cast<std::uint64_t>(bytes_[at_++]);
      v |= (b & 0x7f) << shift;
      if ((b & 0x80) == 0) return v;
    }
    return {};
  }

  const buffer& message_;
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

void add_with_imports(const google::protobuf::FileDescriptor& file,
                      google::protobuf::FileDescriptorSet& out, std::set<std::string>& known) {
  if (!known.insert(file.name()).second) return;
  for (int i = 0; i < file.dependency_count(); ++i)
    add_with_imports(*file.dependency(i), out, known);
  file.CopyTo(out.add_file());
}

}  // namespace

result<void> append_recorded(const packet& p, std::string& out, const codec_limits& limits) {
  const auto coded = encode(p, limits);
  if (!coded) return fail(coded);
  put_field(packet_tag, std::as_bytes(std::span(coded->head)), out);
  for (const auto& frame : coded->bulk) put_field(bulk_tag, frame.bytes(), out);
  return {};
}

result<packet> read_recorded(const buffer& message, const codec_limits& limits) {
  buffer head;
  bool found = false;
  std::vector<buffer> bulk;
  field_walk walk(message);
  while (!walk.at_end()) {
    auto f = walk.next();
    if (!f)
      return fail(codec_error::malformed,
                  fmt::format("{} bytes are no recorded packet", message.size_bytes()));
    if (!f->has_bytes) continue;
    if (f->number == RecordedPacket::kPacketFieldNumber) {
      head = std::move(f->bytes);
      found = true;
    } else if (f->number == RecordedPacket::kBulkFieldNumber) {
      if (bulk.size() >= limits.bulk_frames)
        return fail(codec_error::too_large,
                    fmt::format("more than {} bulk frames", limits.bulk_frames));
      bulk.push_back(std::move(f->bytes));
    }
  }
  if (!found) return fail(codec_error::malformed, "a recorded packet without its packet");
  return decode(head.bytes(), bulk, limits);
}

std::string recorded_descriptors() {
  google::protobuf::FileDescriptorSet all;
  std::set<std::string> known;
  add_with_imports(*RecordedPacket::descriptor()->file(), all, known);
  std::string out;
  HOCKET_ASSERT(all.SerializeToString(&out));
  return out;
}

}  // namespace hocket::wire
