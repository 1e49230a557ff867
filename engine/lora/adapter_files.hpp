// An adapter as the two files of PEFT, and back. Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/lora/modules.hpp"
#include "engine/lora/peft/peft.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/transformer/adapter.hpp"

namespace hocket::lora {

/// Weights of an adapter with their modules. `parts` of the adapter are never added to or taken from
/// again, so pointers into it last.
struct adapter_weights {
  struct entry {
    module where;
    engine::low_rank* part;
  };
  lora_config config;
  std::shared_ptr<engine::adapter> adapter = std::make_shared<engine::adapter>();
  std::vector<entry> entries;
  bool rounds = false;  ///< products take its matrices in bfloat16: of a model whose layers are

  /// The same adapter for reading through only: a copy of its packed forms, side by side in memory.
  std::shared_ptr<const engine::adapter> packed() const;
  void pack();
};

/// Parts for every one of a model's modules that the config selects, `value`s allocated. *Errors*:
/// lora.bad_config (nothing is selected), those of `selects`.
result<adapter_weights> allocate(std::span<const module> of, lora_config config,
                                 bool rounds = false);
/// A uniform within 1 / sqrt(in), B zero; every module from its own stream of the seed.
void initialise(adapter_weights& weights, std::uint64_t seed);
/// *Errors*: lora.missing_tensor, lora.unknown_tensor, lora.bad_shape, safetensors.*, those of
/// `allocate`; each names the tensor.
result<adapter_weights> read_adapter(std::span<const module> of, const adapter_files& files,
                                     bool rounds = false);
inline result<adapter_weights> read_adapter(const language::language_model& model,
                                            const adapter_files& files) {
  return read_adapter(modules_of(model), files, model.config().trunk.bfloat16);
}
adapter_files write_adapter(const adapter_weights& weights);

/// Tensors of such names and shapes from safetensors, as fp32; none is left over, but for the copies of
/// a base model's own matrices that PEFT writes beside adapters of its head (`.base_layer.weight`).
using wanted_tensors = std::vector<std::pair<std::string, at::Tensor>>;
result<void> read_tensors(const std::string& bytes, const std::string& file,
                          const wanted_tensors& into);

}  // namespace hocket::lora
