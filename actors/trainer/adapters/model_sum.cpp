#include "actors/trainer/adapters/model_sum.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <vector>

#include <fmt/format.h>

#include "actors/http/digest.hpp"
#include "engine/language/files/mapped_file.hpp"

namespace hocket::trainer {
namespace {

constexpr std::size_t most_remembered = 64;

/// Those whose bytes make the model, in the order of their names.
std::vector<std::string> files_of(const std::string& path) {
  std::error_code failed;
  if (!std::filesystem::is_directory(path, failed)) return {path};
  std::vector<std::string> files;
  for (const auto& each : std::filesystem::directory_iterator(path, failed)) {
    const auto name = each.path().filename().string();
    if (name.ends_with(".safetensors") || name == "config.json")
      files.push_back(each.path().string());
  }
  std::ranges::sort(files);
  return files;
}

/// Changes when a file does, also one whose time of change was set back.
std::string stamp_of(const std::vector<std::string>& files) {
  std::string all;
  for (const auto& each : files) {
    struct stat now {};
    if (::stat(each.c_str(), &now) != 0) return {};
    all += fmt::format("{} {}.{}.{}.{}.{}.{}.{} ", each, now.st_dev, now.st_ino, now.st_size,
                       now.st_mtim.tv_sec, now.st_mtim.tv_nsec, now.st_ctim.tv_sec,
                       now.st_ctim.tv_nsec);
  }
  return all;
}

}  // namespace

bool holds_weights(const std::string& path) {
  return std::ranges::any_of(files_of(path), [](const auto& f) { return !f.ends_with(".json"); });
}

std::string model_stamp(const std::string& path) { return stamp_of(files_of(path)); }

result<std::string> model_sha256(const std::string& path) {
  // Also for who waits: a sum is taken once. Both for good: threads that nobody waits for outlive main.
  static auto& mutex = *new std::mutex();
  static auto& known = *new std::map<std::string, std::string>();
  const auto files = files_of(path);
  const auto stamp = stamp_of(files);
  const std::lock_guard lock(mutex);
  if (const auto there = known.find(stamp); there != known.end()) return there->second;
  std::string sums;
  for (const auto& each : files) {
    const auto mapped = language::mapped_file::open(each);
    if (!mapped) return fail(mapped);
    const auto bytes = (*mapped)->bytes();
    sums += http::sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  auto sum = files.size() == 1 ? sums : http::sha256_hex(sums);
  if (known.size() >= most_remembered) known.clear();
  if (!stamp.empty()) known[stamp] = sum;
  return sum;
}

}  // namespace hocket::trainer
