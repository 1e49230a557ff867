#pragma once

#include <string>

#include "graph/contract/registry.hpp"

/// What a plugin's library declares, as data: a file beside it (`x.so.json`) from which commands that
/// load no plugin know its components and tools. `hocket run --manifest x.so` writes it.
namespace hocket::spec {

/// The types of `with` that `without` lacks; `library` is a digest of the library's bytes.
std::string manifest_text(const registry& without, const registry& with,
                          const std::string& library);

/// Adds the types of a manifest, which can be described and checked, and not made.
/// Errors: plugin.manifest (damaged, or of other bytes than `library`).
result<void> read_manifest(const std::string& text, const std::string& library, registry& into);

}  // namespace hocket::spec
