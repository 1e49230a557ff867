// The linear layers of a language model as an adapter names them. Internal header of engine/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/language/network/model.hpp"

namespace hocket::lora {

/// One linear layer: rows [first, first + out) of the matrix `id`.
struct module {
  std::string name;  ///< as a checkpoint has it: `model.layers.0.self_attn.q_proj`
  int id = -1;
  std::int64_t first = 0, out = 0, in = 0;
  bool few_bits = false;  ///< no gradient passes through it
};

/// All that can be adapted, those of a matrix in the order of their rows. Routers cannot, nor experts
/// that a family keeps in one tensor (GPT-OSS): PEFT has no module for them.
std::vector<module> modules_of(const language::language_model& model);

}  // namespace hocket::lora
