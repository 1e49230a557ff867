#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/core/tensor.hpp"

namespace hocket {

/// One example for a trainer: tensors by name. Packets carry it, and `engine/training` takes it; what
/// names and shapes a model asks for is said where its trainer reads them.
struct training_example {
  std::vector<std::pair<std::string, tensor>> tensors;
  std::string provenance;  ///< where it comes from; a trained model's card says so

  /// The tensor of this name; null if there is none.
  const tensor* find(std::string_view name) const {
    for (const auto& [key, value] : tensors)
      if (key == name) return &value;
    return nullptr;
  }
};

}  // namespace hocket
