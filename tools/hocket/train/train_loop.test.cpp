// The schedule of a training run.
#include "tools/hocket/train/train_loop.hpp"

#include <doctest/doctest.h>

using namespace hocket::cli;

TEST_CASE("the rate warms up, stays, and falls to nothing") {
  train_config c;
  c.steps = 100, c.warmup_steps = 10, c.decay_steps = 20;
  CHECK(rate_scale(c, 0) == doctest::Approx(0.1));
  CHECK(rate_scale(c, 9) == doctest::Approx(1));
  CHECK(rate_scale(c, 50) == doctest::Approx(1));
  CHECK(rate_scale(c, 90) == doctest::Approx(0.5));
  CHECK(rate_scale(c, 100) == doctest::Approx(0));
  c.warmup_steps = c.decay_steps = 0;
  CHECK(rate_scale(c, 0) == doctest::Approx(1));
  CHECK(rate_scale(c, 100) == doctest::Approx(0));
  c.decay_steps = 100, c.warmup_steps = 1000, c.decay_now = 5;  // a resumed run decays at once
  CHECK(rate_scale(c, 0) == doctest::Approx(1));
}
