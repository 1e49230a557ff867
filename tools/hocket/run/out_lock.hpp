#pragma once

#include <string>

#include "graph/core/result.hpp"
#include "graph/trust/files.hpp"

namespace hocket::cli {

/// Owns an output folder while it lives: two commands in one folder would overwrite each other's
/// results. Taken before anything else in the folder is touched; the kernel lets go of it whatever
/// becomes of the process. `.hocket.lock` in the folder says who holds it.
class out_lock {
 public:
  /// `who`: "run of talk.yaml", for whom it keeps out.
  /// Errors: run.folder_in_use (who holds it), run.cannot_write.
  static result<out_lock> take(const std::string& folder, const std::string& who);
  out_lock(out_lock&&) = default;
  out_lock& operator=(out_lock&&) = delete;
  ~out_lock();

  static constexpr const char* file_name = ".hocket.lock";
  static constexpr const char* remedy =
      "give this one a folder of its own with --out, or end the other one first";

 private:
  explicit out_lock(trust::file f) : file_(std::move(f)) {}
  trust::file file_;
};

}  // namespace hocket::cli
