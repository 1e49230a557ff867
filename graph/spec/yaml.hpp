#pragma once

#include <optional>
#include <string>

#include "graph/contract/value.hpp"
#include "graph/core/diagnostic.hpp"

namespace hocket::spec {

/// What one file may cost us, whoever wrote it.
struct yaml_limits {
  std::size_t max_bytes = 1u << 20;
  std::size_t max_nodes = 100'000;  ///< aliases count with all they stand for
  int max_depth = 64;
};

/// YAML text -> our own tree with 1-based marks. The only place that knows the YAML library.
///
/// Scalars follow YAML 1.2's core schema, so `yes` and `on` are strings. `010` is refused, since
/// YAML 1.1 reads it as 8 and YAML 1.2 as 10. Of duplicate keys the first stays in the tree.
///
/// Errors: yaml.syntax, yaml.duplicate-key, yaml.number, yaml.unsupported, yaml.limit. Returns
/// nothing where no usable tree came out.
std::optional<value> parse_yaml(const std::string& file, const std::string& text,
                                diagnostics& findings, const yaml_limits& limits = {});

/// A plain scalar, typed by the core schema; its literal is the text.
value plain_scalar(const std::string& text, source_mark where);

/// True for `010` and `-007`: digits that YAML 1.1 and 1.2 read differently.
bool looks_octal(const std::string& text);

}  // namespace hocket::spec
