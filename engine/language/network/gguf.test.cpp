// Networks from GGUF files: the fixtures' weights under other names, in other orders and as blocks.
#include "engine/language/network/gguf.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/language/network/gguf_fixture.test.hpp"
#include "engine/transformer/grouped.hpp"

using namespace hocket::language::gguf_fixture;
using namespace hocket::language;

namespace {

/// Rows as Q8_0: a half and 32 signed bytes per block.
std::string as_blocks(const std::vector<float>& values) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); i += 32) {
    float largest = 0;
    for (int k = 0; k < 32; ++k) largest = std::max(largest, std::fabs(values[i + k]));
    const auto half = hocket::engine::kernels::float_to_half(largest / 127);
    const float d = float_of_half(half);
    out.append(reinterpret_cast<const char*>(&half), 2);
    for (int k = 0; k < 32; ++k)
      out.push_back(static_cast<char>(d > 0 ? std::lrint(values[i + k] / d) : 0));
  }
  return out;
}

/// The row order that GGUF's writers give queries and keys of llama: neighbours turn together.
std::vector<float> reordered(const std::vector<float>& rows, int heads, int dim, int width) {
  std::vector<float> out(rows.size());
  for (int h = 0; h < heads; ++h)
    for (int i = 0; i < dim; ++i) {
      const int to = i < dim / 2 ? 2 * i : 2 * (i - dim / 2) + 1;
      std::copy_n(rows.begin() + (h * dim + i) * width, width,
                  out.begin() + (h * dim + to) * width);
    }
  return out;
}

/// The fixture as a GGUF file; matrices whose rows fit become blocks if asked.
std::string write(const fixture& f, const std::string& architecture, bool blocks) {
  gguf_writer w;
  const auto& layer = f.config.trunk.layers[0];
  const auto& a = layer.attention;
  const auto width = static_cast<std::uint32_t>(f.config.trunk.width);
  const auto key = [&](const char* name) { return architecture + "." + name; };
  w.add("general.architecture", architecture);
  w.add(key("block_count"), static_cast<std::uint32_t>(f.config.trunk.layers.size()));
  w.add(key("embedding_length"), width);
  w.add(key("feed_forward_length"), static_cast<std::uint32_t>(layer.feed_forward.width));
  w.add(key("attention.head_count"), static_cast<std::uint32_t>(a.heads));
  w.add(key("attention.head_count_kv"), static_cast<std::uint32_t>(a.kv_heads));
  w.add(key("attention.key_length"), static_cast<std::uint32_t>(a.head_dim));
  w.add(key("context_length"), std::uint32_t{128});
  w.add(key("attention.layer_norm_rms_epsilon"), 1e-6f);
  w.add(key("rope.freq_base"), 1e6f);
  const std::map<std::string, std::string> names{
      {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
      {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
      {"self_attn.o_proj", "attn_output"}, {"self_attn.q_norm", "attn_q_norm"},
      {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"},
      {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
      {"mlp.down_proj", "ffn_down"}};
  for (const auto& t : f.file.tensors()) {
    if (t.name.starts_with("parity.")) continue;
    auto values = f.values.at(t.name);
    std::string name = t.name == "model.embed_tokens.weight" ? "token_embd.weight"
                       : t.name == "model.norm.weight"       ? "output_norm.weight"
                       : t.name == "lm_head.weight"          ? "output.weight"
                                                             : "";
    for (const auto& [ours, theirs] : names)
      if (const auto at = t.name.find("." + ours + "."); at != std::string::npos)
        name = "blk." + t.name.substr(13, at - 13) + "." + theirs + ".weight";
    REQUIRE(!name.empty());
    if (architecture == "llama" && name.find("attn_q.") != std::string::npos)
      values = reordered(values, a.heads, a.head_dim, static_cast<int>(width));
    if (architecture == "llama" && name.find("attn_k.") != std::string::npos)
      values = reordered(values, a.kv_heads, a.head_dim, static_cast<int>(width));
    std::vector<std::uint64_t> shape(t.shape.rbegin(), t.shape.rend());
    const bool block = blocks && shape.size() == 2 && shape[0] % 32 == 0;
    w.add_tensor(name, block ? q8_0 : f32, shape, block ? as_blocks(values) : as_bytes(values));
  }
  return w.bytes();
}

/// The experts of GPT-OSS apart: gates and ups take turns in one tensor, [experts, in, out].
bool split_experts(gguf_writer& w, const std::string& name, const std::vector<float>& values,
                   const std::vector<std::int64_t>& shape) {
  const auto at = name.find(".mlp.experts.");
  if (at == std::string::npos) return false;
  const auto layer = "blk." + name.substr(13, at - 13) + ".";
  const bool bias = name.ends_with("_bias"), down = name.find("down_proj") != std::string::npos;
  const auto n = shape[0], in = bias ? 1 : shape[1], out = shape.back();
  const int turns = down ? 1 : 2;
  for (int turn = 0; turn < turns; ++turn) {
    std::vector<float> part;
    for (std::int64_t e = 0; e < n; ++e)
      for (std::int64_t o = turn; o < out; o += turns)
        for (std::int64_t i = 0; i < in; ++i) part.push_back(values[(e * in + i) * out + o]);
    std::vector<std::uint64_t> sizes;
    if (!bias) sizes.push_back(static_cast<std::uint64_t>(in));
    sizes.push_back(static_cast<std::uint64_t>(out / turns));
    sizes.push_back(static_cast<std::uint64_t>(n));
    w.add_tensor(layer +
                     (down        ? "ffn_down"
                      : turn == 0 ? "ffn_gate"
                                  : "ffn_up") +
                     "_exps" + (bias ? ".bias" : ".weight"),
                 f32, sizes, as_bytes(part));
  }
  return true;
}

}  // namespace

TEST_CASE("a GGUF file gives the logits of the checkpoint it was made of") {
  const auto qwen = load("qwen3");
  CHECK(largest_difference(scores_of_file(write(qwen, "qwen3", false), qwen.tokens, 1e6),
                           qwen.logits) < 1e-4);
  // The same weights as blocks, where rows are a whole number of them: attention's output.
  const auto blocks = scores_of_file(write(qwen, "qwen3", true), qwen.tokens, 1e6);
  const double error = largest_difference(blocks, qwen.logits);
  MESSAGE("Q8_0, largest difference of a logit: " << error);
  CHECK(error > 0);
  CHECK(error < 0.2);
}

TEST_CASE("queries and keys of the llama architecture come in another order") {
  // Without its window, mistral is a llama.
  auto f = load("mistral");
  for (auto& layer : f.config.trunk.layers) layer.attention.window = 0;
  const auto want = language_model::build(f.config, f.file.tensors());
  REQUIRE(want);
  const std::vector<std::int32_t> tokens(f.tokens.begin(), f.tokens.begin() + 20);
  language_sequence s(*want);
  language_sequence* pointer = &s;
  const std::span<const std::int32_t> all(tokens);
  f.config.trunk.rotary[0].frequency = {};
  auto bytes = write(f, "llama", false);
  // The fixture's base is 10000.
  const float written = 1e6f, base = 1e4f;
  const std::string from(reinterpret_cast<const char*>(&written), 4);
  const auto at = bytes.find(from, bytes.find("llama.rope.freq_base"));
  REQUIRE(at != std::string::npos);
  bytes.replace(at, 4, std::string(reinterpret_cast<const char*>(&base), 4));
  const auto scored = append_batch({&pointer, 1}, {&all, 1}, scores_of::every);
  REQUIRE(scored);
  CHECK(largest_difference(scores_of_file(bytes, tokens, 1e4), (*scored)[0]) < 1e-4);
}

TEST_CASE("a GGUF file of GPT-OSS: experts apart, sinks, YaRN, windows in turns") {
  const auto f = load("gpt_oss");
  gguf_writer w;
  add_sizes(w, f, "gpt-oss");
  w.add("gpt-oss.expert_count", std::uint32_t{4});
  w.add("gpt-oss.expert_used_count", std::uint32_t{2});
  w.add("gpt-oss.expert_feed_forward_length", std::uint32_t{24});
  w.add("gpt-oss.attention.layer_norm_rms_epsilon", 1e-5f);
  w.add("gpt-oss.rope.freq_base", 150000.0f);
  w.add("gpt-oss.rope.scaling.type", std::string_view("yarn"));
  w.add("gpt-oss.rope.scaling.factor", 4.0f);
  w.add("gpt-oss.rope.scaling.original_context_length", std::uint32_t{32});
  auto names = common_names;
  names.emplace_back("self_attn.sinks", "attn_sinks.weight");
  names.emplace_back("post_attention_layernorm", "post_attention_norm");
  add_tensors(w, f, names, split_experts);
  const auto got = scores_of_file(w.bytes(), f.tokens);
  CHECK(largest_difference(got, f.logits) < 1e-4);
}

TEST_CASE("a GGUF file of Gemma 3: gains as they are, four norms, two kinds of positions") {
  auto f = load("gemma3_text");
  gguf_writer w;
  add_sizes(w, f, "gemma3");
  w.add("gemma3.attention.sliding_window_pattern", std::uint32_t{2});
  w.add("gemma3.attention.layer_norm_rms_epsilon", 1e-6f);
  w.add("gemma3.rope.freq_base", 1e6f);
  w.add("gemma3.rope.scaling.type", std::string_view("linear"));
  w.add("gemma3.rope.scaling.factor", 8.0f);
  // The fixture scales its queries as no released model of its size does: ours then does, too.
  for (auto& layer : f.config.trunk.layers) layer.attention.scale = 0.25;
  const auto want = language_model::build(f.config, f.file.tensors());
  REQUIRE(want);
  language_sequence s(*want);
  language_sequence* pointer = &s;
  const std::span<const std::int32_t> all(f.tokens);
  const auto scored = append_batch({&pointer, 1}, {&all, 1}, scores_of::every);
  REQUIRE(scored);
  for (auto& [name, values] : f.values)
    if (name.find("norm") != std::string::npos)
      for (auto& v : values) v += 1;
  auto names = common_names;
  names.emplace_back("post_attention_layernorm", "post_attention_norm");
  names.emplace_back("pre_feedforward_layernorm", "ffn_norm");
  names.emplace_back("post_feedforward_layernorm", "post_ffw_norm");
  add_tensors(w, f, names);
  CHECK(largest_difference(scores_of_file(w.bytes(), f.tokens), (*scored)[0]) < 1e-4);
}

TEST_CASE("architectures that are not read are named") {
  gguf_writer w;
  w.add("general.architecture", std::string_view("mamba"));
  const auto bytes = w.bytes();
  const auto file =
      gguf_file::parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "test");
  REQUIRE(file);
  const auto config = read_network_config(*file);
  REQUIRE(!config);
  CHECK(config.error().code == "model.unsupported");
  CHECK(config.error().message.find("`mamba`") != std::string::npos);
}

TEST_CASE("metadata that contradicts itself or the tensors is named, and nothing is read") {
  const auto made = write(load("qwen3"), "qwen3", false);
  // Writes four bytes over the value of a key.
  const auto refused = [&](const std::string& key, auto value) {
    static_assert(sizeof value == 4);
    auto bytes = made;
    const auto at = bytes.find("qwen3." + key);
    REQUIRE(at != std::string::npos);
    std::memcpy(bytes.data() + at + 6 + key.size() + 4, &value, 4);
    const auto file =
        gguf_file::parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "test");
    REQUIRE(file);
    const auto config = read_network_config(*file);
    if (!config) return config.error().message;
    const auto fits = language_model::check(*config, checkpoint_tensors(*file));
    return fits ? std::string("fits") : fits.error().message;
  };
  const auto heads = std::uint32_t{0};
  CHECK(refused("block_count", std::uint32_t{1})
            .starts_with("qwen3.block_count: 1, but there is blk.1."));
  CHECK(refused("block_count", std::uint32_t{9}).find("no tensor model.layers.") !=
        std::string::npos);
  CHECK(refused("block_count", std::uint32_t{0}).starts_with("qwen3.block_count: "));
  CHECK(refused("embedding_length", std::uint32_t{56}).starts_with("qwen3.embedding_length: 56, "));
  CHECK(refused("attention.head_count", heads).starts_with("qwen3.attention.head_count: "));
  CHECK(refused("attention.head_count_kv", std::uint32_t{1}).find("self_attn.k_proj") !=
        std::string::npos);
  CHECK(refused("feed_forward_length", std::uint32_t{1}).find("mlp.gate_proj") !=
        std::string::npos);
  for (const float eps : {0.0f, -1.0f, std::nanf(""), INFINITY})
    CHECK(refused("attention.layer_norm_rms_epsilon", eps).find("eps") != std::string::npos);
}
