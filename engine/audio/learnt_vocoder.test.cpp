// The learnt vocoder against torch, and what holds for any weights.
#include "engine/audio/learnt_vocoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"

#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

using format = speech_format;
constexpr std::size_t patch = format::patch_size, patch_samples = format::patch_samples;

std::string fixture(const std::string& kind) {
  return std::string(HOCKET_SOURCE_DIR) + "/engine/audio/learnt_vocoder_fixture." + kind;
}

std::shared_ptr<const vocoder_weights> weights() {
  auto opened = vocoder_weights::open(fixture("safetensors"));
  REQUIRE_MESSAGE(opened, opened.error().message);
  return *opened;
}

/// The fixture with its first `count` numbers, or all, replaced.
hocket::result<std::shared_ptr<const vocoder_weights>> with_numbers(float x, std::size_t count) {
  std::ifstream in(fixture("safetensors"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  for (std::size_t at = 8 + header; at < bytes.size() && count > 0; at += sizeof x, --count)
    std::memcpy(bytes.data() + at, &x, sizeof x);
  const auto path = std::filesystem::temp_directory_path() / "hocket-wild-vocoder.safetensors";
  std::ofstream(path, std::ios::binary) << bytes;
  auto opened = vocoder_weights::open(path.string());
  std::filesystem::remove(path);
  return opened;
}

std::vector<float> some_patches(std::size_t count) {
  std::vector<float> out(count * patch);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(0.3 + 0.8 * std::sin(0.37 * double(i % 80) + 0.011 * double(i)));
  return out;
}

/// `lengths`: patches per call.
std::vector<float> pushed(learnt_vocoder& voc, const std::vector<float>& patches,
                          const std::vector<std::uint8_t>& voice,
                          const std::vector<std::size_t>& lengths) {
  std::vector<float> out(voice.size() * patch_samples);
  std::size_t at = 0;
  for (std::size_t i = 0; at < voice.size(); ++i) {
    const std::size_t n = std::min(lengths[i % lengths.size()], voice.size() - at);
    voc.push(std::span(patches).subspan(at * patch, n * patch), std::span(voice).subspan(at, n),
             std::span(out).subspan(at * patch_samples, n * patch_samples));
    at += n;
  }
  return out;
}

}  // namespace

TEST_CASE("the learnt vocoder sounds as in torch") {
  std::ifstream in(fixture("json"));
  const auto expected = nlohmann::json::parse(in);
  const auto mel = expected.at("mel").get<std::vector<float>>();
  const auto sound = expected.at("sound").get<std::vector<float>>();
  learnt_vocoder voc(weights());
  const std::size_t n = mel.size() / patch;
  REQUIRE(sound.size() == n * patch_samples);
  const auto made = pushed(voc, mel, std::vector<std::uint8_t>(n, 1), {n});
  double off = 0, power = 0;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    off = std::max(off, std::abs(double(made[i]) - double(sound[i])));
    power += double(sound[i]) * double(sound[i]) / double(sound.size());
  }
  CHECK(power > 1e-4);
  CHECK(off < 2e-3 * std::sqrt(power));
}

TEST_CASE("the same bits however patches are cut into calls, and in a copy") {
  const auto w = weights();
  const auto patches = some_patches(40);
  std::vector<std::uint8_t> voice(40, 1);
  std::fill(voice.begin() + 13, voice.begin() + 17, 0);  // a pause, and one that forgets
  std::fill(voice.begin() + 22, voice.begin() + 33, 0);
  learnt_vocoder whole(w), fours(w), odd(w);
  const auto expected = pushed(whole, patches, voice, {40});
  CHECK(pushed(fours, patches, voice, {4}) == expected);
  CHECK(pushed(odd, patches, voice, {1, 5, 2}) == expected);
  learnt_vocoder first(w);
  const std::vector<float> head(patches.begin(), patches.begin() + 9 * patch);
  pushed(first, head, std::vector<std::uint8_t>(voice.begin(), voice.begin() + 9), {9});
  learnt_vocoder copy = first;
  const std::vector<float> rest(patches.begin() + 9 * patch, patches.end());
  const std::vector<std::uint8_t> rest_voice(voice.begin() + 9, voice.end());
  const auto made = pushed(copy, rest, rest_voice, {4});
  CHECK(std::equal(made.begin(), made.end(), expected.begin() + 9 * patch_samples));
  CHECK(pushed(first, rest, rest_voice, {3}) == made);
}

TEST_CASE("speech that stops rings out, silence is silence, and what follows is new") {
  learnt_vocoder voc(weights());
  const auto patches = some_patches(20);
  std::vector<std::uint8_t> voice(20, 0);
  std::fill(voice.begin(), voice.begin() + 4, 1);
  std::fill(voice.begin() + 12, voice.begin() + 16, 1);
  auto again = patches;
  std::copy_n(patches.begin(), 4 * patch, again.begin() + 12 * patch);
  const auto made = pushed(voc, again, voice, {4});
  CHECK(*std::max_element(made.begin(), made.begin() + 3200) > 0);
  const auto silent = [&](std::size_t from, std::size_t to) {
    return std::all_of(made.begin() + static_cast<std::ptrdiff_t>(from),
                       made.begin() + static_cast<std::ptrdiff_t>(to),
                       [](float x) { return x == 0; });
  };
  CHECK(silent(3200 + 1024, 12 * patch_samples));
  CHECK(std::equal(made.begin(), made.begin() + 3200, made.begin() + 12 * patch_samples));
  // A gate that is 0 makes silence of any patch.
  learnt_vocoder closed(weights());
  const auto none = pushed(closed, patches, std::vector<std::uint8_t>(20, 0), {4});
  CHECK(std::ranges::all_of(none, [](float x) { return x == 0; }));
}

TEST_CASE("wild patches and wild weights give finite sound") {
  std::vector<float> patches(8 * patch);
  for (std::size_t i = 0; i < patches.size(); ++i) patches[i] = i % 3 == 0 ? 50.0f : -50.0f;
  patches[7] = std::nanf("");
  const auto wild = with_numbers(1e30f, std::string::npos);
  REQUIRE_MESSAGE(wild, wild.error().message);
  for (const auto& w : {weights(), *wild}) {
    learnt_vocoder voc(w);
    const auto made = pushed(voc, patches, std::vector<std::uint8_t>(8, 1), {4});
    CHECK(std::ranges::all_of(made, [](float x) { return std::isfinite(x); }));
  }
  const auto opened = with_numbers(std::nanf(""), 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == "vocoder.weights");
  CHECK(opened.error().message.find("no finite number") != std::string::npos);
}

TEST_CASE("a file that is no vocoder is refused by what is wrong with it") {
  CHECK(vocoder_weights::open("/nowhere/vocoder.safetensors").error().code == "model_file.io");
  std::ifstream in(fixture("safetensors"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const auto at = bytes.find("leave.bias");
  REQUIRE(at != std::string::npos);
  bytes[at] = 'x';
  const auto path = std::filesystem::temp_directory_path() / "hocket-no-vocoder.safetensors";
  std::ofstream(path, std::ios::binary) << bytes;
  const auto opened = vocoder_weights::open(path.string());
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == "vocoder.weights");
  CHECK(opened.error().message.find("leave.bias") != std::string::npos);
  std::filesystem::remove(path);
}
