// The safetensors format (https://github.com/huggingface/safetensors), one file or shards with an
// index: 8 bytes of header length, JSON header, raw data.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/language/files/mapped_file.hpp"
#include "engine/language/files/tensor_type.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// What one safetensors file says of itself.
struct safetensors_contents {
  std::vector<stored_weights> tensors;  ///< bytes point into what was parsed
  std::map<std::string, std::string> metadata;
};

/// Checks a whole file in memory. As strict as the format's own reader: the header begins with `{`,
/// holds no duplicate keys, and its tensors cover the data exactly, without holes or overlaps.
/// *Errors* (`model_file.*`): `cut_short`, `bad_json`, `bad_tensor`, `unsupported_type`.
result<safetensors_contents> parse_safetensors(std::span<const std::byte> bytes,
                                               const std::string& name);

/// The tensors of `FILE.safetensors`, or of all shards that `FILE.safetensors.index.json` names.
/// Every tensor of the index must lie in the shard it names, and no tensor in two; shards lie beside
/// the index. *Memory*: mapped. *Threads*: immutable.
class safetensors_set {
 public:
  static result<safetensors_set> open(const std::string& path);
  const std::vector<stored_weights>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  result<void> add(const std::string& path);
  std::vector<std::shared_ptr<const mapped_file>> files_;
  std::vector<stored_weights> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace hocket::language
