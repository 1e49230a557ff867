#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

/// Files that code comes from while a run goes on: which ones the operator meant, and who else could
/// change what they hold.
namespace hocket::trust {

/// The files that patterns mean (paths; `*`, `?` and `[...]` stand for parts of one name, for no `/`).
/// Links of a pattern, up to its first wild part, are followed here, once: whoever can change such a
/// link later changes nothing of what was meant. Threads: any.
class meant_files {
 public:
  /// Relative ones: from the folder that is current now.
  explicit meant_files(const std::vector<std::string>& patterns);
  /// Links of `file` are followed first, so that a link within a folder that is meant leads nowhere else.
  bool has(const std::string& file) const;

 private:
  struct pattern {
    std::filesystem::path whole;   ///< as a path without wild parts
    std::filesystem::path folder;  ///< what comes before the first wild part
    std::string rest;              ///< from there on; "": it has none
  };
  std::vector<pattern> patterns_;
};

/// Whether nobody but this user and root can change a file, or put another in its place: by owner and
/// mode of the file, of every folder above it, and of every link and folder on the way there. Folders
/// with the sticky bit pass (/tmp), but not as `file` itself: there others can add names.
/// Errors: plugin.cannot_load (others can; it is not there), with the remedy.
result<void> check_unchangeable(const std::string& file);

}  // namespace hocket::trust
