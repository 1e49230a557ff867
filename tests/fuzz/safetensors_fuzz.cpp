#include "engine/language/files/safetensors.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the bytes of a weight file.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  const auto file = language::parse_safetensors(std::as_bytes(bytes), "fuzz.safetensors");
  if (!file) {
    HOCKET_ASSERT(file.error().code.starts_with("model_file.") && !file.error().message.empty());
    return;
  }
  std::size_t covered = 0;
  for (const auto& t : file->tensors) covered += t.bytes.size();
  HOCKET_ASSERT(covered < bytes.size());
}

std::string file_of(const std::string& header, std::size_t data) {
  const std::uint64_t n = header.size();
  return std::string(reinterpret_cast<const char*>(&n), 8) + header + std::string(data, '\1');
}

std::vector<std::string> seeds() {
  return {file_of("{}", 0), file_of(R"({"__metadata__":{"format":"pt"},)"
                                    R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                                    R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}})",
                                    32)};
}

}  // namespace

extern const target safetensors;
const target safetensors = {"safetensors", run, seeds};

}  // namespace hocket::fuzz
