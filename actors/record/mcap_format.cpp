#include "actors/record/mcap_format.hpp"

#include <zlib.h>

#include <algorithm>

#include "graph/core/assert.hpp"

namespace hocket::record {

std::string_view code_of(mcap_error e) {
  switch (e) {
    case mcap_error::not_mcap: return "mcap.not_mcap";
    case mcap_error::torn: return "mcap.torn";
    case mcap_error::damaged: return "mcap.damaged";
    case mcap_error::not_supported: return "mcap.not_supported";
    case mcap_error::too_large: return "mcap.too_large";
    case mcap_error::cannot_read: return "mcap.cannot_read";
    case mcap_error::cannot_write: return "mcap.cannot_write";
    case mcap_error::not_recordable: return "mcap.not_recordable";
  }
  HOCKET_ASSERT(false);
}

std::uint32_t crc32_of(std::string_view bytes, std::uint32_t crc) {
  while (!bytes.empty()) {
    const auto n = std::min<std::size_t>(bytes.size(), 1u << 30);
    crc = static_cast<std::uint32_t>(
        ::crc32(crc, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(n)));
    bytes.remove_prefix(n);
  }
  return crc;
}

mcap_put& mcap_put::map(const mcap_map& m) {
  std::string inner;
  mcap_put put(inner);
  for (const auto& [k, v] : m) put.str(k).str(v);
  return str(inner);
}

mcap_map mcap_get::map() {
  mcap_map out;
  mcap_get inner(raw(num<std::uint32_t>()));
  while (inner.ok() && inner.left() > 0) {
    auto k = inner.str();
    auto v = inner.str();
    if (inner.ok()) out[std::move(k)] = std::move(v);
  }
  ok_ = ok_ && inner.ok();
  return out;
}

std::string record_bytes(mcap_op op, std::string_view content) {
  std::string out;
  out.reserve(9 + content.size());
  mcap_put(out)
      .num(static_cast<std::uint8_t>(op))
      .num(static_cast<std::uint64_t>(content.size()))
      .raw(content);
  return out;
}

std::string content_of(const mcap_schema& s) {
  std::string out;
  mcap_put(out).num(s.id).str(s.name).str(s.encoding).str(s.data);
  return out;
}

std::string content_of(const mcap_channel& c) {
  std::string out;
  mcap_put(out).num(c.id).num(c.schema_id).str(c.topic).str(c.encoding).map(c.metadata);
  return out;
}

}  // namespace hocket::record
