// Low-rank adapters on every family: the bits of sampling, and 50 steps against PEFT. The fixtures of these
// are made by parity/make_fixtures.py.
#include <cmath>

#include <ATen/ATen.h>

#include "engine/language/files/safetensors.hpp"
#include "engine/language/sampling/sampler.hpp"
#include "engine/lora/adapter_files.hpp"
#include "engine/transformer/safetensors.hpp"
#include "tests/support/larger.hpp"

#include "engine/lora/lora_fixture.test.hpp"

using namespace hocket;
using namespace hocket::lora;
using namespace hocket::lora::fixture;

namespace {

/// As a sampler computes them: token by token through the snapshot.
std::vector<float> sampled_logprobs(const shared_model& model, const adapter_handle& adapter,
                                    const training_datum& d) {
  language::language_sequence s(model, adapter);
  std::vector<float> all;
  const auto& targets = d.inputs.at("target_tokens").values;
  for (std::size_t i = 0; i < d.tokens.size(); ++i) {
    const auto scores = s.append({&d.tokens[i], 1});
    REQUIRE(scores);
    all.push_back(
        static_cast<float>(language::logprob_of(*scores, static_cast<std::int32_t>(targets[i]))));
  }
  return all;
}

}  // namespace

TEST_CASE("log probabilities of sampling, forward and training are the same bits, every family") {
  for (const auto& [family, blocks] : every_kind()) {
    CAPTURE(family);
    CAPTURE(blocks);
    const auto model = load(family, blocks);
    const auto t = moved_trainer(model);
    const auto data = data_of({12, 31, 5, 31, 17, 2}, 9);
    const auto forward = t->forward(plain_loss, data);
    REQUIRE(forward);
    const auto handle = t->snapshot();
    const auto trained = t->forward_backward(plain_loss, data);
    REQUIRE_MESSAGE(trained, trained.error().message);
    CHECK(trained->logprobs == forward->logprobs);
    double moved = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
      CHECK(sampled_logprobs(model, handle, data[i]) == forward->logprobs[i]);
      const auto base = sampled_logprobs(model, nullptr, data[i]);
      for (std::size_t j = 0; j < base.size(); ++j)
        moved = std::max(moved, std::abs(double{base[j]} - forward->logprobs[i][j]));
    }
    CHECK(moved > 0.01);
    // Sequences with other adapters beside it change nothing, and a snapshot never moves.
    const auto other = new_trainer(model, everywhere(2), 3)->snapshot();
    language::language_sequence a(model, handle), b(model, other), c(model);
    std::vector<language::language_sequence*> batch{&b, &a, &c};
    const std::vector<std::span<const std::int32_t>> tokens(3, data[1].tokens);
    const auto scores = language::append_batch(batch, tokens, language::scores_of::last);
    REQUIRE(scores);
    REQUIRE(t->step({.learning_rate = 0.02}));
    language::language_sequence alone(model, handle), bare(model);
    const auto own = alone.append(data[1].tokens), base = bare.append(data[1].tokens);
    REQUIRE(own);
    REQUIRE(base);
    CHECK(own.value() == scores.value()[1]);
    CHECK(base.value() == scores.value()[2]);
    CHECK(t->forward(plain_loss, data)->logprobs != forward->logprobs);
  }
}

namespace {

struct reference {
  language::safetensors_set file;
  std::vector<double> numbers(const std::string& name) const {
    for (const auto& t : file.tensors()) {
      if (t.name != name) continue;
      if (t.type == language::tensor_type::i32) return read<std::int32_t>(t);
      return read<float>(t);
    }
    FAIL("no tensor " << name);
    return {};
  }
  template <class T>
  static std::vector<double> read(const language::stored_weights& t) {
    const auto* from = reinterpret_cast<const T*>(t.bytes.data());
    return {from, from + t.bytes.size() / sizeof(T)};
  }
  /// The adapter's files, from tensors with this prefix.
  adapter_files adapter(const std::string& prefix) const {
    std::vector<engine::stored_tensor> tensors;
    for (const auto& t : file.tensors())
      if (t.name.starts_with(prefix)) {
        engine::stored_tensor s{t.name.substr(prefix.size()), "F32", {}, t.bytes};
        s.shape.assign(t.shape.begin(), t.shape.end());
        tensors.push_back(s);
      }
    return {file.metadata().at("config"), engine::safetensors_bytes(tensors, {})};
  }
};

double largest_difference(const adapter_weights& a, const adapter_weights& b) {
  double worst = 0;
  REQUIRE(a.entries.size() == b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i)
    for (const auto part : {&engine::low_rank::down, &engine::low_rank::up})
      worst = testing::larger(worst,
                              ((a.entries[i].part->*part).value - (b.entries[i].part->*part).value)
                                  .abs()
                                  .max()
                                  .item<double>());
  return worst;
}

}  // namespace

TEST_CASE("50 steps through all losses are those of PEFT and torch.optim.AdamW") {
  for (const std::string family : {"qwen3", "llama", "gemma3_text"}) {
    CAPTURE(family);
    const auto model = load(family);
    const auto file = language::safetensors_set::open(HOCKET_SOURCE_DIR "/engine/lora/parity/" +
                                                      family + ".safetensors");
    REQUIRE(file);
    const reference r{*file};
    auto t = trainer::open(model, r.adapter("before."), nullptr);
    REQUIRE_MESSAGE(t, (t ? "" : t.error().message));
    const auto tokens = r.numbers("tokens");
    std::vector<training_datum> data(4);
    for (std::size_t i = 0; i < 4; ++i) {
      const auto part = [&](const std::string& name) {
        const auto all = r.numbers(name);
        return loss_input{{12}, {all.begin() + i * 12, all.begin() + (i + 1) * 12}};
      };
      data[i].tokens.assign(tokens.begin() + i * 13, tokens.begin() + i * 13 + 12);
      data[i].inputs["target_tokens"] = {
          {12}, {tokens.begin() + i * 13 + 1, tokens.begin() + i * 13 + 13}};
      data[i].inputs["logprobs"] = part("logprobs"), data[i].inputs["weights"] = part("weights");
      data[i].inputs["advantages"] = part("advantages");
      data[i].inputs["sequence_ratio_mask"] = part("mask");
    }
    const char* names[] = {"cross_entropy", "importance_sampling", "ppo", "cispo", "dro", "gspo"};
    const auto losses = r.numbers("losses");
    double worst = 0;
    for (std::size_t step = 0; step < 50; ++step) {
      const std::string name = names[step % 6];
      const auto loss =
          read_loss(name, name == "dro" ? loss_settings{{"beta", 0.05}} : loss_settings{});
      REQUIRE(loss);
      const auto done = (*t)->forward_backward(*loss, data);
      REQUIRE(done);
      worst = testing::larger(worst,
                              std::abs(done->loss - losses[step]) / (1 + std::abs(losses[step])));
      REQUIRE((*t)->step({.learning_rate = 2e-4,
                          .beta1 = 0.9,
                          .beta2 = 0.95,
                          .eps = 1e-8,
                          .weight_decay = 0.01,
                          .grad_clip_norm = 1.0}));
    }
    const auto after = (*t)->forward(plain_loss, data);
    REQUIRE(after);
    const auto wanted = r.numbers("logprobs_after");
    double gap = 0;
    for (std::size_t i = 0; i < 48; ++i)
      gap = testing::larger(gap, std::abs(after->logprobs[i / 12][i % 12] - wanted[i]));
    const auto mine = read_adapter(*model, (*t)->files());
    const auto theirs = read_adapter(*model, r.adapter("after."));
    REQUIRE(mine);
    REQUIRE(theirs);
    const double weights = largest_difference(*mine, *theirs);
    MESSAGE("lora.peft." << family << " loss " << worst << ", log probabilities " << gap
                         << ", weights " << weights);
    CHECK(worst < 1e-3);
    // Without the decay of the weights these would be about 1e-4 apart.
    CHECK(gap < 5e-4);
    CHECK(weights < 5e-6);
  }
}

TEST_CASE("gradients add up over calls, and a refused call leaves them as they were") {
  const auto model = load("qwen3");
  const auto data = data_of({9, 14, 6});
  const auto one = new_trainer(model), parts = new_trainer(model);
  REQUIRE(one->forward_backward(plain_loss, data));
  for (const auto& d : data) REQUIRE(parts->forward_backward(plain_loss, {&d, 1}));
  auto bad = data;
  bad.back().inputs.erase("weights");
  const auto refused = parts->forward_backward(plain_loss, bad);
  CHECK(refused.error().message == "datum 2: loss_fn_inputs has no `weights`");
  bad = data;
  bad[1].inputs["target_tokens"].values[3] = 96;
  CHECK(parts->forward_backward(plain_loss, bad).error().message ==
        "datum 1: token 96 in target_tokens is outside the vocabulary, which has 96 tokens");
  auto huge = data;  // finite in, infinite out
  huge[0].inputs["weights"].values.assign(huge[0].tokens.size(), 1e308);
  CHECK(parts->forward_backward(plain_loss, huge).error().code == "lora.not_finite");
  REQUIRE(parts->forward(plain_loss, data));  // leaves none
  const auto a = one->step({.learning_rate = 1e-2}), b = parts->step({.learning_rate = 1e-2});
  CHECK(a->at("optim/grad_norm") == doctest::Approx(b->at("optim/grad_norm")).epsilon(1e-6));
  const auto x = read_adapter(*model, one->files()), y = read_adapter(*model, parts->files());
  CHECK(largest_difference(*x, *y) < 1e-5);
  CHECK(one->step({.learning_rate = -1}).error().message == "learning_rate must be 0 or more");
  const auto idle = one->step({.learning_rate = 0});
  CHECK(idle->at("optim/grad_norm") == 0);
}

TEST_CASE("a resumed run goes on with the same bits, and without the optimizer it does not") {
  const auto model = load("llama");
  const auto data = data_of({9, 14});
  const auto first = moved_trainer(model);
  const auto files = first->files();
  const auto moments = first->optimizer_state();
  auto resumed = trainer::open(model, files, &moments),
       fresh = trainer::open(model, files, nullptr);
  REQUIRE(resumed);
  REQUIRE(fresh);
  CHECK((*resumed)->steps() == 1);
  for (auto* t : {first.get(), resumed->get(), fresh->get()}) {
    REQUIRE(t->forward_backward(plain_loss, data));
    REQUIRE(t->step({.learning_rate = 1e-2}));
  }
  CHECK((*resumed)->files().weights == first->files().weights);
  CHECK((*resumed)->optimizer_state() == first->optimizer_state());
  CHECK((*fresh)->files().weights != first->files().weights);
  auto cut = moments;
  cut.resize(cut.size() - 1);
  CHECK(!trainer::open(model, files, &cut));
}

TEST_CASE("seeds, ranks and targets are what the config says; what does not fit is named") {
  const auto model = load("qwen3");
  const auto a = new_trainer(model)->files(), b = new_trainer(model)->files();
  CHECK(a.weights == b.weights);
  CHECK(new_trainer(model, everywhere(4), 8)->files().weights != a.weights);
  auto w = read_adapter(*model, a);
  REQUIRE(w);
  CHECK(w->entries.size() == 3 * 7 + 1);
  for (const auto& e : w->entries) {
    const double bound = 1 / std::sqrt(static_cast<double>(e.where.in));
    CHECK(e.part->up.value.abs().max().item<double>() == 0);
    CHECK(e.part->down.value.abs().max().item<double>() <= bound);
    CHECK(e.part->down.value.std().item<double>() > 0.4 * bound);
  }
  lora_config attention = everywhere(2);
  attention.modules =
      lora::modules_of({.attention = true, .feed_forward = false, .unembed = false});
  const auto narrow = read_adapter(*model, new_trainer(model, attention)->files());
  REQUIRE(narrow);
  for (const auto& e : narrow->entries) CHECK(e.where.name.find("self_attn") != std::string::npos);
  attention.modules = {"no_such"};
  CHECK(trainer::create(model, attention, 1)
            .error()
            .message.starts_with("no module of this model is a target of the adapter"));
  // Files that belong to another model, or lack a tensor.
  CHECK(open_adapter(*load("nemotron"), a).error().message.find("adapter_model.safetensors: ") ==
        0);
  auto narrower = a;
  narrower.config.replace(narrower.config.find("\"r\": 4"), 6, "\"r\": 3");
  CHECK(open_adapter(*model, narrower).error().message ==
        "adapter_model.safetensors: base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight "
        "is [4, 48], the model needs [3, 48]");
  auto fewer = a;
  fewer.config.replace(fewer.config.find("\"lm_head\""), 9, "\"up_proj\"");
  CHECK(open_adapter(*model, fewer).error().message ==
        "adapter_model.safetensors: base_model.model.lm_head.lora_A.weight belongs to no module "
        "that is adapted");
}
