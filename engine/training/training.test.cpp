// The trainer on a toy source: the loss falls, a run goes on where it stopped, files are refused.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include <ATen/ATen.h>

#include "engine/interaction/model.hpp"
#include "engine/model/tensor_file.hpp"
#include "engine/training/loss.hpp"
#include "engine/training/optimizer.hpp"
#include "engine/training/train.hpp"
#include "engine/training/warm_start.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::engine;

namespace {

/// The person "says" word w as a frame of bin w; the model repeats it one micro-turn later, aloud.
struct echo_source final : example_source {
  training_example make(std::uint64_t index) const override {
    training_example e;
    const std::int64_t k = 12;
    e.micro_turns = k;
    e.audio.assign(k * 4 * 80, 0);
    e.text_in.assign(k, 0), e.text_out.assign(k * 2, 0), e.heard.assign(k * 4, 0);
    e.slipped.assign(k * 2, 0), e.spoken.assign(k * 4, 0);
    e.voice.assign(k * 4, 0), e.speech.assign(k * 4 * 48, 0);
    for (std::int64_t t = index % 2; t + 1 < k; t += 3) {
      const int word = 1 + static_cast<int>((index * 7 + t) % 5);
      for (int c = 0; c < 80; ++c)
        e.audio[(t * 4 + 1) * 80 + c] = static_cast<std::uint8_t>(2 * word);
      e.heard[t * 4 + 1] = word, e.text_out[(t + 1) * 2] = word;
      e.voice[(t + 1) * 4] = 1, e.spoken[(t + 1) * 4] = word;
      for (int j = 0; j < 48; ++j) e.speech[(t + 1) * 4 * 48 + j] = std::sin(word + 0.1f * j);
    }
    return e;
  }
};

train_config toy(const std::string& name) {
  train_config c;
  c.model.width = 64, c.model.layers = 2, c.model.feed_forward = 96, c.model.vocabulary = 8;
  c.model.attention = {.heads = 2, .kv_heads = 2, .head_dim = 32, .window = 40};
  c.model.flow = {.patch = 48, .width = 48, .blocks = 1, .expansion = 2, .condition = 32};
  c.output = (std::filesystem::temp_directory_path() / name).string();
  std::filesystem::remove_all(c.output);
  c.steps = 40, c.warmup_steps = 5, c.decay_steps = 10, c.batch = 4, c.log_every = 10;
  c.frequency_warp = 0;
  return c;
}

named_tensors weights_of(network& net) {
  named_tensors all;
  for (auto& p : net.parameters()) all.emplace_back(p.name, *p.value);
  return all;
}

}  // namespace

TEST_CASE("training learns to echo, and exports what the engine loads") {
  const auto config = toy("hocket_training_test");
  std::vector<train_progress> seen;
  const auto done = train(config, echo_source(), [&](const train_progress& p) {
    seen.push_back(p);
    return true;
  });
  REQUIRE(done);
  REQUIRE(seen.size() == 4);
  CHECK(seen.back().loss_text < 0.5 * seen.front().loss_text);
  CHECK(seen.back().loss_heard < 0.5 * seen.front().loss_heard);
  CHECK(seen.back().rate_scale <= 0.11);
  CHECK(std::filesystem::file_size(config.output + "/curve.csv") > 100);
  REQUIRE(export_model(config.output + "/checkpoint.safetensors", config.output + "/model", true));
  // Its vocabulary is not that of the config: refused, with both numbers.
  std::ofstream(config.output + "/model/vocabulary.json") << vocabulary().to_json();
  const auto refused = interaction_model::load(config.output + "/model", "cpu");
  REQUIRE(!refused);
  CHECK(refused.error().message.find("8 tokens") != std::string::npos);
  const std::vector<std::string> words{"a", "b", "c", "d"};
  std::ofstream(config.output + "/model/vocabulary.json") << vocabulary(words).to_json();
  const auto model = interaction_model::load(config.output + "/model", "cpu");
  REQUIRE(model);
  CHECK((*model)->description().trained_steps == 40);
  CHECK((*model)->description().device == "cpu");
  CHECK(interaction_model::load(config.output + "/model", "cuda:77").error().code ==
        "model.no_device");
  std::filesystem::remove_all(config.output);
}

TEST_CASE("what was said by mistake is read back, but not learnt as an answer") {
  const auto config = toy("hocket_training_slips");
  network net(config.model, 1);
  at::manual_seed(1);
  for (auto& p : net.parameters()) {  // its heads begin at zero and would say nothing
    p.value->data().add_(at::randn(p.value->sizes()), 0.1);
    if (p.weight) ops::refresh_half(*p.weight);
  }
  loss_config losses;
  losses.token_dropout = losses.speech_noise = losses.frequency_warp = 0;
  losses.flow_weight = losses.spoken_weight = 0;
  const auto loss_of = [&](const training_example& e, loss_report& report) {
    return conversation_loss(net, e, losses, 3, report).item<double>();
  };
  auto right = echo_source().make(0);
  loss_report all, without;
  CHECK(loss_of(right, all) > 0);
  auto slipped = right;
  std::size_t slips = 0;
  for (std::size_t i = 0; i < slipped.text_out.size(); ++i)
    if (slipped.text_out[i] != 0) slipped.slipped[i] = 1, ++slips;
  REQUIRE(slips > 0);
  CHECK(loss_of(slipped, without) < 1e3);
  CHECK(all.words == doctest::Approx(slips));
  CHECK(without.words == 0);
  CHECK(without.text != all.text);
  // Another word in the same place is another history, not another target.
  auto other = slipped;
  for (std::size_t i = 0; i < other.text_out.size(); ++i)
    if (other.slipped[i]) other.text_out[i] = 6;
  loss_report elsewhere;
  loss_of(other, elsewhere);
  CHECK(elsewhere.words == 0);
  CHECK(elsewhere.gate != without.gate);
}

TEST_CASE("the voice learns which word it says, if it is asked to") {
  const auto known = [](double weight) {
    auto config = toy("hocket_training_spoken");
    config.steps = 120, config.spoken_weight = weight;
    double recall = 0;
    REQUIRE(train(config, echo_source(), [&](const train_progress& p) {
      recall = p.spoken_recall;
      return true;
    }));
    std::filesystem::remove_all(config.output);
    return recall;
  };
  CHECK(known(4) > 0.9);
  CHECK(known(0) < 0.5);
}

TEST_CASE("where only the voice learns, only the flow head changes") {
  auto config = toy("hocket_training_voice");
  config.workers = 1;
  REQUIRE(train(config, echo_source(), [](const train_progress&) { return true; }));
  network before(config.model, 1), after(config.model, 1);
  const std::string path = config.output + "/checkpoint.safetensors";
  REQUIRE(load_tensors(path, weights_of(before)));
  config.resume = config.only_voice = true;
  config.decay_now = 10;
  REQUIRE(train(config, echo_source(), [](const train_progress&) { return true; }));
  REQUIRE(load_tensors(path, weights_of(after)));
  auto p = before.parameters(), q = after.parameters();
  std::size_t changed = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const bool same = p[i].value->equal(*q[i].value);
    INFO(p[i].name);
    if (p[i].name.find("flow") == std::string::npos) CHECK(same);
    changed += same ? 0 : 1;
  }
  CHECK(changed > 5);
  std::filesystem::remove_all(config.output);
}

TEST_CASE("a stopped run goes on where it was; one worker gives the same bits") {
  auto whole = toy("hocket_training_whole"), parts = toy("hocket_training_parts");
  whole.workers = parts.workers = 1;
  whole.log_every = parts.log_every = 5;
  whole.steps = parts.steps = 20;
  REQUIRE(train(whole, echo_source(), [](const train_progress&) { return true; }));
  REQUIRE(train(parts, echo_source(), [](const train_progress& p) { return p.step < 10; }));
  parts.resume = true;
  std::int64_t first = 0;
  REQUIRE(train(parts, echo_source(), [&](const train_progress& p) {
    if (first == 0) first = p.step;
    return true;
  }));
  CHECK(first == 15);
  network a(whole.model, 1), b(whole.model, 2);
  REQUIRE(load_tensors(whole.output + "/checkpoint.safetensors", weights_of(a)));
  REQUIRE(load_tensors(parts.output + "/checkpoint.safetensors", weights_of(b)));
  auto p = a.parameters(), q = b.parameters();
  for (std::size_t i = 0; i < p.size(); ++i) CHECK(p[i].value->equal(*q[i].value));

  parts.decay_now = 5;  // finish from here
  double last_scale = 1;
  REQUIRE(train(parts, echo_source(), [&](const train_progress& r) {
    last_scale = r.rate_scale;
    return true;
  }));
  CHECK(last_scale == doctest::Approx(0));
  parts.model.layers = 3;
  CHECK(train(parts, echo_source(), [](const train_progress&) { return true; }).error().code ==
        "train.resume");
  std::filesystem::remove_all(whole.output);
  std::filesystem::remove_all(parts.output);
}

TEST_CASE("a warm start finds words by name and slots by role") {
  const auto old_config = toy("hocket_training_old");
  REQUIRE(train(old_config, echo_source(), [](const train_progress&) { return true; }));
  const std::string folder = old_config.output + "/model";
  REQUIRE(export_model(old_config.output + "/checkpoint.safetensors", folder, false));
  const std::vector<std::string> words{"a", "b", "c", "d"}, more{"x", "d", "c", "b", "a", "y"};
  std::ofstream(folder + "/vocabulary.json") << vocabulary(words).to_json();
  const auto old = interaction_model::load(folder, "cpu");
  REQUIRE(old);

  auto config = old_config.model;
  config.vocabulary = 10, config.layout.video = 1, config.attention.rotary_shared = true;
  network net(config, 7);
  REQUIRE(warm_start(net, vocabulary(more), folder));
  std::map<std::string, at::Tensor> mine, theirs;
  for (auto& p : net.parameters()) mine[p.name] = *p.value;
  network original = (*old)->net();
  for (auto& p : original.parameters()) theirs[p.name] = *p.value;
  CHECK(mine["layers.1.feed.up"].equal(theirs["layers.1.feed.up"]));
  CHECK(mine["head.text"][8].equal(theirs["head.text"][4]));      // a
  CHECK(mine["embed.token"][5].equal(theirs["embed.token"][7]));  // d
  CHECK(mine["head.text"][4].abs().sum().item<double>() == 0);    // x is new
  CHECK(mine["embed.slot"][3].equal(theirs["embed.slot"][3]));    // audio
  CHECK(mine["embed.slot"][5].equal(theirs["embed.slot"][4]));    // text in
  CHECK(mine["embed.slot"][11].equal(theirs["embed.slot"][10]));  // speech
  CHECK(mine["embed.no_video"].equal(mine["embed.token"][0]));

  config.feed_forward = 128;
  network wider(config, 7);
  const auto refused = warm_start(wider, vocabulary(more), folder);
  REQUIRE(!refused);
  CHECK(refused.error().code == "train.from");
  CHECK(refused.error().message.find("layers.0.feed.up") != std::string::npos);
  CHECK(!warm_start(net, vocabulary(more), old_config.output + "/nothing"));
  std::filesystem::remove_all(old_config.output);
}

TEST_CASE("Muon steps are near orthogonal, whatever the gradient's scale") {
  const auto config = toy("hocket_training_none");
  network net(config.model, 1);
  optimizer opt(net, {.matrix_rate = 1, .matrix_decay = 0});
  std::vector<at::Tensor> before;
  for (const auto& p : opt.parameters()) before.push_back(p.value->clone());
  for (std::size_t i = 0; i < opt.size(); ++i) {
    const auto& p = opt.parameters()[i];
    if (p.kind != parameter_kind::hidden || p.pieces != 1) continue;
    CAPTURE(p.name);
    opt.update(i, at::randn_like(*p.value) * 1e-3, 1, 1, 1);
    const auto step = (*p.value - before[i]).to(at::kDouble);
    const double columns = static_cast<double>(std::min(step.size(0), step.size(1)));
    const double shape = std::max(1.0, static_cast<double>(step.size(0)) / step.size(1));
    // Singular values between about 0.7 and 1.2: the mean square is near 1.
    const double mean = step.square().sum().item<double>() / columns / shape;
    CHECK(mean > 0.4);
    CHECK(mean < 1.5);
  }
}
