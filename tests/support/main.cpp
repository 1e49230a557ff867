#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/support/skip.hpp"

namespace {

int skips = 0;
constexpr int skip_code = 77;  // as ctest's SKIP_RETURN_CODE in tools/cmake

}  // namespace

void hocket::testing::skipped(const char* needs) {
  ++skips;
  std::printf("skipped: needs %s\n", needs);
}

int main(int count, char** words) {
  doctest::Context context(count, words);
  const int failed = context.run();
  if (context.shouldExit() || failed != 0) return failed;
  if (skips > 0) std::printf("skipped: %d\n", skips);
  return skips > 0 ? skip_code : 0;
}
