#include "actors/record/forgotten.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "actors/record/event_record.hpp"
#include "actors/record/wav_record.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;

namespace {

audio_chunk tone(std::int64_t first, std::int64_t n, float level) {
  return {16000, 1, first, buffer::take(std::vector<float>(static_cast<std::size_t>(n), level))};
}

}  // namespace

TEST_CASE("what is to be forgotten is removed with its pieces, told once, and not written again") {
  const auto dir =
      (std::filesystem::temp_directory_path() / ("hocket-forgets-" + std::to_string(getpid())))
          .string();
  std::filesystem::remove_all(dir);
  std::filesystem::create_directories(dir);
  delegation d;
  d.request = 1, d.task = "{}";
  const auto told = [](harness& h) {
    const auto all = h.values<delegation>("forgotten");
    return all.size() == 1 ? nlohmann::json::parse(all[0].task) : nlohmann::json();
  };
  for (const bool in_turns : {false, true}) {
    CAPTURE(in_turns);
    std::vector<setting> how;
    if (in_turns)
      how.emplace_back("rotate", value(value::map{{"minutes", {}, value(std::int64_t{1})}}));
    harness wav(type_of<record::wav_record>(), {.config = settings(how), .output_dir = dir});
    REQUIRE(wav.open());
    for (int s = 0; s < 130; ++s) {
      REQUIRE(wav.push("person", wav.now(), tone(s * 16000, 16000, 0.5f)));
      REQUIRE(wav.advance(std::chrono::seconds(1)));
    }
    CHECK(std::filesystem::exists(dir + "/conversation.wav"));
    REQUIRE(wav.push("forgets", wav.now(), d));
    REQUIRE(wav.push("person", wav.now(), tone(130 * 16000, 16000, 0.5f)));
    REQUIRE(wav.push("forgets", wav.now(), d));
    REQUIRE(wav.advance(std::chrono::seconds(1)));
    CHECK(told(wav)["forget"] == "done");
    CHECK(told(wav)["files"] == (in_turns ? 3 : 1));
    CHECK(told(wav)["bytes"].get<std::int64_t>() > 125 * 16000 * 4);
    REQUIRE(wav.close());
    CHECK(wav.violations().empty());
    std::vector<setting> words = how;
    words.emplace_back("pii.text", true);
    harness events(type_of<record::event_record>(), {.config = settings(words), .output_dir = dir});
    REQUIRE(events.open());
    for (int s = 0; s < 130; ++s) {
      REQUIRE(events.push("heard", timestamp::of_ms(s * 1000), text{"my secret", "heard"}));
    }
    REQUIRE(events.push("forgets", timestamp::of_ms(130'000), d));
    REQUIRE(events.push("heard", timestamp::of_ms(131'000), text{"my secret", "heard"}));
    CHECK(told(events)["files"] == (in_turns ? 3 : 1));
    CHECK(events.counter("forgotten") == 1);
    REQUIRE(events.close());
    CHECK(std::filesystem::is_empty(dir));
  }
  std::filesystem::remove_all(dir);
}
