#include "actors/trainer/service/adapter_archive.hpp"

#include <cmath>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/transformer/safetensors.hpp"

using namespace hocket;
using namespace hocket::trainer;
using nlohmann::json;

namespace {

/// One entry of a tar archive, as ustar has it.
std::string entry(const std::string& name, const std::string& bytes, char kind = '0') {
  std::string h(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) {
    std::memcpy(h.data() + at, text.data(), text.size());
  };
  put(0, name), put(100, "0000600"), put(124, fmt::format("{:011o}", bytes.size()));
  put(148, "        "), put(257, "ustar"), put(263, "00");
  h[156] = kind;
  unsigned sum = 0;
  for (const unsigned char c : h) sum += c;
  put(148, fmt::format("{:06o}", sum));
  h[154] = '\0';
  h += bytes;
  return h.append((512 - bytes.size() % 512) % 512, '\0');
}
const std::string config = entry("adapter_config.json", "{}");
const std::string weights = entry("adapter_model.safetensors", std::string(700, 'w'));
const std::string end(1024, '\0');

std::string code(const std::string& bytes) {
  const auto read = read_archive(bytes);
  return read ? "fine" : read.error().code + ": " + read.error().message;
}

struct tensor_of {
  std::string name;
  std::vector<std::int64_t> shape;
  float fill = 0.5F;
};

std::string safetensors(const std::vector<tensor_of>& all) {
  std::vector<std::vector<float>> data;
  std::vector<engine::stored_tensor> tensors;
  for (const auto& t : all) {
    std::size_t n = 1;
    for (const auto d : t.shape) n *= static_cast<std::size_t>(d);
    data.emplace_back(n, t.fill);
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    tensors.push_back({all[i].name, "F32", all[i].shape, std::as_bytes(std::span(data[i]))});
  return engine::safetensors_bytes(tensors, {});
}

const std::string module = "base_model.model.model.layers.0.self_attn.q_proj.lora_";

result<void> checked(const std::vector<tensor_of>& all, int rank = 2, double alpha = 32) {
  lora::lora_config c;
  c.rank = rank, c.alpha = alpha;
  c.modules = {"q_proj", "lm_head"};
  return check_adapter({lora::write_peft_config(c), safetensors(all)},
                       {.rank = 2, .alpha = 32, .parts = {true, true, false}});
}
std::string why(const result<void>& r) {
  return r ? "fine" : r.error().code + ": " + r.error().message;
}

}  // namespace

TEST_CASE("an archive gives PEFT's two files, from its root or a folder") {
  const auto plain = read_archive(config + weights + end);
  REQUIRE(plain);
  CHECK(plain->config == "{}");
  CHECK(plain->weights == std::string(700, 'w'));
  CHECK(read_archive(entry("a/", "", '5') + entry("a/adapter_config.json", "{}") +
                     entry("a/adapter_model.safetensors", "w") + entry("a/more", "x") + end));
  CHECK(read_archive(entry("./PaxHeader", "30 mtime=1\n", 'x') + config +
                     weights));  // without an end
}

TEST_CASE("an archive that leaves its folder, links or lies is refused whole") {
  CHECK(code(entry("../adapter_config.json", "{}") + config + weights + end)
            .find("leaves its folder") != std::string::npos);
  for (const char* name : {"/etc/passwd", "a/../../b", "..", "a\\..\\b", ""})
    CHECK_MESSAGE(code(config + weights + entry(name, "x") + end).find("leaves its folder") !=
                      std::string::npos,
                  name);
  for (const char kind : {'1', '2', '3', '4', '6', 'L', 'S'})
    CHECK(code(entry("a", "", kind) + config + weights + end).find("neither a file nor a folder") !=
          std::string::npos);
  CHECK(code(config + config + weights + end).find("twice") != std::string::npos);
  CHECK(code(entry("a/adapter_config.json", "{}") + entry("b/adapter_model.safetensors", "w") + end)
            .find("different folders") != std::string::npos);
  CHECK(code(config + end).find("adapter_model.safetensors is not in it") != std::string::npos);
  CHECK(code(config + weights.substr(0, 700)).find("cut short") != std::string::npos);
  auto damaged = config + weights + end;
  damaged[3] = 'X';
  CHECK(code(damaged).find("no tar archive") != std::string::npos);
  CHECK(code("\x1f\x8b" + std::string(600, 'z')).find("no tar archive") != std::string::npos);
  CHECK(code("").find("not in it") != std::string::npos);
  std::string many;
  for (int i = 0; i < 1100; ++i) many += entry("f" + std::to_string(i), "");
  CHECK(code(many).find("too many") != std::string::npos);
}

TEST_CASE("an adapter that came is the one that was asked for, or is refused by name") {
  CHECK(why(checked({{module + "A.weight", {2, 8}}, {module + "B.weight", {8, 2}}})) == "fine");
  const auto refused = [](const result<void>& r, const char* words) {
    CHECK_MESSAGE(why(r).find(words) != std::string::npos, why(r));
  };
  refused(checked({{module + "A.weight", {2, 8}}}), "one of its two matrices");
  refused(checked({}), "adapts nothing");
  refused(checked({{module + "A.weight", {4, 8}}, {module + "B.weight", {8, 2}}}), "[4, 8]");
  refused(checked({{module + "A.weight", {16}}, {module + "B.weight", {8, 2}}}), "[16]");
  refused(checked({{module + "A.weight", {2, 8}, NAN}, {module + "B.weight", {8, 2}}}),
          "no number");
  refused(checked({{module + "A.weight", {2, 8}}, {module + "B.weight", {8, 2}, INFINITY}}),
          "no number");
  refused(checked({{"weight", {2, 8}}}), "no part of a low-rank adapter");
  refused(checked({{"base_model.model.lm_head.lora_A.weight", {2, 8}}}), "`parts`");
  refused(checked({{"base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", {2, 8}}}),
          "its configuration");
  refused(checked({}, 4), "its rank is 4, and 2 was asked for");
  refused(checked({}, 2, 16), "its alpha is 16");
  const auto with = [&](const char* key, const json& value) {
    lora::lora_config plain;
    plain.rank = 2, plain.modules = {"q_proj"};
    auto c = json::parse(lora::write_peft_config(plain));
    c[key] = value;
    return check_adapter(
        {c.dump(), safetensors({{module + "A.weight", {2, 8}}, {module + "B.weight", {8, 2}}})},
        {.rank = 2, .alpha = 32, .parts = {true, true, false}});
  };
  CHECK(why(with("rank_pattern", {{"q_proj", 2}})) == "fine");
  refused(with("rank_pattern", {{"q_proj", 4}}), "the rank of q_proj is 4");
  refused(with("alpha_pattern", {{"q_proj", 64.0}}), "the alpha of q_proj is 64");
  refused(with("use_rslora", true), "sqrt(rank)");
  refused(with("target_modules", std::string(2000, '.')), "too long an expression");
  refused(with("note", std::string(100'000, ' ')), "configuration is too long");
  const auto rude = with("peft_type", "\x1b[2J" + std::string(10'000, 'x'));
  CHECK(why(rude).find('\x1b') == std::string::npos);
  CHECK(why(rude).size() < 400);
  CHECK(!check_adapter({"{", ""}, {}));
  CHECK(!check_adapter({lora::write_peft_config({}), "no tensors"}, {}));
}
