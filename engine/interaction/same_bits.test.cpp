// Streaming gives the bits of whole-sequence evaluation, for any chunking and any batch, and agrees
// with double precision.
#include <random>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/interaction/network.hpp"
#include "engine/transformer/kv_cache.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

struct variant {
  const char* name;
  int window, global_every, kv_heads;
  bool rotary;
  int extent;
  bool half;  ///< weights that bfloat16 holds exactly take the other packing
};

network make(const variant& v) {
  model_config c;
  c.width = 96, c.layers = 3, c.feed_forward = 112, c.vocabulary = 20, c.audio_context = 2;
  c.attention = {.heads = 4,
                 .kv_heads = v.kv_heads,
                 .head_dim = 32,
                 .window = v.window,
                 .global_every = v.global_every,
                 .context = 128,
                 .rotary = v.rotary,
                 .relative_extent = v.extent};
  c.flow = {.patch = 48, .width = 64, .blocks = 2, .expansion = 2, .condition = 32};
  network net(c, 5);
  at::manual_seed(7);
  for (auto& p : net.parameters()) {
    if (p.kind == parameter_kind::vector)
      p.value->add_(at::randn_like(*p.value) * 0.2);
    else
      p.value->copy_(at::randn_like(*p.value) / std::sqrt(p.value->size(1)));
    if (v.half) p.value->copy_(p.value->to(at::kBFloat16));
    if (p.weight) ops::pack(*p.weight);
  }
  return net;
}

const variant variants[] = {{"sliding", 20, 0, 4, true, 0, false},
                            {"global", 0, 0, 4, true, 0, true},
                            {"mixed", 13, 2, 2, true, 0, false},
                            {"relative", 20, 3, 1, false, 17, true}};

}  // namespace

TEST_CASE(
    "streaming is bit-identical to whole sequences, whatever the chunks "
    "and the batch") {
  c10::NoGradGuard no_grad;
  for (const auto& v : variants) {
    CAPTURE(v.name);
    const network net = make(v);
    const std::int64_t length = 73, sequences = 3, width = net.config().width;
    const auto x = at::randn({sequences * length, width}, at::detail::createCPUGenerator(11));
    const auto whole = net.trunk(x, {.sequences = sequences, .length = length, .streams = {}});

    std::mt19937 random(3);
    std::vector<kv_cache> memories(sequences, kv_cache(net.trunk_config()));
    std::vector<std::int64_t> at_position(sequences, 0);
    auto streamed = at::empty_like(whole);
    for (;;) {
      row_map rows;
      std::vector<at::Tensor> parts;
      for (std::int64_t s = 0; s < sequences; ++s) {
        const std::int64_t left = length - at_position[s];
        const std::int64_t count = std::min<std::int64_t>(left, random() % 9);
        if (count == 0) continue;
        rows.streams.push_back({&memories[s], at_position[s], count});
        const std::int64_t row = s * length + at_position[s];
        parts.push_back(x.slice(0, row, row + count));
      }
      if (parts.empty()) {
        if (*std::min_element(at_position.begin(), at_position.end()) == length) break;
        continue;
      }
      const auto out = net.trunk(at::cat(parts, 0), rows);
      std::int64_t from = 0;
      for (const auto& stream : rows.streams) {
        const std::int64_t s = stream.memory - memories.data();
        const std::int64_t row = s * length + at_position[s];
        streamed.slice(0, row, row + stream.count).copy_(out.slice(0, from, from + stream.count));
        from += stream.count, at_position[s] += stream.count;
      }
    }
    CHECK(streamed.equal(whole));

    network exact = net;
    for (auto& p : exact.parameters()) *p.value = p.value->to(at::kDouble);
    const auto want =
        exact.trunk(x.to(at::kDouble), {.sequences = sequences, .length = length, .streams = {}});
    CHECK((whole.to(at::kDouble) - want).abs().max().item<double>() < 1e-4);
  }
}

TEST_CASE("heads and flow of a row do not depend on the other rows") {
  c10::NoGradGuard no_grad;
  const network net = make(variants[0]);
  auto generator = at::detail::createCPUGenerator(2);
  const auto states = at::randn({9, net.config().width}, generator);
  const auto x = at::randn({9, 48}, generator), t = at::rand({9}, generator);
  const auto logits = net.text_logits(states);
  const auto v = net.velocity(x, t, net.flow_condition(states));
  for (int i = 0; i < 9; ++i) {
    const auto row = states.slice(0, i, i + 1);
    CHECK(net.text_logits(row).equal(logits.slice(0, i, i + 1)));
    CHECK(net.velocity(x.slice(0, i, i + 1), t.slice(0, i, i + 1), net.flow_condition(row))
              .equal(v.slice(0, i, i + 1)));
  }
}

TEST_CASE("the plain path streams like whole sequences") {
  c10::NoGradGuard no_grad;
  for (const auto& v : variants) {
    CAPTURE(v.name);
    network net = make(v);
    for (auto& p : net.parameters()) *p.value = p.value->to(at::kDouble);
    const auto x = at::randn({60, net.config().width}, at::kDouble);
    const auto whole = net.trunk(x, {.sequences = 1, .length = 60, .streams = {}});
    kv_cache memory(net.trunk_config());
    std::vector<at::Tensor> parts;
    for (std::int64_t at_row = 0; at_row < 60; at_row += 7) {
      const std::int64_t n = std::min<std::int64_t>(7, 60 - at_row);
      parts.push_back(net.trunk(x.slice(0, at_row, at_row + n),
                                {.sequences = 1, .length = 0, .streams = {{&memory, at_row, n}}}));
    }
    CHECK((at::cat(parts, 0) - whole).abs().max().item<double>() < 1e-10);
  }
}
