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

/// How an included file is read where load_options name no other way.
/// Errors: file.missing, file.too_large, file.unreadable.
result<std::string> read_from_disk(const std::string& path);

}  // namespace hocket::spec
