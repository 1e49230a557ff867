// The checksums of a model folder: SHA256SUMS, which `sha256sum -c` reads too.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <glib.h>

#include "graph/trust/files.hpp"
#include "tools/hocket/checksums.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

}  // namespace

std::string file_sha256(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::unique_ptr<GChecksum, decltype(&g_checksum_free)> sum(
      g_checksum_new(G_CHECKSUM_SHA256), g_checksum_free);
  std::vector<char> block(1 << 20);
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    g_checksum_update(sum.get(), reinterpret_cast<const guchar*>(block.data()), in.gcount());
  }
  return in.eof() ? g_checksum_get_string(sum.get()) : "";
}

std::vector<std::string> checksum_faults(const std::string& folder, bool& missing) {
  std::vector<std::string> faults;
  std::ifstream in(fs::path(folder) / checksum_file);
  missing = !in.is_open();
  std::vector<std::string> named;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    // 64 digits, a space, a space or a star, the name.
    if (line.size() < 67 || line[64] != ' ') {
      faults.push_back(fmt::format("{}: not as sha256sum writes it: `{}`", checksum_file, line));
      continue;
    }
    const auto name = line.substr(66);
    named.push_back(name);
    const auto sum = file_sha256((fs::path(folder) / name).string());
    if (sum.empty())
      faults.push_back(name + " is missing");
    else if (sum != line.substr(0, 64))
      faults.push_back(fmt::format("{} is not what {} says (sha256 {}…)", name, checksum_file,
                                   sum.substr(0, 12)));
  }
  if (missing) return faults;
  for (const auto& file : fs::directory_iterator(folder)) {
    const auto name = file.path().filename().string();
    if (file.path().extension() == ".safetensors" &&
        std::find(named.begin(), named.end(), name) == named.end())
      faults.push_back(fmt::format("{} is not in {}", name, checksum_file));
  }
  return faults;
}

result<void> write_checksums(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(folder))
    if (file.path().extension() == ".json" || file.path().extension() == ".safetensors")
      files.push_back(file.path());
  std::sort(files.begin(), files.end());
  std::string text;
  for (const auto& file : files)
    text += fmt::format("{}  {}\n", file_sha256(file.string()), file.filename().string());
  const auto path = (fs::path(folder) / checksum_file).string();
  const auto done = trust::write_file(path, text, trust::readers::everyone);
  return done ? done : fail("doctor.cannot_write", done.error().message);
}

}  // namespace hocket::cli
