// Inkling's front ends against Hugging Face transformers; parity/make_fixtures.py makes the fixture.
#include "engine/interaction/published_inputs.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "engine/audio/dmel.hpp"
#include "tests/support/larger.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket::engine;
using nlohmann::json;

namespace {

std::vector<std::uint32_t> numbers(std::size_t count) {
  std::uint64_t state = 12345;
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < count; ++i) {
    state = (1103515245 * state + 12345) % (std::uint64_t{1} << 31);
    out.push_back(static_cast<std::uint32_t>(state >> 15));
  }
  return out;
}

std::vector<float> sound() {
  constexpr int divisors[] = {1024, 64, 4, 1, 16};
  std::vector<float> out;
  for (const auto v : numbers(10100)) {
    const double level =
        std::floor((static_cast<double>(v) - 32768) / divisors[out.size() / 1700 % 5]);
    out.push_back(static_cast<float>(level / 32768.0));
  }
  return out;
}

struct fixture {
  safetensors_file file;
  json sizes;
  published_inputs_config config;
};

fixture load() {
  auto file =
      safetensors_file::open(HOCKET_SOURCE_DIR "/engine/interaction/parity/inputs.safetensors");
  REQUIRE(file);
  auto sizes = json::parse(file->metadata().at("sizes"));
  published_inputs_config c;
  c.width = sizes["width"], c.patch = sizes["patch"], c.patch_frames = sizes["patch_frames"];
  c.layers = sizes["layers"];
  return {std::move(*file), std::move(sizes), c};
}

std::vector<float> floats(const safetensors_file& file, const char* name) {
  const auto* t = file.find(name);
  REQUIRE(t);
  const auto* from = reinterpret_cast<const float*>(t->data.data());
  return {from, from + t->data.size() / sizeof(float)};
}

double largest_difference(const at::Tensor& got, const std::vector<float>& want) {
  const auto flat = got.contiguous();
  REQUIRE(flat.numel() == static_cast<std::int64_t>(want.size()));
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    worst = hocket::testing::larger(worst, std::abs(double{flat.data_ptr<float>()[i]} - want[i]));
  return worst;
}

}  // namespace

TEST_CASE("parity.dmel: levels and their embedding are those of an independent implementation") {
  const auto f = load();
  const auto frames = dmel_of(sound());
  const auto* want = f.file.find("parity.frames");
  REQUIRE(want);
  REQUIRE(frames.size() == want->data.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < frames.size(); ++i)
    wrong += frames[i] != static_cast<std::uint8_t>(want->data[i]);
  CHECK(wrong == 0);
  const auto inputs = published_inputs::read(f.file, f.config);
  REQUIRE_MESSAGE(inputs, inputs.error().message);
  const auto heard = inputs->sound(frames);
  REQUIRE(heard);
  const double error = largest_difference(*heard, floats(f.file, "parity.heard"));
  MESSAGE("parity.dmel.max_abs " << error);
  CHECK(error < 1e-4);
  // 200 ms at a time, the same bits.
  const std::size_t chunk = 4 * dmel_format::channels;
  std::vector<at::Tensor> parts;
  for (std::size_t at = 0; at < frames.size(); at += chunk)
    parts.push_back(
        *inputs->sound(std::span(frames).subspan(at, std::min(chunk, frames.size() - at))));
  CHECK(at::cat(parts, 0).equal(*heard));
}

TEST_CASE("parity.hmlp: patches and what the MLP makes of them are those of an independent one") {
  const auto f = load();
  const std::int64_t height = f.sizes["height"], width = f.sizes["picture_width"];
  std::vector<std::uint8_t> pixels;
  for (const auto v : numbers(static_cast<std::size_t>(height * width * 3)))
    pixels.push_back(static_cast<std::uint8_t>(v % 256));
  const auto cut = picture_patches(pixels, height, width, f.config);
  REQUIRE_MESSAGE(cut, cut.error().message);
  const auto& patches = *cut;
  CHECK(largest_difference(patches, floats(f.file, "parity.patches")) < 1e-5);
  const auto inputs = published_inputs::read(f.file, f.config);
  REQUIRE_MESSAGE(inputs, inputs.error().message);
  const auto seen = inputs->picture(patches);
  REQUIRE(seen);
  const double error = largest_difference(*seen, floats(f.file, "parity.seen"));
  MESSAGE("parity.hmlp.max_abs " << error);
  CHECK(error < 1e-4);
  for (std::int64_t i = 0; i < patches.size(0); ++i)
    CHECK(inputs->picture(patches.slice(0, i, i + 1))->equal(seen->slice(0, i, i + 1)));
}

TEST_CASE("the folds of a patch are those that the published planner chooses") {
  const auto f = load();
  for (const auto& plan : json::parse(f.file.metadata().at("plans"))) {
    CAPTURE(plan.dump());
    published_inputs_config c{.width = 4096};
    c.patch = plan["patch"], c.patch_frames = plan["frames"], c.layers = plan["layers"];
    const auto folds = plan_picture_folds(c);
    REQUIRE(folds.size() == plan["folds"].size());
    for (std::size_t i = 0; i < folds.size(); ++i) {
      const auto& want = plan["folds"][i];
      CHECK(folds[i] == picture_fold{want[0], want[1], want[2], want[3]});
    }
  }
}

TEST_CASE("front ends that do not fit their weights or their input are refused by name") {
  const auto f = load();
  const auto refusal = [&](auto change) {
    auto c = f.config;
    change(c);
    const auto read = published_inputs::read(f.file, c);
    return read ? std::string() : read.error().code + " " + read.error().message;
  };
  CHECK(refusal([](auto& c) { c.width = 0; }) ==
        "model.bad_config the model's config: text_hidden_size: 0 is no integer from 1 to 65536");
  CHECK(refusal([](auto& c) { c.patch = 1 << 20; }).find("patch_size: 1048576") !=
        std::string::npos);
  CHECK(refusal([](auto& c) { c.dmel_levels = 256; }) ==
        "model.bad_shape weights: model.audio.encoder.weight is [1280, 24], the config needs "
        "[20480, 24]");
  CHECK(refusal([](auto& c) { c.layers = 4; }).find("model.visual.layers.") != std::string::npos);
  const auto inputs = published_inputs::read(f.file, f.config);
  REQUIRE(inputs);
  const std::vector<std::uint8_t> odd(81), high(80, 16);
  CHECK(inputs->sound(odd).error().message == "81 levels are no frames of 80");
  CHECK(inputs->sound(high).error().message == "level 16: there are 16");
  CHECK(inputs->picture(at::zeros({1, 2, 6, 7, 3})).error().code == "model.bad_input");
  const std::vector<std::uint8_t> pixels(36);  // 4 x 3
  REQUIRE(picture_patches(pixels, 3, 4, f.config));
  const auto no_picture = [&](std::int64_t height, std::int64_t width, std::size_t bytes) {
    return picture_patches(std::span(pixels).first(bytes), height, width, f.config).error().message;
  };
  CHECK(no_picture(3, 4, 35) == "35 bytes are no picture of 4 x 3 pixels of 3 bytes");
  for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {4, 4}, {3, 3}, {0, 4}, {-3, -4}, {std::int64_t{1} << 62, 4}, {12, 3}})
    CHECK(no_picture(height, width, 36).find("are no picture") != std::string::npos);
  CHECK(no_picture(0, 0, 0).find("are no picture") != std::string::npos);
  auto other = f.config;
  other.patch = 0;
  CHECK(picture_patches(pixels, 3, 4, other).error().message.find("patch_size: 0") !=
        std::string::npos);
  other = f.config, other.colours = 1;
  CHECK(picture_patches(pixels, 3, 4, other).error().message ==
        "the model's config: num_channels: 1, and pictures have 3");
}
