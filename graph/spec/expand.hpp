#pragma once

#include <optional>
#include <string>

#include "graph/spec/spec.hpp"

namespace hocket::spec {

/// Text -> one flat spec: settings applied, references replaced, included files in place under
/// their prefixes (`person` with `mic` inside becomes the actor `person.mic`).
///
/// Nothing where no usable tree came out; the findings say why.
std::optional<graph_spec> expand(const std::string& file, const std::string& text,
                                 const load_options& options, diagnostics& findings);

}  // namespace hocket::spec
