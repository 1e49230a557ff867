// Adapters of a model that several planners share, each read once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/language/generation/prefix_cache.hpp"
#include "engine/lora/trainer.hpp"
#include "graph/contract/payload.hpp"

namespace hocket::background {

/// An adapter with the beginnings of prompts that were read through it.
struct chat_adapter {
  lora::adapter_handle weights;
  std::shared_ptr<language::prefix_cache> prefixes;
};

/// Those in use, by content; one that nobody uses any more goes. *Threads*: any.
class chat_adapters {
 public:
  explicit chat_adapters(std::size_t prefix_bytes) : prefix_bytes_(prefix_bytes) {}
  /// None for an adapter without weights: the model by itself. Its card says how it is shaped
  /// (`adapter_config`). *Errors*: lora.*, naming the adapter.
  result<std::shared_ptr<const chat_adapter>> open(const language::language_model& model,
                                                   const adapter& a);

 private:
  std::size_t prefix_bytes_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const chat_adapter>> opened_;
};

}  // namespace hocket::background
