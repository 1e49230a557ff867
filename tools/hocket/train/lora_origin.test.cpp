#include "tools/hocket/train/lora_origin.hpp"

#include <doctest/doctest.h>

namespace hocket::cli {

TEST_CASE(
    "train lora: a checkpoint goes on only with the data, licence, consent and precision it was "
    "begun with") {
  const lora_origin was{"aa", "bb", "CC0-1.0", "own voice"};
  const auto before = to_json(was);
  CHECK(check_origin(before, was, "a/checkpoint"));
  const auto told = [&](auto change) {
    auto now = was;
    change(now);
    const auto done = check_origin(before, now, "a/checkpoint");
    REQUIRE(!done);
    CHECK(done.error().code == "train.other_data");
    return done.error().message;
  };
  CHECK(told([](lora_origin& o) { o.data_sha256 = "cc"; }) ==
        "a/checkpoint was begun with another `data` (\"aa\", and now it is \"cc\"): train anew "
        "without --resume, or in another folder");
  CHECK(told([](lora_origin& o) { o.validation_sha256.clear(); }).find("`validation`") !=
        std::string::npos);
  CHECK(told([](lora_origin& o) { o.consent = "given"; }).find("`consent`") != std::string::npos);
  const auto two = told([](lora_origin& o) { o.licence = "MIT", o.data_sha256 = "cc"; });
  CHECK(two.find("`licence` (\"CC0-1.0\", and now it is \"MIT\")") != std::string::npos);
  CHECK(two.find("`data`") != std::string::npos);
  CHECK(two.find("`consent`") == std::string::npos);
  for (const auto& nothing : {nlohmann::json(), nlohmann::json(3), nlohmann::json::array()})
    CHECK(check_origin(nothing, was, "a/checkpoint").error().message.find("does not say") !=
          std::string::npos);
  CHECK(!check_origin(nlohmann::json::object(), was, "a/checkpoint"));
  CHECK(told([](lora_origin& o) { o.precision = "bfloat16"; }).find("`precision`") !=
        std::string::npos);
  auto older = before;  // those that say nothing of it were begun in fp32
  older.erase("precision");
  CHECK(check_origin(older, was, "a/checkpoint"));
}

}  // namespace hocket::cli
