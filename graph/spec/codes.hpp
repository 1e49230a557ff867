#pragma once

#include <span>
#include <string_view>

#include "graph/core/diagnostic.hpp"

namespace hocket::spec {

/// One kind of finding about a graph file. Codes are stable: tools may look for them.
struct code_doc {
  std::string_view code;
  std::string_view doc;
  severity level = severity::error;
};

/// Every code that reading a graph file can give; each has a golden case in tests/golden/graph.
std::span<const code_doc> all_codes();

/// Every code with which a running graph refuses a new file; cases in tests/golden/rewire.
std::span<const code_doc> rewire_codes();

}  // namespace hocket::spec
