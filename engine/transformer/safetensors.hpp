// The safetensors file format (https://github.com/huggingface/safetensors): 8 bytes little-endian
// header length, JSON header, raw data. No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::engine {

struct stored_tensor {
  std::string name;
  std::string dtype;  ///< "F32", "BF16", "F16", "I64", ... as in the file
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  ///< row-major, little-endian
};

/// A file read into memory and checked. *Errors* (`safetensors.*`): io, header_too_long (over 16 MiB
/// or over the file), bad_header, bad_tensor (unknown dtype, size that does not fit the shape, range
/// outside the file, overlap). *Memory*: the whole file; spans live as long as the object.
class safetensors_file {
 public:
  static result<safetensors_file> open(const std::string& path);
  static result<safetensors_file> parse(std::vector<std::byte> bytes, const std::string& name);

  const std::vector<stored_tensor>& tensors() const { return tensors_; }
  const stored_tensor* find(std::string_view name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::vector<std::byte> bytes_;
  std::vector<stored_tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// Tensors in memory with what a file says about them.
struct tensor_set {
  std::vector<stored_tensor> tensors;
  std::map<std::string, std::string> metadata;
  std::shared_ptr<const void> owner;  ///< keeps the data alive
};

/// Writes a file and renames it into place, so that a reader never sees half of one.
result<void> write_safetensors(const std::string& path, std::span<const stored_tensor> tensors,
                               const std::map<std::string, std::string>& metadata);

/// The same as bytes, for what is small: an adapter.
std::string safetensors_bytes(std::span<const stored_tensor> tensors,
                              const std::map<std::string, std::string>& metadata);

/// Bytes of one element; 0 for a dtype we do not know.
std::size_t element_size(std::string_view dtype);

}  // namespace hocket::engine
