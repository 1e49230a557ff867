#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/buffer.hpp"
#include "graph/core/result.hpp"
#include "graph/text/clean.hpp"

/// The MCAP container (mcap.dev/spec, version 0), as much of it as recordings use: what is read may
/// come from any writer, what is written is read by any tool. Nothing here knows packets.
namespace hocket::record {

enum class mcap_error {
  not_mcap,        ///< the file does not begin like one
  torn,            ///< a record or chunk ends before its end
  damaged,         ///< a check sum differs, or lengths contradict each other
  not_supported,   ///< another compression or version
  too_large,       ///< above a limit
  cannot_read,     ///< the file system refuses
  cannot_write,    ///< the file system refuses: full, read-only, gone
  not_recordable,  ///< what was asked to be written does not fit the format
};
std::string_view code_of(mcap_error e);

inline constexpr std::string_view mcap_magic("\x89MCAP0\r\n", 8);

enum class mcap_op : std::uint8_t {
  header = 0x01,
  footer = 0x02,
  schema = 0x03,
  channel = 0x04,
  message = 0x05,
  chunk = 0x06,
  message_index = 0x07,
  chunk_index = 0x08,
  attachment = 0x09,
  attachment_index = 0x0a,
  statistics = 0x0b,
  metadata = 0x0c,
  metadata_index = 0x0d,
  summary_offset = 0x0e,
  data_end = 0x0f,
};

using mcap_map = std::map<std::string, std::string>;

/// The number that a map says under a key; 0 where it says none.
template <class Number = std::int64_t>
Number number_at(const mcap_map& m, const std::string& key) {
  const auto it = m.find(key);
  Number n = 0;
  if (it != m.end()) std::from_chars(it->second.data(), it->second.data() + it->second.size(), n);
  return n;
}

struct mcap_schema {
  std::uint16_t id = 0;  ///< from 1; 0 = "no schema"
  std::string name;
  std::string encoding;  ///< "protobuf", "jsonschema"
  std::string data;
};

struct mcap_channel {
  std::uint16_t id = 0;
  std::uint16_t schema_id = 0;
  std::string topic;
  std::string encoding;  ///< "protobuf", "json"
  mcap_map metadata;
};

struct mcap_message {
  std::uint16_t channel_id = 0;
  std::uint32_t sequence = 0;
  std::uint64_t log_time_ns = 0;
  std::uint64_t publish_time_ns = 0;
  buffer data;
};

/// What readers believe of a file before they stop: a stranger's file must not make us allocate.
struct mcap_limits {
  std::size_t record_bytes = 256u << 20;  ///< of one record that is kept in memory, decompressed
  std::size_t chunks = 50'000'000;
  std::size_t definitions = 65'536;  ///< channels, schemas, attachments, metadata: each
};

/// CRC-32 as in zlib; `crc` is that of the bytes before.
std::uint32_t crc32_of(std::string_view bytes, std::uint32_t crc = 0);

/// Little-endian fields, appended to a string.
class mcap_put {
 public:
  explicit mcap_put(std::string& out) : out_(out) {}
  template <class T>
  mcap_put& num(T v) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      out_ += static_cast<char>(static_cast<std::uint64_t>(v) >> (8 * i));
    return *this;
  }
  mcap_put& str(std::string_view s) {
    num(static_cast<std::uint32_t>(s.size()));
    out_.append(s);
    return *this;
  }
  mcap_put& map(const mcap_map& m);
  mcap_put& raw(std::string_view s) {
    out_.append(s);
    return *this;
  }

 private:
  std::string& out_;
};

/// A record with its opcode and length.
std::string record_bytes(mcap_op op, std::string_view content);
std::string content_of(const mcap_schema& s);
std::string content_of(const mcap_channel& c);

/// Little-endian fields out of bytes. After a read beyond the end everything is zero or empty and
/// `ok()` is false.
class mcap_get {
 public:
  explicit mcap_get(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  std::size_t left() const { return bytes_.size() - at_; }
  std::size_t at() const { return at_; }
  template <class T>
  T num() {
    T v = 0;
    const auto b = raw(sizeof(T));
    for (std::size_t i = 0; i < b.size(); ++i)
      v = static_cast<T>(
          v |
          static_cast<T>(static_cast<std::uint64_t>(static_cast<unsigned char>(b[i])) << (8 * i)));
    return v;
  }
  std::string_view raw(std::uint64_t n) {
    if (!ok_ || n > left()) {
      ok_ = false;
      return {};
    }
    const auto out = bytes_.substr(at_, static_cast<std::size_t>(n));
    at_ += static_cast<std::size_t>(n);
    return out;
  }
  std::string_view rest() { return raw(left()); }
  /// A name or a note: clean here, so that everything behind can rely on it.
  std::string str() { return clean_text(raw(num<std::uint32_t>())); }
  std::string bytes() { return std::string(raw(num<std::uint32_t>())); }
  mcap_map map();

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

inline std::string_view chars(std::span<const std::byte> b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

}  // namespace hocket::record
