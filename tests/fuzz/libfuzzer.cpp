#include "tests/fuzz/targets.hpp"

namespace hocket::fuzz {
extern const target HOCKET_FUZZ_TARGET;
}

/// libFuzzer's entry; the build says which target.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hocket::fuzz::HOCKET_FUZZ_TARGET.run({data, size});
  return 0;
}
