#include "engine/language/files/dequantize.hpp"
#include "engine/language/files/gguf.hpp"
#include "engine/language/files/gguf_writer.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the bytes of a weight file.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  const auto file = language::gguf_file::parse(std::as_bytes(bytes), "fuzz.gguf");
  if (!file) {
    HOCKET_ASSERT(file.error().code.starts_with("model_file.") && !file.error().message.empty());
    return;
  }
  // Everything that was accepted can be read: strings, arrays, and every number of every tensor.
  std::size_t sum = 0;
  for (const auto& [key, value] : file->metadata()) {
    HOCKET_ASSERT(file->find(key) == &value);
    if (const auto* all = file->texts(key))
      for (const auto text : *all)
        for (const char c : text) sum += static_cast<unsigned char>(c);
    if (const auto* n = file->numbers(key)) {
      HOCKET_ASSERT(n->count <= bytes.size());
      for (std::size_t i = 0; i < n->count; ++i) {
        sum += static_cast<std::size_t>(n->integer_at(i));
        (void)n->number_at(i);
      }
    }
  }
  for (const auto& t : file->tensors()) {
    HOCKET_ASSERT(t.bytes.size() == language::bytes_of(t.type, t.shape).value());
    std::vector<float> numbers(static_cast<std::size_t>(t.elements()));
    (void)language::dequantize(t.type, t.bytes, numbers);
  }
  (void)sum;
}

std::vector<std::string> seeds() {
  language::gguf_writer w;
  w.add("general.architecture", "llama");
  w.add("llama.block_count", std::uint32_t{2});
  w.add("llama.rope.freq_base", 1e4f);
  w.add("tokenizer.ggml.add_bos_token", true);
  w.add_list("tokenizer.ggml.tokens", std::vector<std::string>{"<s>", "a", "b"});
  w.add_list("tokenizer.ggml.scores", std::vector<float>{0, -1, -2});
  w.add_list("tokenizer.ggml.token_type", std::vector<std::int32_t>{3, 1, 1});
  w.add_tensor("token_embd.weight", 0, {4, 3}, std::string(48, '\1'));
  w.add_tensor("q", 2, {32, 2}, std::string(36, '\2'));
  w.add_tensor("k", 12, {256}, std::string(144, '\3'));
  return {w.bytes(), language::gguf_writer().bytes()};
}

}  // namespace

extern const target gguf;
const target gguf = {"gguf", run, seeds};

}  // namespace hocket::fuzz
