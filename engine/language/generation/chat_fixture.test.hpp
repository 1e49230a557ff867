// A tiny random model that can chat, for tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "engine/language/files/safetensors.hpp"
#include "engine/language/generation/generation.hpp"

namespace hocket::language::fixture {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

inline const char* const layout =
    "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}";

/// The fixture of a family as a checkpoint that can chat. Each layer of mistral sees 8 positions.
struct checkpoint {
  explicit checkpoint(const std::string& family = "llama", int positions = 128)
      : folder(fs::temp_directory_path() / ("hocket_chat_" + std::to_string(getpid()))) {
    const std::string fixture =
        HOCKET_SOURCE_DIR "/engine/language/network/parity/" + family + ".safetensors";
    fs::remove_all(folder);
    fs::create_directories(folder);
    const auto file = safetensors_set::open(fixture);
    REQUIRE(file);
    auto config = json::parse(file->metadata().at("config"));
    config["max_position_embeddings"] = positions;
    std::ofstream(folder / "config.json") << config;
    fs::copy_file(fixture, folder / "model.safetensors");
    json vocab{{"<unk>", 0}, {"<|im_start|>", 1}, {"<|im_end|>", 2}};
    int id = 3;
    for (char c = 'a'; c <= 'z'; ++c) vocab[std::string(1, c)] = id++;
    vocab["\xc4\xa0"] = id++;  // the blank
    json added = json::array();
    for (const char* name : {"<|im_start|>", "<|im_end|>"})
      added.push_back({{"id", vocab[name]}, {"content", name}, {"special", true}});
    std::ofstream(folder / "tokenizer.json")
        << json{{"added_tokens", added},
                {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array()}}}};
    std::ofstream(folder / "tokenizer_config.json")
        << json{{"eos_token", "<|im_end|>"}, {"chat_template", layout}};
  }
  ~checkpoint() { fs::remove_all(folder); }
  fs::path folder;
};

inline json user(const std::string& text) { return {{"role", "user"}, {"content", text}}; }

inline answer_config greedy(std::int64_t most) {
  answer_config c;
  c.sampling.temperature = 0;
  c.max_tokens = most;
  return c;
}

/// The ids of an answer, and why it ended.
inline std::pair<std::vector<token_id>, answer_end> ids_of(generation& g) {
  std::vector<token_id> out;
  while (true) {
    const auto piece = g.next();
    REQUIRE_MESSAGE(piece, piece.error().message);
    out.push_back(piece->id);
    if (piece->end != answer_end::none) return {out, piece->end};
  }
}

}  // namespace hocket::language::fixture
