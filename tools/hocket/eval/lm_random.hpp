// A model of random weights for types that a given model's rows do not fit.
#pragma once

#include <string>

#include "graph/core/result.hpp"

namespace hocket::cli {

/// Whether blocks of 256 numbers fit the rows of all matrices of a GGUF file.
bool rows_fit_256(const std::string& gguf);

/// Writes a GGUF model of random BF16 weights to `into`, in the shape of SmolLM2 with rows that are
/// multiples of 256: 17 layers of 768 and 2048, the tokens of `like`, 145 M numbers. It says nonsense at
/// the speed of any other.
/// *Errors*: those of gguf_file; bench.peer where `like` is of another architecture; those of a write.
result<void> write_random_model(const std::string& like, const std::string& into);

}  // namespace hocket::cli
