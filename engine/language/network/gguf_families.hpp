// What the architectures of GGUF files are here; private to engine/language/network. No torch.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine/language/files/gguf.hpp"

namespace hocket::language {

/// One architecture: the family that it is, and what its files call things.
struct gguf_family {
  std::string model_type;  ///< as config.json has it
  /// Names of a layer's tensors besides the common ones, or instead of them. A name with `=` behind it
  /// is whole: the tensor's `.weight` or `.bias` is left out.
  std::map<std::string, std::string, std::less<>> names = {};
  std::string layers = "model.layers.", feed = "mlp.";
  std::string table = "model.embed_tokens", norm = "model.norm";
  /// What config.json says, and the common keys do not. `prefix`: the architecture and a dot.
  result<void> (*add)(const gguf_file& file, const std::string& prefix,
                      nlohmann::json& object) = nullptr;
  bool own_rotation = false;  ///< `add` reads rope.dimension_count

  /// The name of a layer's tensor "part.end" in a checkpoint; none for what is not read.
  std::string name_of(std::string_view part, const std::string& end) const;
};

/// Null for an architecture that is not read.
const gguf_family* gguf_family_of(std::string_view architecture);
/// Those that are, for a refusal.
std::string gguf_architectures();

}  // namespace hocket::language
