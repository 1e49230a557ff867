#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tools/hocket/doctor.hpp"

using namespace hocket::cli;

TEST_CASE("doctor finds a torn weight file") {
  const auto path = (std::filesystem::temp_directory_path() / "hocket_doctor.safetensors").string();
  const std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  auto write = [&](const std::string& body) {
    std::ofstream out(path, std::ios::binary);
    const std::uint64_t n = header.size();
    out.write(reinterpret_cast<const char*>(&n), 8);
    out << header << body;
  };
  write(std::string(8, 'x'));
  CHECK(safetensors_fault(path) == "");
  write(std::string(5, 'x'));
  CHECK(safetensors_fault(path).find("its header speaks of") != std::string::npos);
  std::ofstream(path) << "short";
  CHECK(safetensors_fault(path) == "cannot be read");
  std::filesystem::remove(path);
  CHECK(safetensors_fault(path) == "cannot be read");
}
