#include "actors/trainer/service/adapter_archive.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/transformer/safetensors.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: an archive as a service of the Tinker API offers it, through to the adapter that it says it is.
namespace hocket::fuzz {
namespace {

constexpr std::size_t block = 512;

/// The sum of a header's bytes, where it stands: what is damaged is read all the same.
void sum_up(char* head) {
  std::memset(head + 148, ' ', 8);
  unsigned sum = 0;
  for (std::size_t i = 0; i < block; ++i) sum += static_cast<unsigned char>(head[i]);
  std::memcpy(head + 148, fmt::format("{:06o}", sum).c_str(), 7);
}

void check(const std::string& archive) {
  const auto files = trainer::read_archive(archive);
  if (!files) {
    HOCKET_ASSERT(files.error().code == "train.bad_archive" && files.error().message.size() < 400);
    return;
  }
  HOCKET_ASSERT(files->config.size() + files->weights.size() <= archive.size());
  const auto good = trainer::check_adapter(*files, {.rank = 1, .alpha = 32, .parts = {}});
  HOCKET_ASSERT(good || good.error().message.size() < 600);
}

void run(std::span<const std::uint8_t> bytes) {
  std::string archive(bytes.begin(), bytes.end());
  check(archive);
  for (std::size_t at = 0; at + block <= archive.size(); at += block)
    if (std::string_view(archive).substr(at + 257, 5) == "ustar") sum_up(archive.data() + at);
  check(archive);
}

std::string entry(const std::string& name, const std::string& bytes, char kind = '0') {
  std::string e(block, '\0');
  const auto put = [&](std::size_t at, const std::string& text) {
    std::memcpy(e.data() + at, text.data(), text.size());
  };
  put(0, name), put(124, fmt::format("{:011o}", bytes.size())), put(257, "ustar");
  e[156] = kind;
  sum_up(e.data());
  return (e + bytes).append((block - bytes.size() % block) % block, '\0');
}

std::vector<std::string> seeds() {
  lora::lora_config c;
  c.rank = 1, c.modules = {"q_proj"};
  const std::vector<float> part{0.5F, 1};
  const std::string name = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
  const std::vector<engine::stored_tensor> all{
      {name + "A.weight", "F32", {1, 2}, std::as_bytes(std::span(part))},
      {name + "B.weight", "F32", {2, 1}, std::as_bytes(std::span(part))}};
  const auto config = lora::write_peft_config(c), weights = engine::safetensors_bytes(all, {});
  return {entry("adapter_config.json", config) + entry("adapter_model.safetensors", weights) +
              std::string(2 * block, '\0'),
          entry("a/", "", '5') + entry("a/PaxHeader", "30 mtime=1\n", 'x') +
              entry("a/adapter_config.json", config) + entry("a/README.md", "words") +
              entry("a/adapter_model.safetensors", weights)};
}

}  // namespace

extern const target adapter_archive;
const target adapter_archive = {"adapter_archive", run, seeds};

}  // namespace hocket::fuzz
