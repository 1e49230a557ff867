// Memory for weights that are read from one end to the other for each token. No torch.
#pragma once

#include <cstddef>
#include <memory>

namespace hocket::engine {

/// Memory for packed weights of a model that stays, aligned to 64 and not zeroed.
///
/// Weights of neighbouring layers lie side by side in pages of 2 MiB where the system gives such: with
/// pages of 4 KiB one core of a virtual machine reads 17 GB/s of the 28 that it reads with these, since
/// the processor stops to read ahead at each border (`hocket bench lm`, read_bandwidth). A part goes back
/// to the system together with those that lie beside it.
/// *Errors*: std::bad_alloc. *Threads*: any.
std::shared_ptr<std::byte> weight_memory(std::size_t bytes);
/// What is asked for from here on lies apart from what was asked for before, which can then go back.
void separate_weight_memory();
/// The same for weights that come and go: they go back to the system by themselves.
std::shared_ptr<std::byte> weight_memory_alone(std::size_t bytes);

}  // namespace hocket::engine
