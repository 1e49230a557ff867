// Adapters of the tiny random model: what is said through one, and what is said again without it.
#include <doctest/doctest.h>

#include "actors/background/language/tiny_chat.test.hpp"
#include "engine/language/network/open.hpp"
#include "engine/lora/trainer.hpp"

using namespace hocket;
using namespace hocket::background;
using namespace hocket::background::test;
using hocket::language::fixture::checkpoint;

namespace {

/// One that has learnt to say one letter only.
adapter trained(const checkpoint& files, int rank = 4) {
  const auto model =
      language::open_language_model(files.folder.string(), 64, language::block_types::widened);
  REQUIRE(model);
  lora::lora_config c;
  c.rank = rank;
  c.modules = lora::modules_of({.attention = true, .feed_forward = true, .unembed = false});
  auto t = lora::trainer::create(*model, c, 1);
  REQUIRE(t);
  lora::training_datum d;
  d.tokens = {1, 3, 4, 5, 6, 7};
  d.inputs["target_tokens"] = {{6}, {9, 9, 9, 9, 9, 9}};
  d.inputs["weights"] = {{6}, {1, 1, 1, 1, 1, 1}};
  for (int i = 0; i < 30; ++i) {
    REQUIRE((*t)->forward_backward({}, {&d, 1}));
    REQUIRE((*t)->step({.learning_rate = 0.05}));
  }
  const auto made = (*t)->files();
  const nlohmann::json card{{"adapter_config", nlohmann::json::parse(made.config)}};
  return {"letter-1", card.dump(),
          buffer::take(std::vector<char>(made.weights.begin(), made.weights.end()))};
}

std::string said(chat_backend& chat, const std::string& what) {
  const auto reply = chat.ask(asking(what));
  REQUIRE_MESSAGE(reply, reply.error().message);
  return reply->text;
}

}  // namespace

TEST_CASE(
    "chat_adapters: what is said changes with the adapter, and back, whatever was read before") {
  const checkpoint files;
  const auto a = trained(files);
  for (const std::size_t prefix_bytes : {1'000'000, 0}) {
    CAPTURE(prefix_bytes);
    const auto chat = opened(files, 1, prefix_bytes), other = opened(files, 1, prefix_bytes);
    const auto before = said(*chat, "one two");
    REQUIRE(chat->prepare(a));
    CHECK(said(*chat, "one two") == before);  // read, and not yet taken
    REQUIRE(chat->adapt(a));
    const auto through = said(*chat, "one two");
    CHECK(through != before);
    CHECK(through.find("ggg") != std::string::npos);
    CHECK(said(*other, "one two") == before);  // another conversation of the same model
    REQUIRE(other->adapt(a));
    CHECK(said(*other, "one two") == through);
    REQUIRE(chat->adapt({"", "{}", {}}));
    CHECK(said(*chat, "one two") == before);
    CHECK(said(*other, "one two") == through);
  }
}

TEST_CASE("chat_adapters: one that does not fit is refused by name, and nothing has changed") {
  const checkpoint files;
  const auto chat = opened(files);
  const auto before = said(*chat, "three");
  auto a = trained(files);
  auto no_config = a;
  no_config.card_json = "{}";
  auto other_rank = a;
  other_rank.card_json = trained(files, 2).card_json;
  auto torn = a;
  const auto bytes = a.weights.as<char>();
  torn.weights = buffer::take(std::vector<char>(bytes.begin(), bytes.end() - 7));
  for (const auto& bad : {no_config, other_rank, torn}) {
    for (const auto& done : {chat->prepare(bad), chat->adapt(bad)}) {
      REQUIRE(!done);
      CHECK(done.error().message.starts_with("letter-1: "));
    }
    CHECK(said(*chat, "three") == before);
  }
}
