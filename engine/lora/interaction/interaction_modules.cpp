#include "engine/lora/interaction/interaction_modules.hpp"

#include <ATen/ATen.h>

namespace hocket::lora {

std::vector<module> modules_of(const engine::network& net) {
  auto listed = net;  // its tensors are those of `net`
  std::vector<module> all;
  for (const auto& p : listed.parameters())
    if (p.weight && p.weight->id >= 0)
      all.push_back({p.name, p.weight->id, 0, p.value->size(0), p.value->size(1), false});
  return all;
}

}  // namespace hocket::lora
