#include "engine/language/network/open.hpp"

#include <filesystem>

#include "engine/language/files/safetensors.hpp"
#include "engine/language/network/gguf.hpp"

namespace hocket::language {
namespace {

using loaded = result<std::shared_ptr<const language_model>>;

/// The same error with the file named first.
template <class T>
auto fail_in(const std::string& path, const result<T>& failed) {
  const auto& e = failed.error();
  return fail(e.code, e.message.starts_with(path) ? e.message : path + ": " + e.message);
}

result<network_config> config_of(const gguf_file& file, const std::string& path,
                                 std::int64_t context) {
  auto config = read_network_config(file, context);
  return config ? config : fail_in(path, config);
}

result<network_config> config_of(const std::string& folder, std::int64_t context) {
  const auto json = folder + "/config.json";
  const auto text = read_text(json, 16u << 20);
  if (!text) return fail_in(json, text);
  auto config = read_network_config(*text, context);
  return config ? config : fail_in(json, config);
}

loaded open_gguf(const std::string& path, std::int64_t context, block_types blocks,
                 const engine::division* by) {
  const auto file = gguf_file::open(path);
  if (!file) return fail_in(path, file);
  const auto config = config_of(*file, path, context);
  if (!config) return fail(config);
  auto model = language_model::build(*config, checkpoint_tensors(*file), blocks, by);
  return model ? model : fail_in(path, model);
}

loaded open_folder(const std::string& folder, std::int64_t context, block_types blocks,
                   const engine::division* by) {
  const auto config = config_of(folder, context);
  if (!config) return fail(config);
  const auto one = folder + "/model.safetensors", index = one + ".index.json";
  const auto path = std::filesystem::exists(index) ? index : one;
  const auto files = safetensors_set::open(path);
  if (!files) return fail_in(path, files);
  auto model = language_model::build(*config, files->tensors(), blocks, by);
  return model ? model : fail_in(path, model);
}

}  // namespace

loaded open_language_model(const std::string& path, std::int64_t context, block_types blocks,
                           const engine::division* by) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed)) return open_folder(path, context, blocks, by);
  if (std::filesystem::is_regular_file(path, failed)) return open_gguf(path, context, blocks, by);
  return fail("model.no_files",
              path + ": neither a GGUF file nor a folder with config.json and model.safetensors");
}

result<network_config> read_model_config(const std::string& path, std::int64_t context) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) return config_of(path, context);
  const auto file = gguf_file::open(path);
  if (!file) return fail_in(path, file);
  return config_of(*file, path, context);
}

}  // namespace hocket::language
