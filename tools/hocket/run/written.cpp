#include "tools/hocket/run/written.hpp"

#include <algorithm>
#include <utility>

namespace hocket::cli {

namespace fs = std::filesystem;

// One folder is open at a time: a run that used up its files still tells what it wrote. The system's
// recursive iterator throws where it cannot enter a folder, and ends where it is told not to throw.
std::vector<std::string> written_since(const fs::path& dir, fs::file_time_type start) {
  std::vector<std::string> out;
  std::vector<fs::path> folders = {dir};
  while (!folders.empty()) {
    const auto folder = std::exchange(folders.back(), {});
    folders.pop_back();
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
      std::error_code ignored;
      const auto what = at->symlink_status(ignored).type();
      if (what == fs::file_type::directory) folders.push_back(at->path());
      if (what == fs::file_type::regular && at->last_write_time(ignored) >= start && !ignored)
        out.push_back(at->path().string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace hocket::cli
