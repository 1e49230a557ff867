#include "graph/contract/value.hpp"

namespace hocket {

const value* value::find(std::string_view key) const {
  if (const auto* m = get_if<map>())
    for (const auto& e : *m)
      if (e.key == key) return &e.item;
  return nullptr;
}

value* value::find(std::string_view key) {
  return const_cast<value*>(static_cast<const value*>(this)->find(key));
}

std::string_view value::kind_name() const {
  switch (data_.index()) {
    case 0: return "nothing";
    case 1: return "a boolean";
    case 2: return "an integer";
    case 3: return "a number";
    case 4: return "a string";
    case 5: return "a list";
    default: return "a map";
  }
}

}  // namespace hocket
