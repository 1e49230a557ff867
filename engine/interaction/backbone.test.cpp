// Interaction models on the layers of the published Inkling models: a micro-turn goes on from keys, values and
// inputs of convolutions with the same bits alone, in a batch, suspended and resumed, forked, and after input
// that was refused.
#include <algorithm>
#include <random>

#include <ATen/ATen.h>

#include "engine/interaction/network.hpp"
#include "engine/interaction/session.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

struct kind {
  int generation;
  bool experts;
  int gates = -1, residuals = -1;
};

model_config on_backbone(const kind& of) {
  const auto [generation, experts, gates, residuals] = of;
  model_config c;
  c.width = 64, c.layers = 4, c.feed_forward = 48, c.vocabulary = 4;
  c.attention = {.heads = 2,
                 .kv_heads = 1,
                 .head_dim = 32,
                 .window = 31,
                 .global_every = 2,
                 .context = 200,
                 .rotary = false,
                 .relative_extent = 9};
  c.backbone = {.generation = generation, .kernel = 4, .relative_rank = 3};
  c.backbone.gates = gates, c.backbone.residuals = residuals;
  if (experts) c.backbone.experts = 4, c.backbone.shared = generation == 1 ? 2 : 0;
  if (c.backbone.reads_blocks())
    c.backbone.loop_begin = 2, c.backbone.loop_end = 4, c.backbone.loop_passes = 3,
    c.backbone.loop_gate_rank = 16;
  c.flow = {.patch = 48, .width = 64, .blocks = 1, .expansion = 2, .condition = 32};
  return c;
}

std::shared_ptr<const interaction_model> random_model(const model_config& c) {
  network net(c, 1);
  at::manual_seed(5);
  for (auto& p : net.parameters()) {
    if (p.kind == parameter_kind::vector)
      p.value->add_(at::randn_like(*p.value) * 0.3);
    else
      p.value->copy_(at::randn_like(*p.value) / std::sqrt(p.value->size(-1)) * 1.5);
  }
  return interaction_model::wrap(net, vocabulary());
}

micro_turn_input person(std::uint32_t who, std::int64_t k) {
  std::mt19937 random(who * 1000 + static_cast<std::uint32_t>(k));
  micro_turn_input in;
  for (int i = 0; i < 4 * 80; ++i) in.audio.push_back(static_cast<std::uint8_t>(random() % 16));
  in.text.push_back(static_cast<std::int32_t>(random() % 4));
  return in;
}

bool same(const micro_turn_output& a, const micro_turn_output& b) {
  return a.text == b.text && a.heard == b.heard && a.voice == b.voice && a.speech == b.speech;
}

const kind backbones[] = {{1, false},       {1, true},        {2, false},      {2, true},
                          {1, false, 1, 0}, {1, false, 0, 1}, {1, true, 1, 1}, {2, false, 0, 1},
                          {2, false, 1, 0}, {2, true, 0, 0}};

}  // namespace

TEST_CASE(
    "on a published backbone a session has the same bits alone, in a batch, resumed and forked") {
  for (const auto& of : backbones) {
    CAPTURE(of.generation);
    CAPTURE(of.experts);
    CAPTURE(of.gates);
    CAPTURE(of.residuals);
    const auto model = random_model(on_backbone(of));
    constexpr int turns = 12;
    std::vector<std::vector<micro_turn_output>> alone(3);
    int voiced = 0;
    for (std::uint32_t who = 0; who < 3; ++who) {
      session s(model, {.seed = who, .flow_steps = 2});
      for (int k = 0; k < turns; ++k) alone[who].push_back(s.append(person(who, k)).value());
      for (const auto& out : alone[who])
        for (const auto v : out.voice) voiced += v;
    }
    CHECK(voiced > 10);
    CHECK(!same(alone[0][turns - 1], alone[1][turns - 1]));
    std::vector<session> sessions;
    for (std::uint32_t who = 0; who < 3; ++who)
      sessions.emplace_back(model, session_options{.seed = who, .flow_steps = 2});
    for (int k = 0; k < turns + 3; ++k) {  // one comes in late, one leaves early
      std::vector<session*> batch;
      std::vector<micro_turn_input> inputs;
      for (std::uint32_t who = 0; who < 3; ++who) {
        if ((who == 2 && k < 3) || sessions[who].micro_turns() >= turns) continue;
        batch.push_back(&sessions[who]);
        inputs.push_back(person(who, sessions[who].micro_turns()));
      }
      if (batch.empty()) break;
      const auto outputs = batch_step(batch, inputs);
      REQUIRE(outputs);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto who = static_cast<std::size_t>(batch[i] - sessions.data());
        CHECK(
            same((*outputs)[i], alone[who][static_cast<std::size_t>(batch[i]->micro_turns() - 1)]));
      }
    }
    for (const int from : {1, 5}) {  // within the first window, and beyond it
      session s(model, {.seed = 1, .flow_steps = 2});
      for (int k = 0; k < from; ++k) REQUIRE(s.append(person(1, k)));
      auto twin = s.fork();
      auto back = session::resume(model, s.suspend());
      REQUIRE_MESSAGE(back, back.error().message);
      auto wrong = person(1, from);
      wrong.text = {99};
      CHECK(!s.append(wrong));  // and nothing has moved on
      for (int k = from; k < turns; ++k)
        for (auto* each : {&s, &twin, &*back})
          CHECK(same(each->append(person(1, k)).value(), alone[1][static_cast<std::size_t>(k)]));
    }
  }
}

TEST_CASE("on a published backbone memory is bounded, and a damaged state is refused") {
  for (const int generation : {1, 2}) {
    const auto model = random_model(on_backbone({generation, true}));
    session s(model, {});
    for (int k = 0; k < 20; ++k) REQUIRE(s.append(person(1, k)));
    const auto bytes = s.suspend();
    // Pages of 16 positions come and go with micro-turns of 11: as far apart as 16 turns they are the same.
    std::vector<std::size_t> held;
    for (int k = 20; k < 52; ++k) {
      REQUIRE(s.append(person(1, k)));
      held.push_back(s.memory_bytes());
    }
    CHECK(std::equal(held.begin(), held.begin() + 16, held.begin() + 16));
    for (std::size_t cut = 0; cut < bytes.size(); cut += 997)
      CHECK(!session::resume(model, std::span(bytes).first(cut)));
    const auto other = random_model(on_backbone({3 - generation, true}));
    CHECK(session::resume(other, bytes).error().message.find("another shape") != std::string::npos);
  }
}

TEST_CASE("backbones that contradict themselves are refused by name") {
  const auto with = [](const char* backbone, const char* attention) {
    const auto parsed = parse_model_config(std::string(R"({"layers": 4, "attention": )") +
                                           attention + R"(, "backbone": )" + backbone + "}");
    return parsed ? std::string() : parsed.error().message;
  };
  const char* const fits = R"({"rotary": false, "relative_extent": 9})";
  CHECK(with(R"({"generation": 1})", fits) == "");
  CHECK(with(R"({"generation": 1})", "{}").find("take attention.rotary false") !=
        std::string::npos);
  CHECK(with(R"({"generation": 3})", fits).find("backbone.generation: 3 is outside") !=
        std::string::npos);
  CHECK(with(R"({"generation": 2, "experts": 2, "chosen": 3})", fits).find("backbone.chosen") !=
        std::string::npos);
  CHECK(with(R"({"generation": 2, "experts": 4, "shared": 1})", fits).find("backbone.shared") !=
        std::string::npos);
  CHECK(with(R"({"generation": 2, "loop_passes": 3, "loop_begin": 1, "loop_end": 4})", fits)
            .find("backbone.loop_end") != std::string::npos);
  CHECK(with(R"({"generation": 2, "loop_passes": 3, "loop_begin": 2, "loop_end": 4})", fits) == "");
  CHECK(
      with(R"({"generation": 2, "residuals": 0, "loop_passes": 3, "loop_begin": 2, "loop_end": 4})",
           fits)
          .find("layers with residuals") != std::string::npos);
  CHECK(with(R"({"generation": 1, "gates": 2})", fits).find("backbone.gates: 2 is outside") !=
        std::string::npos);
  for (const char* part : {"experts", "dense", "loop_passes"})
    CHECK(with((R"({"generation": 0, ")" + std::string(part) + R"(": 2})").c_str(), "{}")
              .find("go with generation 1 or 2") != std::string::npos);
  CHECK(with(R"({"generation": 2, "windows": 4})", fits) ==
        "model config: backbone.windows: unknown key");
  for (const char* part : {"gates", "residuals"})
    CHECK(with((R"({"generation": 0, ")" + std::string(part) + R"(": 1})").c_str(), "{}")
              .find("go with generation 1 or 2") != std::string::npos);
  const auto c = on_backbone({2, true});
  CHECK(to_json(*parse_model_config(to_json(c))) == to_json(c));
}

TEST_CASE("gates and residuals are parts by themselves: each adds its weights and no others") {
  const auto has = [](const kind& of, const std::string& end) {
    network net(on_backbone(of), 1);
    bool found = false;
    for (const auto& p : net.parameters()) found |= p.name.ends_with(end);
    return found;
  };
  for (const int generation : {1, 2})
    for (const int gates : {0, 1})
      for (const int residuals : {0, 1}) {
        const kind of{generation, false, gates, residuals};
        CAPTURE(generation);
        CAPTURE(gates);
        CAPTURE(residuals);
        CHECK(has(of, "attention.gate") == (gates == 1));
        for (const char* read : {"attention.asks", "feed.asks", "final_asks"})
          CHECK(has(of, read) == (residuals == 1));
        const auto trunk = on_backbone(of).trunk();
        CHECK(trunk.layers[0].attention.row_sinks == (gates == 1));
        CHECK(trunk.depth.layers == (residuals == 1 ? 2 : 0));
      }
  for (const int generation : {1, 2}) {  // unsaid, they are the generation's
    const kind said{generation, true, generation - 1, generation - 1};
    network unsaid(on_backbone({generation, true}), 1), told(on_backbone(said), 1);
    const auto mine = unsaid.parameters(), other = told.parameters();
    REQUIRE(mine.size() == other.size());
    for (std::size_t i = 0; i < mine.size(); ++i) CHECK(at::equal(*mine[i].value, *other[i].value));
  }
}
