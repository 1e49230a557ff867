// Interaction models on the layers of the published Inkling models: trained a few steps from fresh weights and
// from a checkpoint's, written, loaded, talked to; what does not fit is refused by name.
#include "engine/training/published_start.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <nlohmann/json.hpp>

#include "engine/interaction/model.hpp"
#include "engine/interaction/session.hpp"
#include "engine/language/files/safetensors.hpp"
#include "engine/language/network/open.hpp"
#include "engine/language/network/weights.hpp"
#include "engine/training/echo.test.hpp"

using namespace hocket;
using namespace hocket::engine;
using namespace hocket::engine::test;
namespace fs = std::filesystem;

namespace {

/// The tensors of a safetensors file without those of tests (`parity.`).
std::string without_figures(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::uint64_t size = 0;
  in.read(reinterpret_cast<char*>(&size), sizeof size);
  std::string text(size, '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  const std::string all(std::istreambuf_iterator<char>(in), {});
  const auto whole = nlohmann::json::parse(text);
  nlohmann::json header = nlohmann::json::object();
  std::string bytes;
  for (const auto& [name, tensor] : whole.items()) {
    if (name.starts_with("parity.") || name == "__metadata__") continue;
    const std::size_t begin = tensor["data_offsets"][0], end = tensor["data_offsets"][1];
    header[name] = tensor;
    header[name]["data_offsets"] = {bytes.size(), bytes.size() + end - begin};
    bytes += all.substr(begin, end - begin);
  }
  const auto head = header.dump();
  size = head.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + head + bytes;
}

/// A folder with the fixture of `family` as a checkpoint.
std::string checkpoint(const std::string& family) {
  const auto parity =
      HOCKET_SOURCE_DIR "/engine/language/network/parity/" + family + ".safetensors";
  const auto folder = temporary("hocket_published_start_" + family);
  fs::create_directories(folder);
  const auto file = language::safetensors_set::open(parity);
  REQUIRE(file);
  std::ofstream(folder + "/config.json") << file->metadata().at("config");
  std::ofstream(folder + "/model.safetensors", std::ios::binary) << without_figures(parity);
  return folder;
}

void write_words(const std::string& folder) {
  const std::vector<std::string> words{"a", "b", "c", "d"};
  std::ofstream(folder + "/vocabulary.json") << vocabulary(words).to_json();
}

/// States of both transformers for the same rows: the same numbers.
bool same_states(const network& net, const language::language_model& published) {
  c10::NoGradGuard no_grad;
  at::manual_seed(3);
  const auto x = at::randn({20, net.config().width});
  const row_map rows{.sequences = 1, .length = 20, .streams = {}};
  const auto ours = net.trunk(x, rows);
  const auto theirs = published.weights().trunk.forward(x, rows);
  return ours.sizes() == theirs.sizes() && (ours - theirs).abs().max().item<float>() < 1e-4f &&
         ours.abs().max().item<float>() > 0.1f;
}

std::string problem_of(const std::string& folder) {
  const auto config = on_published_layers(folder, toy().model);
  return config ? "" : config.error().code + " " + config.error().message;
}

/// A micro-turn of silence and the word 1.
micro_turn_input some_input() {
  micro_turn_input in;
  in.audio.assign(4 * 80, 1);
  in.text.push_back(1);
  return in;
}

}  // namespace

TEST_CASE("on a published backbone, with experts, training learns to echo") {
  struct parts {
    int generation, gates = -1, residuals = -1;
  };
  for (const auto& [generation, gates, residuals] :
       {parts{1}, parts{2}, parts{1, 1, 0}, parts{1, 0, 1}, parts{2, 0, 0}}) {
    CAPTURE(generation);
    CAPTURE(gates);
    CAPTURE(residuals);
    auto options = toy();
    options.model.attention.rotary = false, options.model.attention.relative_extent = 40;
    options.model.backbone = {
        .generation = generation, .gates = gates, .residuals = residuals, .experts = 3};
    options.model.feed_forward = 32;
    interaction_trainer trainer(options);
    train_to(trainer, 4);
    const auto first = trainer.take_means();
    train_to(trainer, 20);
    trainer.take_means();
    train_to(trainer, 24);
    const auto last = trainer.take_means();
    CAPTURE(first.loss_text);
    CAPTURE(last.loss_text);
    CHECK(last.loss_text < 0.8 * first.loss_text);
    CHECK(last.loss_heard < 0.8 * first.loss_heard);
  }
}

TEST_CASE("a published checkpoint's layers become an interaction model's, which trains and talks") {
  for (const char* family : {"inkling2", "inkling2_mini_mxfp8"}) {
    CAPTURE(family);
    const auto folder = checkpoint(family);
    CHECK(is_published(folder));
    auto options = toy();
    const auto config = on_published_layers(folder, options.model);
    REQUIRE_MESSAGE(config, config.error().message);
    options.model = *config;
    CHECK(options.model.vocabulary == 8);
    CHECK(options.model.backbone.experts > 1);
    interaction_trainer trainer(options);
    const auto begun = trainer.start_from_published(folder);
    REQUIRE_MESSAGE(begun, begun.error().message);
    const auto out = folder + "/out";
    write_model(trainer, options.model, out, false);
    write_words(out);
    CHECK(!is_published(out));
    const auto fresh = interaction_model::load(out, "cpu");
    REQUIRE_MESSAGE(fresh, fresh.error().message);
    const auto published = language::open_language_model(folder, 0, language::block_types::widened);
    REQUIRE(published);
    CHECK(same_states((*fresh)->net(), **published));
    train_to(trainer, 3);
    write_model(trainer, options.model, out, true);
    const auto trained = interaction_model::load(out, "cpu");
    REQUIRE_MESSAGE(trained, trained.error().message);
    CHECK((*trained)->description().trained_steps == 3);
    CHECK(!same_states((*trained)->net(), **published));
    session talk(*trained, {.seed = 1, .flow_steps = 2});
    for (int k = 0; k < 5; ++k) REQUIRE(talk.append(some_input()));
    fs::remove_all(folder);
  }
}

TEST_CASE("a checkpoint that no interaction model can be like is refused, with what is different") {
  const auto first = checkpoint("inkling");
  CHECK(problem_of(first).find("train.from " + first +
                               "/config.json: the published model's layers "
                               "are none of an interaction model: ") == 0);
  CHECK(problem_of(checkpoint("inkling2_mini")).find("feed_forward: 8 is outside") !=
        std::string::npos);
  const auto llama = checkpoint("llama");
  CHECK(problem_of(llama).find("it is no Inkling model") != std::string::npos);
  CHECK(problem_of(llama + "/nowhere").find("train.from " + llama + "/nowhere/config.json") == 0);
  CHECK(!is_published(llama + "/nowhere"));
  // A network of other sizes, and a damaged file: named, and nothing is taken.
  const auto folder = checkpoint("inkling2");
  auto options = toy();
  interaction_trainer plain(options);
  const auto other = plain.start_from_published(folder);
  REQUIRE(!other);
  CHECK(other.error().message.find(folder +
                                   ": the published model's layers are none of an "
                                   "interaction model: width 48, not 64; layers 4, not 2") == 0);
  options.model = *on_published_layers(folder, options.model);
  interaction_trainer fits(options);
  fs::resize_file(folder + "/model.safetensors", 5000);
  const auto damaged = fits.start_from_published(folder);
  REQUIRE(!damaged);
  CHECK(damaged.error().code == "train.from");
  CHECK(damaged.error().message.find(folder + "/model.safetensors") != std::string::npos);
  for (const char* family : {"inkling", "inkling2", "inkling2_mini", "llama"})
    fs::remove_all(fs::temp_directory_path() / ("hocket_published_start_" + std::string(family)));
}

TEST_CASE(
    "a config that describes more than its file holds is refused before there is a place for it") {
  auto options = toy();
  const interaction_trainer trainer(options);
  const auto folder = temporary("hocket_published_start_absurd");
  options.model.layers = 1024, options.model.width = 65536, options.model.feed_forward = 1 << 20;
  options.model.attention.rotary = false, options.model.attention.relative_extent = 40;
  options.model.backbone = {.generation = 2, .experts = 4096};
  write_model(trainer, options.model, folder, true);
  write_words(folder);
  const auto refused = interaction_model::load(folder, "cpu");
  REQUIRE(!refused);
  CHECK(refused.error().code == "model.bad_weights");
  CHECK(refused.error().message.find("config.json beside it describes over ") != std::string::npos);
  fs::remove_all(folder);
}
