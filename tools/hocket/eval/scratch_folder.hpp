// A folder for what a run that is only measured would write.
#pragma once

#include <filesystem>
#include <string>

#include "actors/http/digest.hpp"
#include "graph/trust/files.hpp"

namespace hocket::cli {

/// A new folder of this user alone, under a name that nobody can guess; removed with the object.
class scratch_folder {
 public:
  scratch_folder() {
    std::error_code failed;
    const auto name = "hocket-eval-" + http::random_token(16);
    auto path = (std::filesystem::temp_directory_path(failed) / name).string();
    if (trust::folder::open(path)) path_ = std::move(path);
  }
  ~scratch_folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  const std::string& path() const { return path_; }  ///< empty where none could be made

 private:
  std::string path_;
};

}  // namespace hocket::cli
