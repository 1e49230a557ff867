#include "tools/hocket/eval/lm_random.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>

#include "engine/language/files/gguf.hpp"
#include "engine/language/files/gguf_writer.hpp"
#include "graph/trust/files.hpp"

namespace hocket::cli {
namespace {

constexpr std::uint32_t f32 = 0, bf16 = 30;
constexpr std::uint32_t width = 768, hidden = 2048, heads = 12, kv_heads = 4, head = 64,
                        layers = 17;

const std::map<std::string, std::uint32_t, std::less<>> own{
    {"llama.block_count", layers},
    {"llama.embedding_length", width},
    {"llama.feed_forward_length", hidden},
    {"llama.attention.head_count", heads},
    {"llama.attention.head_count_kv", kv_heads},
    {"llama.rope.dimension_count", head},
    {"general.file_type", 32}};  // BF16, as llama.cpp counts them

template <class T>
std::string raw(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

/// One entry as it was.
struct copier {
  language::gguf_writer& to;
  std::string_view key;
  void operator()(std::uint64_t n) const { to.add(key, static_cast<std::uint32_t>(n)); }
  void operator()(std::int64_t n) const { to.add(key, static_cast<std::uint32_t>(n)); }
  void operator()(double n) const { to.add(key, static_cast<float>(n)); }
  void operator()(bool flag) const { to.add(key, flag); }
  void operator()(std::string_view text) const { to.add(key, text); }
  void operator()(const std::vector<std::string_view>& texts) const {
    to.add_list(key, std::vector<std::string>(texts.begin(), texts.end()));
  }
  void operator()(const language::gguf_numbers& n) const {
    to.add_raw(key, 9,
               raw(n.type) + raw(std::uint64_t{n.count}) +
                   std::string(reinterpret_cast<const char*>(n.bytes.data()), n.bytes.size()));
  }
};

std::string ones() {
  std::string out;
  for (std::uint32_t i = 0; i < width; ++i) out += raw(1.0f);
  return out;
}

/// Numbers in BF16, even in [-1, 1] / sqrt(in) * 2.
class numbers {
 public:
  std::string of(std::uint64_t in, std::uint64_t out) {
    std::string bytes(in * out * 2, '\0');
    const float scale = 2.0f / std::sqrt(static_cast<float>(in));
    for (std::uint64_t i = 0; i < in * out; ++i) {
      state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;  // xorshift64
      const float even = static_cast<float>(state_ >> 40) / 8388608.0f - 1.0f;
      const float value = even * scale;
      std::memcpy(bytes.data() + 2 * i, reinterpret_cast<const char*>(&value) + 2, 2);
    }
    return bytes;
  }

 private:
  std::uint64_t state_ = 0x9e3779b97f4a7c15u;
};

void add_layer(language::gguf_writer& to, numbers& random, const std::string& name) {
  const auto matrix = [&](const char* part, std::uint64_t in, std::uint64_t out) {
    to.add_tensor(name + part + ".weight", bf16, {in, out}, random.of(in, out));
  };
  to.add_tensor(name + "attn_norm.weight", f32, {width}, ones());
  matrix("attn_q", width, heads * head);
  matrix("attn_k", width, kv_heads * head);
  matrix("attn_v", width, kv_heads * head);
  matrix("attn_output", heads * head, width);
  to.add_tensor(name + "ffn_norm.weight", f32, {width}, ones());
  matrix("ffn_gate", width, hidden);
  matrix("ffn_up", width, hidden);
  matrix("ffn_down", hidden, width);
}

}  // namespace

bool rows_fit_256(const std::string& gguf) {
  const auto file = language::gguf_file::open(gguf);
  if (!file) return true;  // who reads it will say what is wrong
  return std::ranges::all_of(file->tensors(), [](const auto& t) {
    return t.shape.size() < 2 || t.shape.back() % 256 == 0;
  });
}

result<void> write_random_model(const std::string& like, const std::string& into) {
  const auto file = language::gguf_file::open(like);
  if (!file) return fail(file);
  const auto* tokens = file->texts("tokenizer.ggml.tokens");
  if (file->text("general.architecture") != "llama" || tokens == nullptr)
    return fail("bench.peer", like + " is no Llama with a list of tokens");
  language::gguf_writer to;
  for (const auto& e : file->metadata())
    if (!own.contains(e.key)) std::visit(copier{to, e.key}, e.value);
  for (const auto& [key, number] : own) to.add(key, number);
  numbers random;
  to.add_tensor("token_embd.weight", bf16, {width, tokens->size()},
                random.of(width, tokens->size()));
  to.add_tensor("output_norm.weight", f32, {width}, ones());
  for (std::uint32_t i = 0; i < layers; ++i)
    add_layer(to, random, "blk." + std::to_string(i) + ".");
  return trust::write_file(into, to.bytes());
}

}  // namespace hocket::cli
