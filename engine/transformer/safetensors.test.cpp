// Weight files: a round trip, and refusals of what is damaged.
#include <cstring>
#include <filesystem>

#include <doctest/doctest.h>

#include "engine/transformer/safetensors.hpp"

using namespace hocket::engine;

namespace {

std::vector<std::byte> file_of(const std::string& header, std::size_t body) {
  std::vector<std::byte> bytes(8 + header.size() + body);
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::string refusal(const std::string& header, std::size_t body) {
  const auto parsed = safetensors_file::parse(file_of(header, body), "x");
  return parsed ? "" : parsed.error().code;
}

}  // namespace

TEST_CASE("safetensors survive a round trip") {
  const std::vector<float> values{1.5f, -2.0f, 3.25f, 0.0f, 7.0f, 9.0f};
  const auto bytes = std::as_bytes(std::span(values));
  const std::vector<stored_tensor> tensors{{"a", "F32", {2, 3}, bytes},
                                           {"b", "BF16", {2}, bytes.first(4)}};
  const auto folder = std::filesystem::temp_directory_path() / "hocket_safetensors_test";
  std::filesystem::create_directories(folder);
  const auto path = (folder / "t.safetensors").string();
  REQUIRE(write_safetensors(path, tensors, {{"step", "12"}}));
  const auto file = safetensors_file::open(path);
  REQUIRE(file);
  CHECK(file->metadata().at("step") == "12");
  const auto* a = file->find("a");
  REQUIRE(a);
  CHECK(a->shape == std::vector<std::int64_t>{2, 3});
  CHECK(std::memcmp(a->data.data(), values.data(), bytes.size()) == 0);
  CHECK(file->find("b")->dtype == "BF16");
  CHECK(file->find("c") == nullptr);
  std::filesystem::remove_all(folder);
  CHECK(safetensors_file::open(path).error().code == "safetensors.io");
}

TEST_CASE("damaged safetensors are refused with a reason") {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  CHECK(refusal(good, 8).empty());
  CHECK(refusal(good, 7) == "safetensors.bad_tensor");
  CHECK(refusal("[1]", 0) == "safetensors.bad_header");
  CHECK(refusal("{", 0) == "safetensors.bad_header");
  CHECK(refusal(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", 8) ==
        "safetensors.bad_tensor");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8) ==
        "safetensors.bad_tensor");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8) ==
        "safetensors.bad_tensor");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8) ==
        "safetensors.bad_tensor");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})",
                8) == "safetensors.bad_tensor");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                12) == "safetensors.bad_tensor");
  CHECK(safetensors_file::parse({}, "x").error().code == "safetensors.bad_header");
  auto long_header = file_of(good, 8);
  const std::uint64_t huge = ~std::uint64_t{0};
  std::memcpy(long_header.data(), &huge, 8);
  CHECK(safetensors_file::parse(long_header, "x").error().code == "safetensors.header_too_long");
}
