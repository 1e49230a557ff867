#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tools/hocket/doctor.hpp"

using namespace hocket;
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

TEST_CASE("a sandbox is graded by what the kernel holds of it, with a remedy for each gap") {
  using grade = finding::grade;
  const trust::kernel_support whole{true, true, 6, true, true};
  CHECK(examine_sandboxed("x", false, false, whole).how == grade::good);
  CHECK(examine_sandboxed("x", false, true, whole).how == grade::good);
  CHECK(examine_sandboxed("x", true, false, whole).remedy.empty());
  for (const bool egress : {false, true})
    for (int lacks = 0; lacks < 5; ++lacks) {
      auto kernel = whole;
      if (lacks == 0) kernel.namespaces = false;
      if (lacks == 1) kernel.landlock = 0;
      if (lacks == 2) kernel.mounts = false;
      if (lacks == 3) kernel.groups = false;
      if (lacks == 4) kernel.filter = false;
      const auto f = examine_sandboxed("x", false, egress, kernel);
      CHECK(f.how == (lacks == 4 ? grade::bad : grade::warning));
      CHECK(f.detail.find("NOT held here") != std::string::npos);
      CHECK(!f.remedy.empty());
    }
  auto kernel = whole;
  kernel.namespaces = false;
  CHECK(examine_sandboxed("x", false, true, kernel).detail.find("addresses") != std::string::npos);
}
