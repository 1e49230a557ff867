// What a folder says of its model, as Python writes it.
#include "actors/gateway/tinker/engine/served_model.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/language/files/safetensors.hpp"

#include <doctest/doctest.h>

using namespace hocket;

TEST_CASE(
    "the tokens that end an answer are read where a config holds what JSON has no number for") {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("hocket_served_test_{}", getpid());
  std::filesystem::create_directories(folder);
  const std::string weights = HOCKET_SOURCE_DIR "/engine/language/network/parity/llama.safetensors";
  std::filesystem::copy_file(weights, folder / "model.safetensors");
  const auto file = language::safetensors_set::open(weights);
  REQUIRE(file);
  auto config = file->metadata().at("config");
  config.insert(1, R"("time_step_limit": [0.0, Infinity],)");
  std::ofstream(folder / "config.json") << config;
  std::ofstream(folder / "generation_config.json") << R"({"eos_token_id": [7], "top_p": NaN})";
  // Copied, it would be too much for a stack.
  const std::string deep(1 << 20, '['), back(1 << 20, ']');
  std::ofstream(folder / "tokenizer_config.json") << R"({"eos_token": )" + deep + back + "}";
  const auto served = tinker::open_served_model(folder, {"one"}, 0, "fp32");
  REQUIRE_MESSAGE(served, served.error().message);
  CHECK((*served)->ends_with(2));
  CHECK((*served)->ends_with(7));
  CHECK(!(*served)->ends_with(3));
  // Cards name what is served, and not what lies there now.
  const auto sum = (*served)->sha256();
  REQUIRE(sum);
  CHECK(sum->size() == 64);
  std::ofstream(folder / "config.json") << config << " ";
  const auto changed = (*served)->sha256();
  REQUIRE(!changed);
  CHECK(changed.error().code == "tinker.model_changed");
  std::filesystem::remove_all(folder);
}
