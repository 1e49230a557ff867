#include "actors/gateway/tinker/wire/client.hpp"

#include <cmath>

#include <doctest/doctest.h>

#include "actors/gateway/tinker/wire/messages.hpp"

using namespace hocket;
using namespace hocket::tinker;

TEST_CASE("tinker client: the server reads a pass as it was meant") {
  lora::training_datum d;
  d.tokens = {7, 8, 70'000};
  d.inputs["target_tokens"] = {{3}, {8, 70'000, 9}};
  d.inputs["weights"] = {{3}, {0, static_cast<float>(1.0 / 3), 1}};
  for (const bool forward_only : {false, true}) {
    const auto read = decode_forward(encode_pass("s:train:0", 12, std::vector{d, d}, forward_only));
    REQUIRE(read);
    CHECK(!read->problem);
    CHECK(read->model_id == "s:train:0");
    CHECK(read->seq_id == 12);
    CHECK(read->loss_fn == "cross_entropy");
    CHECK(read->forward_only == forward_only);
    REQUIRE(read->data.size() == 2);
    CHECK(read->data[1].tokens == d.tokens);
    for (const char* name : {"target_tokens", "weights"}) {
      CHECK(read->data[1].inputs.at(name).shape == d.inputs[name].shape);
      CHECK(read->data[1].inputs.at(name).values == d.inputs[name].values);
    }
  }
}

TEST_CASE("tinker client: an answer is its loss, or no answer") {
  forward_answer a;
  a.logprobs = {{-1, -2}, {-3}}, a.targets = {0, 0};
  a.metrics = {{"loss:sum", 6}, {"other:mean", 1}};
  const auto read = decode_pass(encode(a));
  REQUIRE(read);
  CHECK(read->loss == 6);
  CHECK(read->sequences == 2);
  const auto refuses = [](const forward_answer& bad) {
    CHECK(decode_pass(encode(bad)).error().code == "tinker.bad_answer");
  };
  auto bad = a;
  bad.metrics["loss:sum"] = NAN;
  refuses(bad);
  bad.metrics.clear();
  refuses(bad);
  bad = a;
  bad.logprobs[0][1] = NAN;
  refuses(bad);
  bad.logprobs[0][1] = -INFINITY;  // as rare as can be is no mistake
  CHECK(decode_pass(encode(bad)));
  CHECK(decode_pass("\xff\xff").error().code == "tinker.bad_answer");
  CHECK(decode_pass("").error().code == "tinker.bad_answer");
}
