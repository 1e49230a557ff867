#include "actors/background/language/chat_adapters.hpp"

#include "actors/http/digest.hpp"
#include "actors/trainer/adapters/adapter_packet.hpp"

namespace hocket::background {

result<std::shared_ptr<const chat_adapter>> chat_adapters::open(
    const language::language_model& model, const adapter& a) {
  if (a.weights.empty()) return std::shared_ptr<const chat_adapter>();
  const auto bytes = a.weights.as<char>();
  const lora::adapter_files files{trainer::peft_config_of(a), {bytes.begin(), bytes.end()}};
  const auto key = http::sha256_hex(files.config + "\n" + files.weights);
  const std::lock_guard lock(mutex_);
  if (auto there = opened_[key].lock()) return there;
  std::erase_if(opened_, [](const auto& each) { return each.second.expired(); });
  const auto opened = lora::open_adapter(model, files);
  if (!opened) return fail(opened.error().code, a.name + ": " + opened.error().message);
  auto made = std::make_shared<const chat_adapter>(
      *opened, std::make_shared<language::prefix_cache>(prefix_bytes_));
  opened_[key] = made;
  return made;
}

}  // namespace hocket::background
