// Configs of interaction models: a round trip, and what is wrong is named.
#include "engine/interaction/config.hpp"

#include <doctest/doctest.h>

using namespace hocket::engine;

TEST_CASE("model configs survive a round trip and name what is wrong") {
  model_config c;
  c.vocabulary = 77, c.attention.window = 12, c.layout.video = 3, c.norm_epsilon = 1e-5;
  const auto back = parse_model_config(to_json(c));
  REQUIRE(back);
  CHECK(to_json(*back) == to_json(c));
  auto message = [](const char* json) {
    const auto parsed = parse_model_config(json);
    return parsed ? std::string() : parsed.error().message;
  };
  CHECK(message(R"({"attention": {"windov": 3}})") ==
        "model config: attention.windov: unknown key");
  CHECK(message(R"({"layers": "six"})") == "model config: layers: wrong type");
  CHECK(message(R"({"layers": 0})").find("layers: 0 is outside [1") != std::string::npos);
  CHECK(message(R"({"attention": {"heads": 4, "kv_heads": 3}})").find("kv_heads") !=
        std::string::npos);
  CHECK(message("nonsense") == "the model's config is not JSON");
}

TEST_CASE("a model's settings become the transformer's layers") {
  model_config c;
  c.width = 64, c.layers = 4, c.feed_forward = 96, c.layout.video = 2;
  c.attention.window = 20, c.attention.global_every = 2, c.attention.context = 77;
  c.attention.rotary_shared = true;
  const auto trunk = c.trunk();
  REQUIRE(trunk.layers.size() == 4);
  CHECK(trunk.layers[0].attention.window == 20);
  CHECK(trunk.layers[1].attention.window == 0);
  CHECK(trunk.context == 77);
  REQUIRE(trunk.rotary.size() == 1);
  // 4 audio, 2 video and 1 text in at one place, 2 text out, 4 speech: 13 slots on 11 places.
  const std::vector<std::int64_t> want{0, 1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  for (std::size_t p = 0; p < want.size(); ++p)
    CHECK(trunk.rotary[0].positions.at(static_cast<std::int64_t>(p)) == want[p]);
  c.attention.rotary = false;
  CHECK(c.trunk().rotary.empty());
  CHECK(c.trunk().layers[0].attention.rotary == -1);
}
