// The training path's kernels against the plain path in double precision, gradients included.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "engine/interaction/network.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

model_config small(int window, int kv_heads, bool rotary, int extent) {
  model_config c;
  c.width = 64, c.layers = 2, c.feed_forward = 96, c.vocabulary = 20, c.audio_context = 2;
  c.attention = {.heads = 4,
                 .kv_heads = kv_heads,
                 .head_dim = 32,
                 .window = window,
                 .rotary = rotary,
                 .relative_extent = extent};
  c.flow = {.patch = 48, .width = 64, .blocks = 2, .expansion = 2, .condition = 32};
  return c;
}

/// Random weights everywhere, also where a fresh network is zero.
void randomise(network& net) {
  c10::NoGradGuard no_grad;
  at::manual_seed(7);
  for (auto& p : net.parameters()) {
    if (p.kind == parameter_kind::vector)
      p.value->add_(at::randn_like(*p.value) * 0.2);
    else
      p.value->copy_(at::randn_like(*p.value) / std::sqrt(p.value->size(1)));
    if (p.weight) ops::refresh_half(*p.weight);
  }
}

network in_double(const network& net) {
  network copy = net;
  for (auto& p : copy.parameters())
    *p.value = p.value->detach().to(at::kDouble).set_requires_grad(true);
  return copy;
}

at::Tensor whole_loss(const network& net, at::ScalarType type, std::int64_t length) {
  auto generator = at::detail::createCPUGenerator(3);
  const auto& c = net.config();
  const auto index = at::randint(0, 1280 * 2, {length, 160}, generator, at::kInt);
  const auto patches = at::randn({length, 48}, generator, at::kFloat).to(type);
  const auto slots = at::arange(length).remainder(11);
  auto x = net.embed_audio(index) + net.embed_speech(patches);
  x = net.place(x, slots);
  const auto states = net.trunk(x, {.sequences = 2, .length = length / 2, .streams = {}});
  const auto probe = at::randn({length, c.vocabulary}, generator, at::kFloat).to(type);
  const auto t = at::rand({length}, generator).to(type);
  const auto v = net.velocity(patches, t, net.flow_condition(states));
  return (net.text_logits(states) * probe).sum().to(type) + (v * patches).sum().to(type) +
         net.heard_logits(states).square().sum().to(type);
}

double relative_error(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b).norm() / (b.norm() + 1e-9)).item<double>();
}

}  // namespace

TEST_CASE("training kernels agree with double precision, gradients included") {
  struct shape {
    int window, kv_heads;
    bool rotary;
    int extent;
  };
  for (const auto s : {shape{40, 4, true, 0}, shape{0, 2, true, 0}, shape{70, 1, false, 33}}) {
    CAPTURE(s.window);
    network net(small(s.window, s.kv_heads, s.rotary, s.extent), 5);
    randomise(net);
    auto exact = in_double(net);
    auto fast = net.alias();
    const std::int64_t length = 2 * 150;
    const auto want = whole_loss(exact, at::kDouble, length);
    const auto got = whole_loss(fast, at::kFloat, length);
    want.backward();
    got.backward();
    auto p = exact.parameters();
    auto q = fast.parameters();
    for (std::size_t i = 0; i < p.size(); ++i) {
      if (!p[i].value->grad().defined()) continue;
      CAPTURE(p[i].name);
      REQUIRE(q[i].value->grad().defined());
      const double error = relative_error(q[i].value->grad(), p[i].value->grad());
      CHECK(error < 0.03);
    }
  }
}

TEST_CASE("the video stem maps patches to the model's width and has gradients") {
  model_config c = small(40, 4, true, 0);
  c.layout.video = 2;
  network net(c, 3);
  for (auto& p : net.parameters())
    if (p.weight) ops::refresh_half(*p.weight);
  auto exact = in_double(net);
  auto fast = net.alias();
  const auto patches = at::rand({3, 2, 40, 40, 3}, at::detail::createCPUGenerator(4));
  const auto probe = at::randn({3, c.width}, at::detail::createCPUGenerator(5));
  const auto want = exact.embed_video(patches.to(at::kDouble));
  const auto got = fast.embed_video(patches);
  CHECK(got.sizes() == at::IntArrayRef({3, c.width}));
  CHECK(relative_error(got, want) < 0.02);
  (want * probe).sum().backward();
  (got * probe).sum().backward();
  auto p = exact.parameters(), q = fast.parameters();
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i].name.rfind("embed.video", 0) == 0)
      CHECK(relative_error(q[i].value->grad(), p[i].value->grad()) < 0.03);
}
