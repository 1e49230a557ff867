// Adapters of interaction models: the bits of sessions, files and what is refused, gradients against
// differences, and training.
#include <cmath>
#include <random>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <nlohmann/json.hpp>

#include "engine/interaction/network.hpp"
#include "engine/interaction/session.hpp"
#include "engine/lora/interaction/conversation_trainer.hpp"
#include "engine/lora/interaction/interaction_modules.hpp"
#include "engine/lora/trainer_state.hpp"
#include "engine/training/loss.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::lora;
namespace eng = hocket::engine;

namespace {

using shared_model = std::shared_ptr<const eng::interaction_model>;

eng::model_config small(int width = 64) {
  eng::model_config c;
  c.width = width, c.layers = 2, c.feed_forward = 96, c.vocabulary = 8, c.audio_context = 2;
  c.attention = {.heads = 2, .kv_heads = 2, .head_dim = 32, .window = 31};
  c.flow = {.patch = 320, .width = 64, .blocks = 1, .expansion = 2, .condition = 32};
  return c;
}

shared_model random_model(const eng::model_config& config = small()) {
  eng::network net(config, 1);
  at::manual_seed(5);
  for (auto& p : net.parameters())
    if (p.kind != eng::parameter_kind::vector)
      p.value->copy_(at::randn_like(*p.value) / std::sqrt(p.value->size(-1)) * 2);
  return eng::interaction_model::wrap(net, eng::vocabulary());
}

lora_config everywhere(int rank = 4) {
  lora_config c;
  c.rank = rank, c.alpha = 8;
  c.expression = ".*";
  return c;
}

/// An adapter with random numbers in all of its tensors; `zero`: B stays zero, as a fresh one is.
adapter_files adapter_of(const shared_model& model, std::uint64_t seed, bool zero = false,
                         const lora_config& config = everywhere()) {
  auto w = allocate(modules_of(model->net()), config);
  REQUIRE_MESSAGE(w, (w ? "" : w.error().message));
  initialise(*w, seed);
  auto generator = at::detail::createCPUGenerator(seed);
  for (auto& e : w->entries)
    if (!zero) e.part->up.value.copy_(at::randn(e.part->up.value.sizes(), generator) * 0.2);
  return write_adapter(*w);
}

adapter_handle opened(const shared_model& model, const adapter_files& files) {
  const auto a = open_adapter(*model, files);
  REQUIRE_MESSAGE(a, (a ? "" : a.error().message));
  return *a;
}

eng::micro_turn_input person(std::uint32_t who, std::int64_t k) {
  std::mt19937 random(who * 1000 + static_cast<std::uint32_t>(k));
  eng::micro_turn_input in;
  for (int i = 0; i < 4 * 80; ++i) in.audio.push_back(random() % 16);
  in.text.push_back(static_cast<std::int32_t>(random() % 8));
  return in;
}

bool same(const eng::micro_turn_output& a, const eng::micro_turn_output& b) {
  return a.text == b.text && a.heard == b.heard && a.voice == b.voice && a.speech == b.speech;
}

/// From micro-turn `from` on through the adapter.
std::vector<eng::micro_turn_output> talk(const shared_model& model, std::uint32_t who,
                                         const adapter_handle& a, int from = 0, int turns = 10) {
  eng::session s(model, {.seed = who, .flow_steps = 3});
  std::vector<eng::micro_turn_output> out;
  for (int k = 0; k < turns; ++k) {
    if (k == from) s.adapt(a);
    const auto said = s.append(person(who, k));
    REQUIRE(said);
    out.push_back(*said);
  }
  return out;
}

int differences(const std::vector<eng::micro_turn_output>& a,
                const std::vector<eng::micro_turn_output>& b) {
  int n = 0;
  for (std::size_t k = 0; k < a.size(); ++k) n += !same(a[k], b[k]);
  return n;
}

/// A conversation in which the model writes what it is told in the micro-turn before.
eng::conversation_arrays echo(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  eng::conversation_arrays e;
  e.micro_turns = 12;
  std::int32_t before = 0;
  for (int k = 0; k < 12; ++k) {
    const auto word = k % 2 == 0 ? static_cast<std::int32_t>(4 + random() % 4) : 0;
    for (int i = 0; i < 4 * 80; ++i) e.audio.push_back(static_cast<std::uint8_t>(random() % 16));
    e.text_in.push_back(word);
    e.text_out.insert(e.text_out.end(), {before, 0});
    for (int f = 0; f < 4; ++f) {
      const bool voiced = k % 2 == 1;
      e.heard.push_back(0), e.voice.push_back(voiced);
      e.spoken.push_back(voiced ? before : 0);
      for (int i = 0; i < 320; ++i)
        e.speech.push_back(voiced ? 0.1f * static_cast<float>(i % 7) : 0.0f);
    }
    before = word;
  }
  return e;
}

eng::interaction_training quiet() {
  eng::interaction_training t;
  t.speech_noise = t.token_dropout = t.frequency_warp = 0;
  return t;
}

std::vector<training_example> conversations(std::uint64_t first, int count) {
  std::vector<training_example> all;
  for (int i = 0; i < count; ++i)
    all.push_back(eng::to_example(echo(first + static_cast<std::uint64_t>(i)), "synthetic"));
  return all;
}

std::unique_ptr<conversation_trainer> new_trainer(const shared_model& model,
                                                  const eng::interaction_training& t = quiet()) {
  auto made = conversation_trainer::create(model, everywhere(), t);
  REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  return std::move(*made);
}

}  // namespace

TEST_CASE("an interaction model's adapter of zero changes no bit, another one what is said") {
  const auto model = random_model();
  const auto none = talk(model, 3, nullptr);
  CHECK(differences(none, talk(model, 3, opened(model, adapter_of(model, 7, true)))) == 0);
  const auto a = opened(model, adapter_of(model, 7));
  CHECK(differences(none, talk(model, 3, a)) > 0);
  CHECK(differences(talk(model, 3, a), talk(model, 3, a)) == 0);
  // Each part of the model takes it.
  for (const char* part : {"attention.qkv", "attention.out", "feed.up", "feed.down", "head.text",
                           "head.heard", "head.gate", "flow.state"}) {
    CAPTURE(part);
    auto config = everywhere();
    config.expression.reset();
    config.modules = {part};
    bool differs = false;
    for (std::uint32_t who = 1; who < 5 && !differs; ++who)
      for (std::uint64_t seed = 1; seed < 4 && !differs; ++seed) {
        const auto one = opened(model, adapter_of(model, seed, false, config));
        differs = differences(talk(model, who, nullptr), talk(model, who, one)) > 0;
      }
    CHECK(differs);
  }
}

TEST_CASE("sessions of a batch take an adapter each, from a border on, with the bits of alone") {
  const auto model = random_model();
  const adapter_handle adapters[] = {nullptr, opened(model, adapter_of(model, 1)),
                                     opened(model, adapter_of(model, 2)), nullptr};
  const int from[] = {0, 0, 4, 0};
  std::vector<eng::session> sessions;
  for (std::uint32_t who = 0; who < 4; ++who)
    sessions.emplace_back(model, eng::session_options{.seed = who, .flow_steps = 3});
  std::vector<std::vector<eng::micro_turn_output>> together(4);
  for (int k = 0; k < 10; ++k) {
    std::vector<eng::session*> batch;
    std::vector<eng::micro_turn_input> inputs;
    for (std::uint32_t who = 0; who < 4; ++who) {
      if (k == from[who]) sessions[who].adapt(adapters[who]);
      batch.push_back(&sessions[who]);
      inputs.push_back(person(who, k));
    }
    const auto outputs = eng::batch_step(batch, inputs);
    REQUIRE(outputs);
    for (std::size_t who = 0; who < 4; ++who) together[who].push_back((*outputs)[who]);
  }
  for (std::uint32_t who = 0; who < 4; ++who) {
    CAPTURE(who);
    CHECK(differences(together[who], talk(model, who, adapters[who], from[who])) == 0);
  }
  // What was said before the border is what is said without.
  const auto plain = talk(model, 2, nullptr);
  CHECK(differences({plain.begin(), plain.begin() + 4},
                    {together[2].begin(), together[2].begin() + 4}) == 0);
  CHECK(differences(plain, together[2]) > 0);
  // A fork takes it along; who resumes hands it over.
  auto fork = sessions[2].fork();
  auto resumed = eng::session::resume(model, sessions[2].suspend());
  REQUIRE(resumed);
  resumed->adapt(adapters[2]);
  const auto next = sessions[2].append(person(2, 10)), forked = fork.append(person(2, 10)),
             again = resumed->append(person(2, 10));
  REQUIRE((next && forked && again));
  CHECK(same(*next, *forked));
  CHECK(same(*next, *again));
}

TEST_CASE("adapters that do not fit an interaction model are refused by name") {
  const auto model = random_model(), wide = random_model(small(96));
  const auto refusal = [&](const adapter_files& files) {
    const auto a = open_adapter(*model, files);
    return a ? "" : a.error().code + ": " + a.error().message;
  };
  CHECK(refusal(adapter_of(model, 1)) == "");
  const auto shapes = refusal(adapter_of(wide, 1));
  CHECK(shapes.starts_with("lora.bad_shape"));
  CHECK(shapes.find("layers.0.attention.qkv.lora_A.weight is [4, 96], the model needs [4, 64]") !=
        shapes.npos);
  auto files = adapter_of(model, 1);
  auto config = nlohmann::json::parse(files.config);
  config["target_modules"] = {"q_proj", "v_proj"};  // a language model's
  files.config = config.dump();
  CHECK(refusal(files).starts_with("lora.bad_config: no module of this model"));
  config["target_modules"] = {"feed.up"};  // fewer than the file has
  files.config = config.dump();
  CHECK(refusal(files).starts_with("lora.unknown_tensor"));
  CHECK(refusal({adapter_of(model, 1).config, "short"}).starts_with("safetensors."));
  // Gigabytes by a few bytes: refused before there is memory for it.
  const auto huge = refusal({R"({"r": 65536, "target_modules": "all-linear"})", "short"});
  CHECK(huge.starts_with("lora.bad_shape: adapter_model.safetensors: it has 5 bytes"));
  // By name, by expression, and all but the heads.
  const auto modules = [&](const lora_config& c) {
    const auto w = allocate(modules_of(model->net()), c);
    return w ? w->entries.size() : 0;
  };
  CHECK(modules(everywhere()) == 12);
  CHECK(modules({.modules = {}, .all_linear = true}) == 9);
  CHECK(modules({.modules = {"feed.up", "head.text"}}) == 3);
}

TEST_CASE("gradients of a conversation's loss are its differences") {
  const auto model = random_model();
  auto w = allocate(modules_of(model->net()), everywhere());
  REQUIRE(w);
  initialise(*w, 3);
  learning_adapter learning(std::move(*w));
  const auto losses = eng::losses_of(quiet());
  const auto conversation = echo(1);
  const auto loss = [&] {
    learning.weights.pack();
    eng::loss_sums sums;
    return eng::conversation_loss(model->net(), conversation, losses, 9, sums,
                                  learning.weights.adapter.get());
  };
  {
    at::NoGradGuard off;
    auto generator = at::detail::createCPUGenerator(8);
    for (auto& t : learning.tensors) t.value.add_(at::randn(t.value.sizes(), generator) * 0.05);
  }
  {
    const eng::ops::exact_gradients same_bits;
    const at::AutoGradMode on(true);
    loss().backward();
  }
  REQUIRE(learning.take_gradients());
  at::NoGradGuard off;
  auto generator = at::detail::createCPUGenerator(4);
  for (auto& t : learning.tensors) {
    CAPTURE(t.name);
    REQUIRE(t.pending.defined());
    // Along a direction in which it changes much: rounding is small beside that.
    const auto direction = t.pending + at::randn(t.value.sizes(), generator) *
                                           (t.pending.norm() / std::sqrt(t.pending.numel()));
    const double norm = direction.norm().item<double>();
    REQUIRE(norm > 0);
    const double wanted = (t.pending * direction).sum().item<double>() / norm;
    const auto kept = t.value.detach().clone();
    const auto at_step = [&](double step) {
      t.value.copy_(kept + direction * (step / norm));
      return loss().item<double>();
    };
    const double step = 0.01, found = (at_step(step) - at_step(-step)) / (2 * step);
    t.value.copy_(kept);
    CHECK(std::abs(found - wanted) < 0.03 * std::abs(wanted) + 2e-3);
  }
}

TEST_CASE("an adapter learns conversations, alone, and a session reads what was trained") {
  const auto model = random_model();
  const auto before = talk(model, 1, nullptr);
  const auto trainer = new_trainer(model);
  const auto data = conversations(0, 4);
  const auto first = trainer->measure(data, 5);
  REQUIRE(first);
  for (int i = 0; i < 25; ++i) {
    const auto moved = trainer->step(data, {.learning_rate = 0.01});
    REQUIRE_MESSAGE(moved, (moved ? "" : moved.error().message));
  }
  const auto last = trainer->measure(data, 5);
  REQUIRE(last);
  CHECK(last->loss_text < 0.5 * first->loss_text);
  CHECK(last->loss_gate < 0.5 * first->loss_gate);
  CHECK(trainer->steps() == 25);
  // The model itself has not moved, and the files are the adapter.
  CHECK(differences(before, talk(model, 1, nullptr)) == 0);
  const auto own = talk(model, 1, trainer->snapshot());
  CHECK(differences(before, own) > 0);
  CHECK(differences(own, talk(model, 1, opened(model, trainer->files()))) == 0);
}

TEST_CASE("training of an interaction model's adapter goes on with the same bits") {
  const auto model = random_model();
  eng::interaction_training noisy;  // its noise goes on, too
  const auto straight = new_trainer(model, noisy), parts = new_trainer(model, noisy);
  const auto data = conversations(3, 2);
  const adam_params params{.learning_rate = 0.01};
  for (int i = 0; i < 6; ++i) REQUIRE(straight->step(data, params));
  for (int i = 0; i < 3; ++i) REQUIRE(parts->step(data, params));
  const auto optimizer = parts->optimizer_state();
  auto resumed = conversation_trainer::open(model, parts->files(), noisy, &optimizer);
  REQUIRE(resumed);
  for (int i = 0; i < 3; ++i) REQUIRE((*resumed)->step(data, params));
  CHECK((*resumed)->files().weights == straight->files().weights);
  // An example that does not fit moves nothing.
  auto bad = conversations(0, 2);
  bad[1].tensors.pop_back();
  const auto refused = straight->step(bad, params);
  REQUIRE(!refused);
  CHECK(refused.error().code == "train.bad_example");
  CHECK(straight->files().weights == (*resumed)->files().weights);
  CHECK(straight->step(data, {.learning_rate = -1}).error().code == "lora.bad_params");
}
