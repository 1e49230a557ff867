// The trainer on a toy source: the loss falls, a run goes on where it stopped, what does not fit is
// refused.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include <ATen/ATen.h>

#include "engine/interaction/model.hpp"
#include "engine/training/echo.test.hpp"
#include "engine/training/interaction_trainer.hpp"
#include "engine/training/loss.hpp"
#include "engine/training/optimizer.hpp"
#include "engine/training/warm_start.hpp"
#include "engine/transformer/tensor_file.hpp"

using namespace hocket;
using namespace hocket::engine;
using namespace hocket::engine::test;

namespace {

safetensors_file in_memory(const tensor_set& set) {
  const auto path = (std::filesystem::temp_directory_path() / "hocket_training_test.safetensors");
  REQUIRE(write_safetensors(path.string(), set.tensors, set.metadata));
  auto file = safetensors_file::open(path.string());
  REQUIRE(file);
  std::filesystem::remove(path);
  return std::move(*file);
}

}  // namespace

TEST_CASE("training learns to echo, and exports what the engine loads") {
  const auto options = toy();
  interaction_trainer trainer(options);
  train_to(trainer, 10);
  const auto first = trainer.take_means();
  train_to(trainer, 30);
  trainer.take_means();
  train_to(trainer, 40);
  const auto last = trainer.take_means();
  CHECK(last.loss_text < 0.5 * first.loss_text);
  CHECK(last.loss_heard < 0.5 * first.loss_heard);
  const auto folder = temporary("hocket_training_export");
  write_model(trainer, options.model, folder, true);
  // Its vocabulary is not that of the config: refused, with both numbers.
  std::ofstream(folder + "/vocabulary.json") << vocabulary().to_json();
  const auto refused = interaction_model::load(folder, "cpu");
  REQUIRE(!refused);
  CHECK(refused.error().message.find("8 tokens") != std::string::npos);
  const std::vector<std::string> words{"a", "b", "c", "d"};
  std::ofstream(folder + "/vocabulary.json") << vocabulary(words).to_json();
  const auto model = interaction_model::load(folder, "cpu");
  REQUIRE(model);
  CHECK((*model)->description().trained_steps == 40);
  CHECK((*model)->description().weights == "BF16");
  CHECK((*model)->description().device == "cpu");
  CHECK(interaction_model::load(folder, "cuda:77").error().code == "model.no_device");
  std::filesystem::remove_all(folder);
}

TEST_CASE("what was said by mistake is read back, but not learnt as an answer") {
  const auto config = toy();
  network net(config.model, 1);
  at::manual_seed(1);
  for (auto& p : net.parameters()) {  // its heads begin at zero and would say nothing
    p.value->data().add_(at::randn(p.value->sizes()), 0.1);
    if (p.weight) ops::refresh_half(*p.weight);
  }
  loss_config losses;
  losses.token_dropout = losses.speech_noise = losses.frequency_warp = 0;
  losses.flow_weight = losses.spoken_weight = 0;
  const auto loss_of = [&](const conversation_arrays& e, loss_sums& sums) {
    return conversation_loss(net, e, losses, 3, sums).item<double>();
  };
  auto right = echo(0);
  loss_sums all, without;
  CHECK(loss_of(right, all) > 0);
  auto slipped = right;
  std::size_t slips = 0;
  for (std::size_t i = 0; i < slipped.text_out.size(); ++i)
    if (slipped.text_out[i] != 0) slipped.slipped[i] = 1, ++slips;
  REQUIRE(slips > 0);
  CHECK(loss_of(slipped, without) < 1e3);
  CHECK(all["words"] == doctest::Approx(slips));
  CHECK(without["words"] == 0);
  CHECK(without["text"] != all["text"]);
  // Another word in the same place is another history, not another target.
  auto other = slipped;
  for (std::size_t i = 0; i < other.text_out.size(); ++i)
    if (other.slipped[i]) other.text_out[i] = 6;
  loss_sums elsewhere;
  loss_of(other, elsewhere);
  CHECK(elsewhere["words"] == 0);
  CHECK(elsewhere["gate"] != without["gate"]);
}

TEST_CASE("the voice learns which word it says, if it is asked to") {
  const auto known = [](double weight) {
    auto options = toy();
    options.spoken_weight = weight;
    interaction_trainer trainer(options);
    train_to(trainer, 110);
    trainer.take_means();
    train_to(trainer, 120);
    return trainer.take_means().spoken_recall;
  };
  CHECK(known(4) > 0.9);
  CHECK(known(0) < 0.5);
}

TEST_CASE("where only the voice learns, only the flow head changes") {
  auto options = toy();
  interaction_trainer all(options);
  train_to(all, 10);
  const auto before = in_memory(all.save());
  options.only_voice = true;
  interaction_trainer voice(options);
  REQUIRE(voice.restore(before));
  train_to(voice, 20);
  const auto after = voice.save();
  std::size_t changed = 0;
  for (const auto& t : after.tensors) {
    INFO(t.name);
    const auto was = before.find(t.name)->data;
    const bool same = std::equal(was.begin(), was.end(), t.data.begin(), t.data.end());
    if (t.name.find("flow") == std::string::npos) CHECK(same);
    changed += same ? 0 : 1;
  }
  CHECK(changed > 5);
}

TEST_CASE("a stopped run goes on where it was; one worker gives the same bits") {
  auto options = toy();
  options.workers = 1;
  interaction_trainer whole(options), begun(options);
  train_to(whole, 20);
  train_to(begun, 10);
  const auto checkpoint = in_memory(begun.save());
  options.seed = 1;
  interaction_trainer resumed(options);
  REQUIRE(resumed.restore(checkpoint));
  CHECK(resumed.steps() == 10);
  train_to(resumed, 20);
  const auto a = whole.save(), b = resumed.save();
  REQUIRE(a.tensors.size() == b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    INFO(a.tensors[i].name);
    const auto x = a.tensors[i].data, y = b.tensors[i].data;
    CHECK(std::equal(x.begin(), x.end(), y.begin(), y.end()));
  }
  CHECK(a.metadata == b.metadata);
  options.model.layers = 3;
  CHECK(interaction_trainer(options).restore(checkpoint).error().code == "model.missing_tensor");
}

TEST_CASE(
    "an average of the weights is kept, saved, exported, and changes nothing that is learnt") {
  auto options = toy();
  options.workers = 1;
  interaction_trainer plain(options);
  train_to(plain, 20);
  options.average = 0.9;
  interaction_trainer whole(options), begun(options);
  train_to(whole, 20);
  train_to(begun, 10);
  interaction_trainer resumed(options);
  REQUIRE(resumed.restore(in_memory(begun.save())));
  train_to(resumed, 20);
  const auto without = in_memory(plain.save()), a = in_memory(whole.save());
  const auto b = in_memory(resumed.save()), out = in_memory(whole.export_weights(false));
  const auto same = [](const stored_tensor* x, const stored_tensor* y) {
    REQUIRE(x);
    REQUIRE(y);
    return std::ranges::equal(x->data, y->data);
  };
  std::size_t moved = 0;
  for (const auto& t : without.tensors()) {
    INFO(t.name);
    CHECK(same(&t, a.find(t.name)));
    CHECK(same(&t, b.find(t.name)));
    const auto* average = a.find("average." + t.name);
    if (!average) continue;  // a moment
    CHECK(same(average, b.find("average." + t.name)));
    CHECK(same(average, out.find(t.name)));
    moved += same(&t, average) ? 0 : 1;
  }
  CHECK(moved > 5);
  auto odd = begun.save();
  odd.metadata["averaged"] = "-9";
  CHECK(interaction_trainer(options).restore(in_memory(odd)).error().code ==
        "train.bad_checkpoint");
  // A run that kept none so far begins with the weights of its checkpoint.
  interaction_trainer later(options);
  REQUIRE(later.restore(without));
  const auto first = in_memory(later.export_weights(false));
  for (const auto& t : first.tensors()) CHECK(same(&t, without.find(t.name)));
}

TEST_CASE(
    "an example is tensors by name, and one that does not fit is refused "
    "by name") {
  const auto config = toy().model;
  auto arrays = echo(3);
  const auto example = to_example(arrays, "synthetic");
  const auto back = read_example(example, config);
  REQUIRE(back);
  CHECK(back->micro_turns == 12);
  CHECK(back->audio == arrays.audio);
  CHECK(back->heard == arrays.heard);
  CHECK(back->speech == arrays.speech);
  const auto refusal = [&](auto change) {
    auto bad = example;
    change(bad.tensors);
    const auto read = read_example(bad, config);
    return read ? std::string() : read.error().code + " " + read.error().message;
  };
  const auto drop = [](const char* name) {
    return
        [name](auto& tensors) { std::erase_if(tensors, [&](auto& t) { return t.first == name; }); };
  };
  CHECK(refusal(drop("heard")) == "train.bad_example training example: heard: missing");
  CHECK(refusal(drop("audio")) == "train.bad_example training example: audio: missing");
  CHECK(refusal(drop("slipped")).empty());
  const auto set = [](const char* name, tensor value) {
    return [name, value](auto& tensors) {
      for (auto& t : tensors)
        if (t.first == name) t.second = value;
    };
  };
  CHECK(refusal(set("voice", {dtype::f32, {48}, buffer::take(std::vector<float>(48))})) ==
        "train.bad_example training example: voice: has type f32, not u8");
  CHECK(refusal(set("voice", {dtype::u8, {47}, buffer::take(std::vector<std::uint8_t>(47))})) ==
        "train.bad_example training example: voice: has 47 numbers, this "
        "model's layout needs 48");
  CHECK(
      refusal(set("text_in", {dtype::i32, {12}, buffer::take(std::vector<std::int32_t>(12, 8))})) ==
      "train.bad_example training example: text_in: 8 is outside 0 to 7");
  CHECK(refusal(set("audio", {dtype::u8, {5}, buffer::take(std::vector<std::uint8_t>(5))})) !=
        std::string());

  interaction_trainer trainer(toy());
  auto bad = example;
  drop("heard")(bad.tensors);
  const auto before = in_memory(trainer.save());
  CHECK(trainer.step({{example, bad}}, 1).error().code == "train.bad_example");
  CHECK(trainer.steps() == 0);
  const auto after = trainer.save();
  for (const auto& t : after.tensors) {
    const auto was = before.find(t.name)->data;
    CHECK(std::equal(was.begin(), was.end(), t.data.begin(), t.data.end()));
  }
}

TEST_CASE("a warm start finds words by name and slots by role") {
  const auto old_config = toy();
  interaction_trainer trainer(old_config);
  train_to(trainer, 10);
  const auto folder = temporary("hocket_training_old");
  write_model(trainer, old_config.model, folder, false);
  const std::vector<std::string> words{"a", "b", "c", "d"}, more{"x", "d", "c", "b", "a", "y"};
  std::ofstream(folder + "/vocabulary.json") << vocabulary(words).to_json();
  const auto old = interaction_model::load(folder, "cpu");
  REQUIRE(old);

  auto config = old_config.model;
  config.vocabulary = 10, config.layout.video = 1, config.attention.rotary_shared = true;
  network net(config, 7);
  REQUIRE(warm_start(net, vocabulary(more), **old));
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
  const auto refused = warm_start(wider, vocabulary(more), **old);
  REQUIRE(!refused);
  CHECK(refused.error().code == "train.from");
  CHECK(refused.error().message.find("layers.0.feed.up") != std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("Muon steps are near orthogonal, whatever the gradient's scale") {
  const auto config = toy();
  network net(config.model, 1);
  optimizer opt(net.parameters(), {.matrix_rate = 1, .matrix_decay = 0});
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
