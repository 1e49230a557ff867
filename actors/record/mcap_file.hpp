#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "actors/record/mcap_format.hpp"
#include "graph/trust/files.hpp"
#include "graph/trust/secret.hpp"

/// The bytes below an MCAP file: on disk, or in memory for tests.
namespace hocket::record {

/// Takes what is appended as a whole or not at all.
class byte_sink {
 public:
  virtual ~byte_sink() = default;
  /// Errors: mcap.cannot_write; nothing of `bytes` is left behind then.
  virtual result<void> append(std::string_view bytes) = 0;
  /// Makes what was appended survive a power cut.
  virtual result<void> sync() { return {}; }
  /// From here on the room that was kept for the file's end may be used.
  virtual void begin_end() {}
};

/// Opens `path` for the user alone (a recording holds what was said), replacing what was there.
///
/// Keeps `reserve_bytes` of the disk beyond the end allocated where the file system can do that, so
/// that a file on a full disk still gets its end. Where there is a key (graph/trust/sealed) what is
/// appended is sealed. Errors: mcap.cannot_write, seal.bad_key.
result<std::unique_ptr<byte_sink>> open_sink(const std::string& path,
                                             std::size_t reserve_bytes = 2u << 20);
/// The same on an open file.
result<std::unique_ptr<byte_sink>> make_sink(trust::file to, std::size_t reserve_bytes = 2u << 20);
/// Seals what goes to another sink: each append is frames of its own, whole or not at all.
/// Errors: seal.failed.
result<std::unique_ptr<byte_sink>> sealing_sink(std::unique_ptr<byte_sink> to,
                                                const trust::shared_secret& key);

class byte_source {
 public:
  virtual ~byte_source() = default;
  virtual std::uint64_t size_bytes() const = 0;
  /// Errors: mcap.torn where the range is not all there, mcap.cannot_read. Threads: any.
  virtual result<buffer> read(std::uint64_t offset_bytes, std::size_t n) const = 0;
};

/// A sealed file is read as what it holds, up to its last whole frame.
/// Errors: mcap.cannot_read, seal.needs_key, seal.wrong_key, seal.bad_key.
result<std::unique_ptr<byte_source>> open_source(const std::string& path);
std::unique_ptr<byte_source> memory_source(std::string bytes);
/// What a sealed source holds. A read of a frame that was changed: mcap.damaged.
/// Errors: seal.wrong_key, mcap.cannot_read, mcap.too_large.
result<std::unique_ptr<byte_source>> unsealing_source(std::unique_ptr<byte_source> from,
                                                      const trust::shared_secret& key);

}  // namespace hocket::record
