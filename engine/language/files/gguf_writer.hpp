#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hocket::language {

/// Writes small GGUF files into memory: for tests and fuzz seeds, so it also writes lies.
class gguf_writer {
 public:
  void add(std::string_view key, std::string_view text);
  /// Without it a literal would be a bool.
  void add(std::string_view key, const char* text) { add(key, std::string_view(text)); }
  void add(std::string_view key, std::uint32_t number);
  void add(std::string_view key, float number);
  void add(std::string_view key, bool flag);
  void add_list(std::string_view key, const std::vector<std::string>& texts);
  void add_list(std::string_view key, const std::vector<std::int32_t>& numbers);
  void add_list(std::string_view key, const std::vector<float>& numbers);
  /// Any value type with any bytes.
  void add_raw(std::string_view key, std::uint32_t type, std::string_view bytes);
  /// `shape` innermost first; `offset` -1 puts it after the one before, aligned to 32 bytes.
  void add_tensor(std::string_view name, std::uint32_t type,
                  const std::vector<std::uint64_t>& shape, std::string bytes,
                  std::int64_t offset = -1);
  std::string bytes() const;

 private:
  std::uint64_t entries_ = 0, tensors_ = 0;
  std::string metadata_, infos_, data_;
};

}  // namespace hocket::language
