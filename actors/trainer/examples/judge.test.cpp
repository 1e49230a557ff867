#include "actors/trainer/examples/judge.hpp"

#include <doctest/doctest.h>

#include "actors/trainer/examples/text_example.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

TEST_CASE("judge: arguments say the same whatever their form") {
  CHECK(same_argument(5, "5"));
  CHECK(same_argument("7 * 8", "7*8"));
  CHECK(same_argument("Olive oil", "olive oil."));
  CHECK(same_argument("the Harbour", "harbour"));
  CHECK(!same_argument("7.5 minutes", "75 minutes"));
  CHECK(!same_argument("theatre", "atre"));
  CHECK(!same_argument(5, 6));
  CHECK(!same_arguments({{"a", 1}}, {{"a", 1}, {"b", 2}}));
  CHECK(!same_arguments({{"a", 1}}, json::array()));
}

TEST_CASE("judge: a request passes with all that it needs and nothing else") {
  const labelled_request two{
      "two", "task", "", {{"timer", {{"minutes", 3}}}, {"timer", {{"minutes", 5}}}}, "done"};
  const auto passes = [&](std::vector<made_call> calls, bool failed = false) {
    talk_score s;
    return s.add(two, calls, failed);
  };
  CHECK(passes({{"timer", R"({"minutes": 5})"}, {"timer", R"({"minutes": 3})"}}));
  CHECK(!passes({{"timer", R"({"minutes": 5})"}, {"timer", R"({"minutes": 3})"}}, true));
  CHECK(!passes({{"timer", R"({"minutes": 5})"}}));
  CHECK(!passes({{"timer", R"({"minutes": 5})"}, {"timer", R"({"minutes": 4})"}}));
  CHECK(!passes({{"timer", R"({"minutes": 5})"}, {"timer", R"({"minutes": 3})"}, {"clock", "{}"}}));
  CHECK(!passes({{"timer", "{"}, {"timer", ""}}));
  talk_score s;
  const labelled_request none{"talk", "hello", "", {}, "hello"};
  CHECK(s.add(none, {}, false));
  CHECK(!s.add(none, std::vector<made_call>{{"clock", "{}"}}, false));
  CHECK(s.pass() == 0.5);
}

TEST_CASE("text_example: what is no JSON object is refused") {
  const auto of = [](std::string bytes) {
    std::vector<std::uint8_t> v(bytes.begin(), bytes.end());
    const auto n = static_cast<std::int64_t>(v.size());
    return json_of({{{"json", tensor{dtype::u8, {n}, buffer::take(std::move(v))}}}, ""});
  };
  CHECK(json_of(json_example({{"text", "a"}}, "b")).value()["text"] == "a");
  CHECK(of(R"({"text": "a"})"));
  for (const std::string bad : {"", "{", "[1]", "{} {}", R"({"a": 1, "a": 2})"}) CHECK(!of(bad));
  CHECK(!of(std::string(100'000, '[')));
  CHECK(!of("{\"a\": \"" + std::string(2u << 20, 'x') + "\"}"));
  CHECK(!json_of({}));
  CHECK(!json_of({{{"json", tensor{dtype::f32, {0}, {}}}}, ""}));
}

}  // namespace
}  // namespace hocket::trainer
