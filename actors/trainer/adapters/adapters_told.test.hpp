#pragma once

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "graph/contract/harness.hpp"

namespace hocket::trainer::test {

/// Names of those that a component has taken, by its output `adapter`, which carries no weights.
inline std::vector<std::string> adapters_told(harness& h) {
  std::vector<std::string> names;
  for (const auto& a : h.values<adapter>("adapter")) {
    CHECK(a.weights.empty());
    names.push_back(a.name);
  }
  return names;
}

}  // namespace hocket::trainer::test
