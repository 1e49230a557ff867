#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/skip.hpp"

namespace {

int skips = 0;
constexpr int skip_code = 77;  // as ctest's SKIP_RETURN_CODE in tools/cmake

/// A folder for temporary files that no other run of tests has: two of them at once would else meet in
/// the names that they give.
class scratch {
 public:
  scratch() {
    path_ = (std::filesystem::temp_directory_path() / "hocket-tests-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) {
      path_.clear();
      return;
    }
    chmod(path_.c_str(), 0711);  // those that tests start as another user come through
    setenv("TMPDIR", path_.c_str(), 1);
  }
  scratch(const scratch&) = delete;
  ~scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

 private:
  std::string path_;
};

}  // namespace

void hocket::testing::skipped(const char* needs) {
  ++skips;
  std::printf("skipped: needs %s\n", needs);
}

int main(int count, char** words) {
  const scratch own;
  doctest::Context context(count, words);
  const int failed = context.run();
  if (context.shouldExit() || failed != 0) return failed;
  if (skips > 0) std::printf("skipped: %d\n", skips);
  return skips > 0 ? skip_code : 0;
}
