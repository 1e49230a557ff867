// Experts of few bits as Inkling checkpoints have them: the numbers that numpy makes of their bits, the logits
// of transformers on these; what contradicts itself is named.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "engine/language/files/microscaling.hpp"
#include "engine/language/files/safetensors.hpp"
#include "engine/language/network/model.hpp"
#include "tests/support/larger.hpp"

#include <doctest/doctest.h>

using namespace hocket::language;

namespace {

const std::string first = "model.llm.layers.0.mlp.experts.w13_weight";

struct fixture {
  safetensors_set file;
  network_config config;
  std::vector<stored_weights> weights, figures;

  const stored_weights& named(const std::string& name) const {
    for (const auto* all : {&weights, &figures})
      if (const auto at = std::ranges::find(*all, name, &stored_weights::name); at != all->end())
        return *at;
    FAIL("no tensor " << name);
    return weights[0];
  }
  template <class T>
  std::vector<T> numbers(const std::string& name) const {
    const auto& w = named(name);
    const auto* from = reinterpret_cast<const T*>(w.bytes.data());
    return {from, from + w.bytes.size() / sizeof(T)};
  }
};

fixture load(const std::string& bits) {
  auto file = safetensors_set::open(
      HOCKET_SOURCE_DIR "/engine/language/network/parity/inkling2_mini_" + bits + ".safetensors");
  REQUIRE_MESSAGE(file, file.error().message);
  auto config = read_network_config(file->metadata().at("config"));
  REQUIRE_MESSAGE(config, config.error().message);
  fixture f{std::move(*file), std::move(*config), {}, {}};
  for (const auto& t : f.file.tensors())
    (t.name.starts_with("parity.") ? f.figures : f.weights).push_back(t);
  return f;
}

}  // namespace

TEST_CASE("MXFP8 and NVFP4 experts are the numbers that their bits stand for") {
  for (const std::string bits : {"mxfp8", "nvfp4"}) {
    CAPTURE(bits);
    const auto f = load(bits);
    const auto want = f.numbers<float>("parity.expert");  // the second of three
    std::vector<float> got(want.size());
    const auto second = [&](const std::string& end) {
      const auto all = f.named(first + end).bytes;
      return all.subspan(all.size() / 3, all.size() / 3);
    };
    if (bits == "mxfp8") {
      REQUIRE(read_mxfp8(second(""), second("_scale"), got));
    } else {
      const auto factor = f.numbers<float>(first + "_amax")[1] /
                          f.numbers<float>(first + "_outer_scale_denominator")[1];
      REQUIRE(read_nvfp4(second(""), second("_scale"), factor, got));
    }
    CHECK(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)) == 0);
    CHECK(!read_mxfp8(second(""), second("_scale").subspan(1), got));
    CHECK(!read_nvfp4(second("").subspan(1), second("_scale"), 1, got));
  }
  CHECK(float_of_e4m3(0x7e) == 448);
  CHECK(float_of_e4m3(0x81) == -0x1p-9f);
  CHECK(std::isnan(float_of_e4m3(0xff)));
}

TEST_CASE("checkpoints of few bits give the logits of transformers on the same numbers") {
  for (const std::string bits : {"mxfp8", "nvfp4"}) {
    CAPTURE(bits);
    const auto f = load(bits);
    const auto model = language_model::build(f.config, f.weights);
    REQUIRE_MESSAGE(model, model.error().message);
    const auto tokens = f.numbers<std::int32_t>("parity.tokens");
    const auto want = f.numbers<float>("parity.logits");
    language_sequence whole(*model), steps(*model);
    const reading all{&whole, tokens, scores_of::every};
    const auto got = read_batch({&all, 1});
    REQUIRE(got);
    REQUIRE((*got)[0].size() == want.size());
    double worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      worst = hocket::testing::larger(worst, std::abs(static_cast<double>((*got)[0][i]) - want[i]));
    }
    MESSAGE("parity.inkling2_mini_" << bits << ".max_abs " << worst);
    CHECK(worst < 1e-4);
    std::vector<float> one_by_one;
    for (const auto& token : tokens) {
      const auto next = steps.append({&token, 1});
      REQUIRE(next);
      one_by_one.insert(one_by_one.end(), next->begin(), next->end());
    }
    CHECK(one_by_one == (*got)[0]);
  }
}

TEST_CASE("checkpoints of few bits: what contradicts itself is refused with the tensor's name") {
  for (const std::string bits : {"mxfp8", "nvfp4"}) {
    CAPTURE(bits);
    const auto good = load(bits);
    std::vector<std::byte> bytes;
    const auto refusal = [&](const std::string& end,
                             const std::function<bool(stored_weights&)>& change) {
      auto weights = good.weights;
      const auto at = std::ranges::find(weights, first + end, &stored_weights::name);
      REQUIRE(at != weights.end());
      if (!change(*at)) weights.erase(at);
      const auto model = language_model::build(good.config, weights);
      return model ? std::string("none") : model.error().code + " " + model.error().message;
    };
    const auto with_byte = [&](std::byte value) {
      return [&bytes, value](stored_weights& t) {
        bytes.assign(t.bytes.begin(), t.bytes.end());
        bytes[3] = value;
        t.bytes = bytes;
        return true;
      };
    };
    CHECK(refusal("_scale", [](auto&) {
            return false;
          }).find("model.missing_tensor weights: no tensor " + first + "_scale") == 0);
    CHECK(refusal("_scale", [](auto& t) {
            return t.shape.back() += 1, true;
          }).find("model.bad_shape weights: " + first + "_scale is [3, 64, ") == 0);
    CHECK(refusal("_scale", with_byte(std::byte{255})) ==
          "model_file.bad_tensor weights: " + first + ": the scale 255 is no number");
    CHECK(refusal("", [](auto& t) { return t.type = tensor_type::i8, true; }).find(first) !=
          std::string::npos);
    if (bits == "mxfp8") {
      CHECK(refusal("", with_byte(std::byte{127})) ==
            "model_file.bad_tensor weights: " + first + ": the code 127 is no number");
      continue;
    }
    const float nothing = 0;
    CHECK(refusal("_outer_scale_denominator", [&](stored_weights& t) {
            bytes.assign(t.bytes.begin(), t.bytes.end());
            std::memcpy(bytes.data() + 4, &nothing, sizeof nothing);
            return t.bytes = bytes, true;
          }).find("_amax: a factor is no number") != std::string::npos);
  }
}
