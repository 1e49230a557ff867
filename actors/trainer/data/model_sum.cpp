#include "actors/trainer/data/model_sum.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "actors/http/digest.hpp"
#include "engine/language/files/mapped_file.hpp"

namespace hocket::trainer {

result<std::string> model_sha256(const std::string& path) {
  std::vector<std::string> files;
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed)) {
    for (const auto& each : std::filesystem::directory_iterator(path, failed)) {
      const auto name = each.path().filename().string();
      if (name.ends_with(".safetensors") || name == "config.json")
        files.push_back(each.path().string());
    }
    std::ranges::sort(files);
  } else {
    files.push_back(path);
  }
  std::string sums;
  for (const auto& each : files) {
    const auto mapped = language::mapped_file::open(each);
    if (!mapped) return fail(mapped);
    const auto bytes = (*mapped)->bytes();
    sums += http::sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  return files.size() == 1 ? sums : http::sha256_hex(sums);
}

}  // namespace hocket::trainer
