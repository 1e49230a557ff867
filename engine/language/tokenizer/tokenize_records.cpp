// Tokens for compare_tokenizers.py: reads records (length u32, UTF-8), writes (count u32, ids i32).
//   tokenize_records FILE.gguf|tokenizer.json
#include <cstdio>
#include <optional>
#include <string>

#include "engine/language/files/mapped_file.hpp"
#include "engine/language/tokenizer/tokenizer.hpp"

using namespace hocket;
using namespace hocket::language;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string path = argv[1];
  std::optional<gguf_file> file;
  auto made = [&]() -> result<tokenizer> {
    if (path.ends_with(".json")) {
      const auto text = read_text(path, 256u << 20);
      return text ? tokenizer::from_json(*text, path) : fail(text);
    }
    auto opened = gguf_file::open(path);
    if (!opened) return fail(opened);
    file = std::move(*opened);
    return tokenizer::from_gguf(*file);
  }();
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    return 1;
  }
  std::uint32_t size = 0;
  std::string text;
  while (std::fread(&size, 4, 1, stdin) == 1) {
    text.resize(size);
    if (size > 0 && std::fread(text.data(), 1, size, stdin) != size) return 1;
    const auto ids = made->encode(text);
    if (!ids) return 1;
    const auto count = static_cast<std::uint32_t>(ids->size());
    std::fwrite(&count, 4, 1, stdout);
    std::fwrite(ids->data(), 4, count, stdout);
  }
  return 0;
}
