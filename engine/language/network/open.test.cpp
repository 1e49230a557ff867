// Models from files: both kinds, and what is wrong with them is named with its place.
#include "engine/language/network/open.hpp"

#include <filesystem>
#include <fstream>

#include "engine/language/files/safetensors.hpp"

#include <doctest/doctest.h>

using namespace hocket::language;
namespace fs = std::filesystem;

namespace {

const std::string parity = HOCKET_SOURCE_DIR "/engine/language/network/parity/";

/// A folder with the fixture of `family` as a checkpoint.
fs::path checkpoint(const std::string& family) {
  const auto folder = fs::temp_directory_path() / ("hocket_open_" + family);
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto file = safetensors_set::open(parity + family + ".safetensors");
  REQUIRE(file);
  std::ofstream(folder / "config.json") << file->metadata().at("config");
  fs::copy_file(parity + family + ".safetensors", folder / "model.safetensors");
  return folder;
}

std::string refusal(const std::string& path) {
  const auto model = open_language_model(path);
  return model ? "" : model.error().code + " " + model.error().message;
}

}  // namespace

TEST_CASE("a folder opens as a checkpoint, and its context can be bounded") {
  const auto folder = checkpoint("llama");
  const auto model = open_language_model(folder.string(), 32);
  REQUIRE_MESSAGE(model, model.error().message);
  CHECK((*model)->config().trunk.context == 32);
  language_sequence s(*model);
  for (int i = 0; i < 50; ++i) REQUIRE(s.append(std::vector<std::int32_t>{5}));
  const auto held = s.memory_bytes();
  for (int i = 0; i < 50; ++i) REQUIRE(s.append(std::vector<std::int32_t>{7}));
  CHECK(s.memory_bytes() == held);  // it no longer grows
  fs::remove_all(folder);
}

TEST_CASE("what is wrong with a model's files is named with the file") {
  const auto folder = checkpoint("qwen2");
  const auto path = folder.string();
  CHECK(refusal(path + "/nothing").find("model.no_files " + path + "/nothing: neither") == 0);
  fs::resize_file(folder / "model.safetensors", 1000);
  CHECK(refusal(path).find(path + "/model.safetensors") != std::string::npos);
  CHECK(refusal(path + "/model.safetensors").find("model_file.not_gguf") == 0);
  fs::remove(folder / "model.safetensors");
  CHECK(refusal(path).find("model_file.io " + path + "/model.safetensors") == 0);
  std::ofstream(folder / "config.json") << R"({"model_type": "llama"})";
  CHECK(refusal(path).find("model.bad_config " + path + "/config.json: ") == 0);
  fs::remove(folder / "config.json");
  CHECK(refusal(path).find("model_file.io " + path + "/config.json") == 0);
  fs::remove_all(folder);
}
