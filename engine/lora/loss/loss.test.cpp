#include "engine/lora/loss/loss.hpp"

#include <cmath>
#include <limits>

#include "tests/support/larger.hpp"

#include <doctest/doctest.h>

using namespace hocket::lora;

namespace {

training_datum example() {
  training_datum d;
  d.tokens = {1, 2, 3, 4};
  d.inputs["target_tokens"] = {{4}, {2, 3, 4, 5}};
  d.inputs["weights"] = {{4}, {1, 0, -2, 0.5}};
  d.inputs["logprobs"] = {{4}, {-1, -2, -0.5, -3}};
  d.inputs["advantages"] = {{4}, {1, -1, 0, 2}};
  d.inputs["sequence_ratio_mask"] = {{4}, {1, 0, 1, 1}};
  return d;
}
const std::vector<double> now{-1.4, -1.7, -0.5, -2.2};

std::string problem(const std::string& name, const loss_settings& settings = {}) {
  const auto c = read_loss(name, settings);
  return c ? "" : c.error().message;
}

/// The largest difference of the gradient from differences of the value; `frozen` losses hold a factor
/// still, so the value's own differences are another thing.
double gradient_error(const std::string& name, const loss_settings& settings = {}) {
  const auto c = read_loss(name, settings);
  REQUIRE(c);
  const auto d = example();
  REQUIRE(check(*c, d, 0, 100));
  std::vector<double> gradient(4), unused(4);
  evaluate(*c, d, now, gradient);
  double worst = 0;
  for (std::size_t t = 0; t < 4; ++t) {
    auto up = now, down = now;
    up[t] += 1e-6, down[t] -= 1e-6;
    const double slope = (evaluate(*c, d, up, unused) - evaluate(*c, d, down, unused)) / 2e-6;
    worst = hocket::testing::larger(worst, std::abs(slope - gradient[t]));
  }
  return worst;
}

}  // namespace

TEST_CASE("gradients are the slopes of the values") {
  CHECK(gradient_error("cross_entropy") < 1e-6);
  CHECK(gradient_error("importance_sampling") < 1e-6);
  CHECK(gradient_error("ppo") < 1e-6);
  CHECK(gradient_error("ppo", {{"clip_low_threshold", 0.2}, {"clip_high_threshold", 3.0}}) < 1e-6);
  CHECK(gradient_error("dro", {{"beta", 0.5}}) < 1e-6);
}

TEST_CASE("values by hand") {
  const auto d = example();
  std::vector<double> g(4);
  CHECK(evaluate(*read_loss("cross_entropy", {}), d, now, g) ==
        doctest::Approx(1.4 - 2 * 0.5 + 0.5 * 2.2));
  CHECK(g == std::vector<double>{-1, 0, 2, -0.5});
  const double r0 = std::exp(-0.4), r1 = std::exp(0.3), r3 = std::exp(0.8);
  CHECK(evaluate(*read_loss("ppo", {}), d, now, g) == doctest::Approx(-(r0 - r1 + 2 * 1.2)));
  CHECK(g[3] == 0);  // beyond the clip
  CHECK(evaluate(*read_loss("cispo", {}), d, now, g) ==
        doctest::Approx(-(r0 * -1.4 + r1 * 1.7 + r3 * -2.2 * 2)));
  CHECK(g[3] == doctest::Approx(-2 * r3));  // the factor is held still
  const double s = std::exp((-0.4 + 0 + 0.8) / 3);
  CHECK(evaluate(*read_loss("gspo", {}), d, now, g) == doctest::Approx(-(s - s + 2 * s)));
  CHECK(g[1] == doctest::Approx(s));
}

TEST_CASE("clips by position replace those of the config; an advantage of 0 gives no gradient") {
  auto d = example();
  d.inputs["clip_high_threshold"] = {{4}, {9, 9, 9, 2}};
  std::vector<double> g(4);
  const auto c = *read_loss("ppo", {{"clip_high_threshold", 1.0}});
  REQUIRE(check(c, d, 0, 100));
  evaluate(c, d, now, g);
  CHECK(g[3] == 0);
  d.inputs["clip_high_threshold"].values[3] = 9;
  evaluate(c, d, now, g);
  CHECK(g[3] == doctest::Approx(-2 * std::exp(0.8)));
  d.inputs["logprobs"].values[2] = -1e6;  // an infinite ratio
  CHECK(std::isfinite(evaluate(c, d, now, g)));
  CHECK(g[2] == 0);
}

TEST_CASE("names, keys and inputs that do not fit are named") {
  CHECK(problem("no_such_loss").find("unknown loss_fn `no_such_loss`; there are cross_entropy, ") ==
        0);
  CHECK(problem("stable_reinforce").find("importance_sampling, ppo or cispo") != std::string::npos);
  CHECK(problem("ppo", {{"clip_lo", 0.9}}) ==
        "loss_fn_config of `ppo` has no key `clip_lo`; it takes clip_low_threshold, "
        "clip_high_threshold");
  CHECK(problem("cross_entropy", {{"x", 1.0}}) ==
        "loss_fn_config of `cross_entropy` has no key `x`; it takes none");
  CHECK(problem("dro") == "loss_fn_config of `dro` needs `beta`, such as 0.05");
  CHECK(problem("dro", {{"beta", "a"}}) ==
        "loss_fn_config `beta` of `dro` must be a finite number");
  const auto c = *read_loss("ppo", {});
  auto d = example();
  d.inputs["advantages"] = {{3}, {1, 2, 3}};
  CHECK(check(c, d, 7, 100).error().message ==
        "datum 7: `advantages` has the shape [3]; its model_input has 4 tokens, so [4] is needed");
  // A shape whose product wraps around to the number of values that there are.
  auto wide = example();
  wide.inputs["target_tokens"] = {{4, std::int64_t{1} << 62}, {}};
  CHECK(!check(*read_loss("cross_entropy", {}), wide, 0, 100));
  d = example();
  d.inputs["logprobs"].values[1] = std::numeric_limits<double>::quiet_NaN();
  CHECK(check(c, d, 0, 100).error().message ==
        "NonFiniteInTensor: datum 0: `logprobs` is nan at position 1");
  d = example();
  CHECK(check(c, d, 0, 5).error().message ==
        "datum 0: token 5 in target_tokens is outside the vocabulary, which has 5 tokens");
  d.tokens.clear();
  CHECK(!check(c, d, 0, 100));
}
