#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tools/hocket/checksums.hpp"

using namespace hocket::cli;
namespace fs = std::filesystem;

TEST_CASE("a model folder is what its checksums say, or the doctor names what is not") {
  const auto folder = fs::temp_directory_path() / ("hocket-sums-" + std::to_string(getpid()));
  fs::create_directories(folder);
  const auto faults = [&](bool expect_missing = false) {
    bool missing = false;
    auto out = checksum_faults(folder.string(), missing);
    CHECK(missing == expect_missing);
    return out;
  };
  std::ofstream(folder / "config.json") << "abc";
  std::ofstream(folder / "model.safetensors") << "";
  CHECK(faults(true).empty());
  REQUIRE(write_checksums(folder.string()));
  CHECK(faults().empty());
  // FIPS 180-2: the digest of "abc".
  std::string line;
  std::getline(std::ifstream(folder / checksum_file) >> std::ws, line);
  CHECK(line == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  config.json");

  std::ofstream(folder / "model.safetensors") << "x";
  REQUIRE(faults().size() == 1);
  CHECK(faults()[0].starts_with("model.safetensors is not what SHA256SUMS says"));
  std::ofstream(folder / "other.safetensors") << "x";
  CHECK(faults().back() == "other.safetensors is not in SHA256SUMS");
  fs::remove(folder / "other.safetensors");
  fs::remove(folder / "model.safetensors");
  CHECK(faults()[0] == "model.safetensors is missing");
  std::ofstream(folder / checksum_file) << "nonsense\n";
  CHECK(faults()[0].find("not as sha256sum writes it") != std::string::npos);
  fs::remove_all(folder);
}

TEST_CASE("the models that ship are what their checksums say") {
  for (const auto& model : fs::directory_iterator(HOCKET_SOURCE_DIR "/configs/models")) {
    if (!fs::exists(model.path() / "model.safetensors")) continue;
    bool missing = false;
    for (const auto& fault : checksum_faults(model.path().string(), missing))
      FAIL_CHECK(model.path().filename().string() << ": " << fault);
    CHECK_MESSAGE(!missing, model.path().string(), " has no SHA256SUMS");
  }
}
