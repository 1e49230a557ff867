// Inkling 2's picture tower against Hugging Face transformers; parity/make_fixtures.py makes the fixtures.
#include "engine/language/vision/vision_tower.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "engine/language/files/safetensors.hpp"
#include "tests/support/larger.hpp"

#include <doctest/doctest.h>

using namespace hocket::language;
using nlohmann::json;

namespace {

const std::string folder = HOCKET_SOURCE_DIR "/engine/language/vision/parity/";

std::vector<std::uint8_t> pixels(std::int64_t height, std::int64_t width) {
  std::uint64_t state = 12345;
  std::vector<std::uint8_t> out;
  for (std::int64_t i = 0; i < height * width * 3; ++i) {
    state = (1103515245 * state + 12345) % (std::uint64_t{1} << 31);
    out.push_back(static_cast<std::uint8_t>((state >> 15) % 256));
  }
  return out;
}

struct fixture {
  safetensors_set file;
  json config;
  std::vector<stored_weights> tensors;  ///< of the tower

  const stored_weights& tensor(const std::string& name) const {
    for (const auto& t : file.tensors())
      if (t.name == name) return t;
    FAIL("no tensor " << name);
    return file.tensors()[0];
  }
  std::vector<float> floats(const std::string& name) const {
    const auto& t = tensor(name);
    REQUIRE(t.type == tensor_type::f32);
    std::vector<float> out(t.bytes.size() / sizeof(float));
    std::memcpy(out.data(), t.bytes.data(), t.bytes.size());
    return out;
  }
};

fixture load(const std::string& name) {
  auto file = safetensors_set::open(folder + name + ".safetensors");
  REQUIRE_MESSAGE(file, file.error().message);
  auto config = json::parse(file->metadata().at("config"));
  fixture f{std::move(*file), std::move(config), {}};
  for (const auto& t : f.file.tensors())
    if (!t.name.starts_with("parity.")) f.tensors.push_back(t);
  return f;
}

double largest_difference(const std::vector<float>& got, const std::vector<float>& want) {
  REQUIRE(got.size() == want.size());
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    worst = hocket::testing::larger(worst, std::abs(double{got[i]} - want[i]));
  return worst;
}

std::string refusal(const hocket::result<void>& outcome) {
  return outcome ? "" : outcome.error().code + " " + outcome.error().message;
}

}  // namespace

TEST_CASE("parity.inkling2_vision: pieces and the rows of a decoder are those of transformers") {
  double worst = 0;
  for (const std::string name : {"tower", "tower_biased"}) {
    CAPTURE(name);
    const auto f = load(name);
    const auto config = read_vision_config(f.config.dump());
    REQUIRE_MESSAGE(config, config.error().message);
    const auto tower = vision_tower::read(*config, f.tensors);
    REQUIRE_MESSAGE(tower, tower.error().message);
    const auto sizes = json::parse(f.file.metadata().at("pictures"));
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const std::int64_t height = sizes[i][0], width = sizes[i][1];
      CAPTURE(height);
      const auto picture = cut_picture(pixels(height, width), height, width, *config);
      REQUIRE_MESSAGE(picture, picture.error().message);
      if (i == 0) CHECK(largest_difference(picture->pixels, f.floats("parity.0.pieces")) < 1e-6);
      const auto seen = tower->see(*picture);
      REQUIRE_MESSAGE(seen, seen.error().message);
      worst = hocket::testing::larger(
          worst, largest_difference(*seen, f.floats("parity." + std::to_string(i) + ".seen")));
      CHECK(*tower->see(*picture) == *seen);
    }
  }
  MESSAGE("parity.inkling2_vision.max_abs " << worst);
  CHECK(worst < 1e-4);
}

TEST_CASE("towers of the published sizes have the names and shapes that transformers writes") {
  std::ifstream file(folder + "published_sizes.json");
  const auto all = json::parse(file);
  for (const auto& [name, model] : all.items()) {
    CAPTURE(name);
    const auto config = read_vision_config(model.at("vision_config").dump());
    REQUIRE_MESSAGE(config, config.error().message);
    CHECK(config->layers == 23);
    CHECK(config->piece() == 40);
    CHECK(config->out == (name == "inkling2" ? 4608 : 2304));
    std::vector<tensor_header> headers{{"model.llm.embed.weight", "BF16", {96, 48}}};
    for (const auto& [tensor, shape] : model.at("shapes").items())
      headers.push_back({tensor, "BF16", shape.get<std::vector<std::int64_t>>()});
    CHECK(headers.size() == 1 + vision_tensors(*config).size());
    CHECK(refusal(check_vision_tensors(*config, headers)) == "");
    // Each header is looked at: gone, another shape, one more beside it.
    for (std::size_t i = 1; i < headers.size(); i += 7) {
      const auto& t = headers[i];
      CAPTURE(t.name);
      auto without = headers, other = headers, more = headers;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      CHECK(refusal(check_vision_tensors(*config, without)) ==
            "model.missing_tensor weights: no tensor " + t.name);
      other[i].shape[0] += 1;
      CHECK(refusal(check_vision_tensors(*config, other))
                .starts_with("model.bad_shape weights: " + t.name + " is ["));
      more.push_back({t.name + ".more", "BF16", {1}});
      CHECK(refusal(check_vision_tensors(*config, more)) ==
            "model.unknown_tensor weights: the config has no place for " + t.name + ".more [1]");
    }
  }
}

TEST_CASE(
    "a config that contradicts the tower or itself is refused by its key, before any reading") {
  const auto f = load("tower");
  const auto with = [&](const char* key, const json& value) {
    auto config = f.config;
    config["vision_config"][key] = value;
    const auto read = read_vision_config(config.dump());
    if (!read) return read.error().code + " " + read.error().message;
    const auto tower = vision_tower::read(*read, f.tensors);
    return tower ? "" : tower.error().code + " " + tower.error().message;
  };
  const std::string config = "model.bad_config the model's config: vision_config.";
  CHECK(with("hidden_size", 32) == "");
  CHECK(with("hidden_size", 64) ==
        "model.bad_shape weights: model.visual.backbone.embeddings.class_embedding is [32], the "
        "config needs [64]");
  CHECK(with("num_hidden_layers", 2) ==
        "model.unknown_tensor weights: the config has no place for "
        "model.visual.backbone.layers.2.ln_1.bias [32]");
  CHECK(with("num_hidden_layers", 4) ==
        "model.missing_tensor weights: no tensor model.visual.backbone.layers.3.ln_1.weight");
  CHECK(with("projector_bias", true) ==
        "model.missing_tensor weights: no tensor model.visual.proj_in.bias");
  CHECK(with("num_hidden_layers", 1 << 20) ==
        config + "num_hidden_layers: 1048576 is no integer from 1 to 512");
  CHECK(with("patch_size", 0) == config + "patch_size: 0 is no integer from 1 to 256");
  CHECK(with("num_attention_heads", 3).starts_with(config + "num_attention_heads: 3 heads of 32"));
  CHECK(with("num_channels", 4) == config + "num_channels: 4 is no integer from 3 to 3");
  CHECK(with("hidden_act", "relu") == config + "hidden_act: `relu` is not supported; gelu is");
  CHECK(with("rope_parameters", {{"rope_type", "yarn"}}) ==
        config + "rope_parameters: rope_type: `yarn` is not supported; axial is");
  CHECK(with("model_type", "inkling_vision") ==
        config + "model_type: `inkling_vision` is not supported; inkling2_vision is");
  CHECK(with("text_hidden_size", 24) ==
        config + "text_hidden_size: is 24, text_config.hidden_size is 20");
  CHECK(with("native_patch_size", 4) == "");
  CHECK(with("native_patch_size", 5) == config + "native_patch_size: is 5, patch_size is 4");
  CHECK(with("adapter_merge_size", 3) ==
        config + "adapter_merge_size: is 3, spatial_merge_size is 2");
  auto other = f.config;
  other["text_config"] = "20";
  CHECK(read_vision_config(other.dump()).error().message ==
        "the model's config: text_config: is no object");
  CHECK(!read_vision_config("{"));
  CHECK(!read_vision_config("[]"));
  CHECK(!read_vision_config(R"({"vision_config": 3})"));
}

TEST_CASE("what is no picture is refused, and absurd sizes before anything is made") {
  const auto f = load("tower");
  const auto config = *read_vision_config(f.config.dump());
  const auto tower = *vision_tower::read(config, f.tensors);
  const std::vector<std::uint8_t> bytes(36);  // 4 x 3
  REQUIRE(cut_picture(bytes, 3, 4, config));
  for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {4, 4}, {0, 4}, {-3, -4}, {std::int64_t{1} << 62, 4}, {12, 3}})
    CHECK(cut_picture(bytes, height, width, config)
              .error()
              .message.starts_with("36 bytes are no picture of "));
  const std::int64_t wide = vision_tower::most_pieces * config.piece() + 1;
  const std::vector<std::uint8_t> strip(static_cast<std::size_t>(wide * 3));
  CHECK(cut_picture(strip, 1, wide, config).error().message ==
        "a picture of 1 x 4097 pieces: at most 4096 are looked at; make it smaller first");
  CHECK(tower.see({1 << 30, 1 << 30, {}}).error().message.find("at most 4096") !=
        std::string::npos);
  CHECK(tower.see({0, 3, {}}).error().code == "model.bad_input");
  CHECK(tower.see({2, 2, std::vector<float>(5)}).error().message ==
        "5 numbers are no pieces of 8 x 8 pixels, 2 x 2");
  // Large patches, or many in a piece, take as much of a picture and no more.
  for (const auto& [patch, merge, most] :
       std::vector<std::array<int, 3>>{{256, 16, 1}, {256, 1, 100}, {1, 16, 64}, {1, 1, 4096}}) {
    auto large = config;
    large.patch = patch, large.merge = merge;
    const std::int64_t side = large.piece() * most + 1;
    const std::vector<std::uint8_t> thin(static_cast<std::size_t>(side * 3));
    CHECK(cut_picture(thin, side, 1, large).error().message ==
          "a picture of " + std::to_string(most + 1) + " x 1 pieces: at most " +
              std::to_string(most) + " are looked at; make it smaller first");
  }
}
