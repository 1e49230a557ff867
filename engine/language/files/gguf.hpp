// The GGUF format: magic, version 3 (2 has the same layout), counts, metadata, tensor list, data.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/language/files/mapped_file.hpp"
#include "engine/language/files/tensor_type.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// Values of one metadata entry. Numbers are widened; an array of numbers stays as its bytes.
struct gguf_numbers {
  std::uint32_t type = 0;  ///< GGUF's value type: 0..7, 10..12
  std::span<const std::byte> bytes;
  std::size_t count = 0;

  std::int64_t integer_at(std::size_t i) const;  ///< a float is truncated, out of range gives 0
  double number_at(std::size_t i) const;
};
using gguf_value = std::variant<std::uint64_t, std::int64_t, double, bool, std::string_view,
                                gguf_numbers, std::vector<std::string_view>>;

struct gguf_entry {
  std::string_view key;
  gguf_value value;
};

/// One GGUF file, every size and offset checked against the file before it is used.
///
/// *Errors* (`model_file.*`): `io`; `not_gguf` (magic, version, byte order); `cut_short`; `bad_metadata`
/// (duplicate keys, unknown value types, nested arrays, counts that the file cannot hold);
/// `unsupported_type` (a tensor type that is not read here, with those that are); `bad_tensor`
/// (shape, offset, overlap, duplicate name). *Memory*: strings and tensors point into the mapping.
/// *Threads*: immutable.
class gguf_file {
 public:
  static result<gguf_file> open(const std::string& path);
  /// `bytes` must outlive the object. `name` begins every message.
  static result<gguf_file> parse(std::span<const std::byte> bytes, const std::string& name);

  const std::vector<gguf_entry>& metadata() const { return metadata_; }
  const std::vector<stored_weights>& tensors() const { return tensors_; }
  const stored_weights* tensor(std::string_view name) const;
  std::uint32_t version() const { return version_; }

  const gguf_value* find(std::string_view key) const;
  /// The value where the key is there with that kind of value; numbers convert where exact.
  std::optional<std::string_view> text(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  const std::vector<std::string_view>* texts(std::string_view key) const;
  const gguf_numbers* numbers(std::string_view key) const;

 private:
  friend class gguf_parser;
  std::shared_ptr<const mapped_file> file_;
  std::uint32_t version_ = 0;
  std::vector<gguf_entry> metadata_;
  std::vector<stored_weights> tensors_;
  std::unordered_map<std::string_view, std::size_t> keys_;
  std::unordered_map<std::string, std::size_t> names_;
};

}  // namespace hocket::language
