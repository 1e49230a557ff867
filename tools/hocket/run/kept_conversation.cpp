#include "tools/hocket/run/kept_conversation.hpp"

#include <filesystem>

#include "tools/report/picture.hpp"

namespace hocket::cli {

namespace fs = std::filesystem;

std::vector<std::string> draw_pictures(const report::conversation& what, const std::string& out) {
  std::vector<std::string> problems;
  for (const char* name : picture_files) {
    const auto path = fs::path(out) / name;
    if (auto done = report::draw_conversation(what, path.string()); !done) {
      problems.push_back(done.error().message);
      std::error_code ignored;
      fs::remove(path, ignored);  // half a picture is none
    }
  }
  return problems;
}

}  // namespace hocket::cli
