// Sessions on a small random network: same bits alone, in a batch, suspended, forked, and as one
// whole-sequence evaluation.
#include <random>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/interaction/network.hpp"
#include "engine/interaction/session.hpp"
#include "engine/transformer/background.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

model_config small(bool seeing) {
  model_config c;
  c.width = 64, c.layers = 2, c.feed_forward = 96, c.vocabulary = 4, c.audio_context = 3;
  c.attention = {.heads = 2, .kv_heads = 2, .head_dim = 32, .window = 31};
  c.flow = {.patch = 48, .width = 64, .blocks = 1, .expansion = 2, .condition = 32};
  if (seeing) c.layout.video = 2, c.attention.rotary_shared = true, c.video_width = 16;
  return c;
}

std::shared_ptr<const interaction_model> random_model(bool seeing = true) {
  network net(small(seeing), 1);
  at::manual_seed(5);
  for (auto& p : net.parameters())
    if (p.kind != parameter_kind::vector || p.name == "embed.no_video")
      p.value->copy_(at::randn_like(*p.value) / std::sqrt(p.value->size(-1)) * 2);
  return interaction_model::wrap(net, vocabulary());
}

micro_turn_input person(std::uint32_t who, std::int64_t k) {
  std::mt19937 random(who * 1000 + static_cast<std::uint32_t>(k));
  micro_turn_input in;
  for (int i = 0; i < 4 * 80; ++i) in.audio.push_back(random() % 16);
  in.text.push_back(random() % 4);
  return in;
}

/// The same with two patches, in two of three micro-turns.
micro_turn_input seen_person(std::uint32_t who, std::int64_t k) {
  auto in = person(who, k);
  std::mt19937 random(who * 77 + static_cast<std::uint32_t>(k));
  if (k % 3 != 1)
    for (int i = 0; i < 2 * 2 * 40 * 40 * 3; ++i) in.video.push_back(random() % 256);
  return in;
}

bool same(const micro_turn_output& a, const micro_turn_output& b) {
  return a.text == b.text && a.heard == b.heard && a.voice == b.voice && a.speech == b.speech;
}

std::vector<micro_turn_output> alone(const std::shared_ptr<const interaction_model>& model,
                                     std::uint32_t who, int turns) {
  session s(model, {.seed = who, .flow_steps = 3});
  std::vector<micro_turn_output> out;
  for (int k = 0; k < turns; ++k) out.push_back(s.append(seen_person(who, k)).value());
  return out;
}

}  // namespace

TEST_CASE("a session's outputs do not depend on the batch or the threads") {
  const auto model = random_model();
  int threads = 1;
  SUBCASE("one thread") {}
  SUBCASE("helpers") { threads = 3; }
  work_pool pool(threads);
  const int turns = 12;
  std::vector<session> sessions;
  for (std::uint32_t who = 0; who < 5; ++who)
    sessions.emplace_back(model, session_options{.seed = who, .flow_steps = 3});
  std::vector<std::vector<micro_turn_output>> together(5);
  for (int k = 0; k < turns; ++k) {
    std::vector<session*> batch;
    std::vector<micro_turn_input> inputs;
    for (std::uint32_t who = 0; who < 5; ++who) {
      if (who == 3 && k < 4) continue;  // comes in late
      batch.push_back(&sessions[who]);
      inputs.push_back(seen_person(who, sessions[who].micro_turns()));
    }
    const work_pool::watch awake(&pool);
    const background_work shared(nullptr, threads > 1 ? &pool : nullptr);
    auto outputs = batch_step(batch, inputs);
    REQUIRE(outputs);
    for (std::size_t i = 0; i < batch.size(); ++i)
      together[batch[i] - sessions.data()].push_back((*outputs)[i]);
  }
  int voiced = 0;
  for (std::uint32_t who = 0; who < 5; ++who) {
    const auto one = alone(model, who, turns);
    for (std::size_t k = 0; k < together[who].size(); ++k) {
      CHECK(same(one[k], together[who][k]));
      for (const auto v : one[k].voice) voiced += v;
    }
  }
  CHECK(voiced > 10);  // or the flow head was not exercised
}

TEST_CASE("suspend, resume and fork go on with the same bits") {
  const auto model = random_model();
  const auto straight = alone(model, 9, 10);
  session s(model, {.seed = 9, .flow_steps = 3});
  for (int k = 0; k < 5; ++k) REQUIRE(s.append(seen_person(9, k)));
  const auto bytes = s.suspend();
  session twin = s.fork();
  auto back = session::resume(model, bytes);
  REQUIRE(back);
  for (int k = 5; k < 10; ++k) {
    CHECK(same(back->append(seen_person(9, k)).value(), straight[k]));
    CHECK(same(twin.append(seen_person(9, k)).value(), straight[k]));
    CHECK(same(s.append(seen_person(9, k)).value(), straight[k]));
  }
}

TEST_CASE("damaged session states are refused") {
  const auto model = random_model();
  session s(model, {});
  REQUIRE(s.append(person(1, 0)));
  const auto bytes = s.suspend();
  CHECK(!session::resume(model, {}));
  for (std::size_t cut : {4ul, 20ul, 700ul, bytes.size() / 2, bytes.size() - 1})
    CHECK(!session::resume(model, std::span(bytes).first(cut)));
  auto longer = bytes;
  longer.push_back({});
  CHECK(!session::resume(model, longer));
}

TEST_CASE("bad input changes nothing and says what is wrong") {
  const auto model = random_model();
  session s(model, {.flow_steps = 3});
  auto in = person(1, 0);
  in.audio.pop_back();
  const auto refused = s.append(in);
  REQUIRE(!refused);
  CHECK(refused.error().code == "session.bad_input");
  in = person(1, 0);
  in.text = {99};
  CHECK(!s.append(in));
  in.text = {1, 1};
  CHECK(!s.append(in));
  in = seen_person(1, 0);
  in.video.pop_back();
  CHECK(s.append(in).error().message.find("video") != std::string::npos);
  CHECK(s.micro_turns() == 0);
  session blind(random_model(false), {});
  CHECK(!blind.append(seen_person(1, 0)));
  CHECK(blind.append(person(1, 0)));
}

TEST_CASE("a script is written in its order, when the model likes, or when it is due") {
  const auto model = random_model();
  session shy(model, {.nothing_bias = 1000}), eager(model, {.nothing_bias = -1000});
  auto in = seen_person(1, 0);
  in.script = {3, 2, 3};
  using tokens = std::vector<std::int32_t>;
  CHECK(shy.append(in)->text == tokens{0, 0});
  CHECK(eager.append(in)->text == tokens{3, 2});
  in.script = {3};
  const auto free = eager.append(in)->text;
  CHECK(free[0] == 3);
  CHECK(free[1] != 0);  // its own again
  in.script = {3, 2};
  in.script_due = true;
  CHECK(shy.append(in)->text == tokens{3, 0});
  in.script = {0};
  CHECK(shy.append(in).error().code == "session.bad_input");
  in.script = {4};
  CHECK(shy.append(in).error().code == "session.bad_input");
}

TEST_CASE("a forced session has the states of whole-sequence evaluation") {
  c10::NoGradGuard no_grad;
  for (const bool seeing : {false, true}) {
    CAPTURE(seeing);
    const auto model = random_model(seeing);
    const auto& net = model->net();
    const auto& c = net.config();
    const std::int64_t turns = 9, video = c.layout.video, positions = c.layout.positions();
    session s(model, {.seed = 2, .flow_steps = 2});
    std::vector<std::uint8_t> audio;
    std::vector<std::int64_t> text_in, text_out, heard;
    std::vector<float> speech;
    std::vector<at::Tensor> pictures;
    for (int k = 0; k < turns; ++k) {
      const auto in = seeing ? seen_person(2, k) : person(2, k);
      const auto out = s.append(in).value();
      audio.insert(audio.end(), in.audio.begin(), in.audio.end());
      text_in.push_back(in.text[0]);
      text_out.insert(text_out.end(), out.text.begin(), out.text.end());
      heard.insert(heard.end(), out.heard.begin(), out.heard.end());
      speech.insert(speech.end(), out.speech.begin(), out.speech.end());
      if (!seeing) continue;
      const std::vector<float> pixels(in.video.begin(), in.video.end());
      pictures.push_back(
          pixels.empty()
              ? net.embed_no_video(video)
              : net.embed_video(at::tensor(pixels).view({video, 2, 40, 40, 3}) / 255.0f));
    }
    auto index = at::empty({turns * 4, 3 * 80}, at::kInt);
    audio_index(c, audio.data(), turns * 4, nullptr, index.data_ptr<std::int32_t>());
    std::vector<at::Tensor> parts{net.embed_audio(index).view({turns, 4, c.width})};
    if (seeing) parts.push_back(at::stack(pictures));
    parts.push_back(net.embed_text(at::tensor(text_in)).view({turns, 1, c.width}));
    parts.push_back(net.embed_text(at::tensor(text_out)).view({turns, 2, c.width}));
    parts.push_back(
        net.embed_speech(at::tensor(speech).view({turns * 4, 48})).view({turns, 4, c.width}));
    const auto x = at::cat(parts, 1);
    const auto slots = at::arange(positions, at::kLong).repeat({turns});
    const auto states = net.trunk(net.place(x.view({turns * positions, c.width}), slots),
                                  {.sequences = 1, .length = turns * positions, .streams = {}})
                            .view({turns, positions, c.width});
    const auto last = c.layout.inputs() - 1;
    const auto words =
        net.text_logits(states.slice(1, last, last + 2).reshape({-1, c.width})).argmax(1);
    CHECK(words.equal(at::tensor(text_out)));
    const auto ears = net.heard_logits(states.slice(1, 0, 4).reshape({-1, c.width})).argmax(1);
    CHECK(ears.equal(at::tensor(heard)));
  }
}
