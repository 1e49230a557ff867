// A guard in a harness, with a policy of a few topics.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "actors/policy/guard.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/harness.hpp"

namespace hocket::policy {

inline const char* const house = R"(
policy: house
refusal: ["en: sorry no", "de: leider nein"]
topics:
  bombs: {phrases: [build a bomb, nerve gas], except: [nerve gas mask], evidence: refuse}
  more_bombs: {phrases: [plugh]}
  secrets: {phrases: [xyzzy], said: stop, heard: note}
  insults: {phrases: [you fool], heard: note, said: pass, times: 3, then: end, incident: true}
  machine: {phrases: [are you human], heard: answer, said: pass, say: ["en: i am a machine", "de: ich bin eine maschine"]}
  help: {phrases: [want to die], heard: answer, say: ["en: please call one one two"], incident: true}
notices:
  long_use: {after_min: 1, again_min: 1, say: ["en: time for a break"]}
  late: {after_min: 1, again_min: 2, between: "23:00-05:00", say: ["en: it is late"]}
  minors_end: {after_min: 2, people: minors, ends: true, say: ["en: good night"]}
)";

/// Two test programs may run at once.
inline std::filesystem::path folder_of_tests() {
  const auto folder =
      std::filesystem::temp_directory_path() / ("hocket_guard_test." + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  return folder;
}

struct guarded {
  explicit guarded(std::vector<setting> more = {}, const char* rules = house) {
    const auto folder = folder_of_tests();
    const auto file = (folder / "house.yaml").string();
    std::ofstream(file) << rules;
    more.emplace_back("rules", file);
    h = std::make_unique<harness>(type_of<guard>(), harness_options{.config = settings(more)});
    REQUIRE(h->open());
  }
  ~guarded() {
    CHECK(h->close());
    CHECK(h->violations().empty());
  }
  void words(const char* port, const std::string& value, const char* role = "heard") {
    REQUIRE(h->push(port, h->now(), text{value, role}));
    REQUIRE(h->advance(std::chrono::milliseconds(200)));
  }
  void ask(std::uint64_t request, const std::string& task) {
    delegation d;
    d.request = request, d.task = task;
    REQUIRE(h->push("requests", h->now(), d));
  }
  void result(std::uint64_t request, const std::string& value, bool final = true) {
    REQUIRE(h->push("results", h->now(), text{value, "background", request, final}));
  }
  /// The model's voice for 200 ms; the loudest sample that came through.
  float voice(float level) {
    const auto first = h->now().ns() / 1'000'000 * 16;
    audio_chunk c{16000, 1, first, buffer::take(std::vector<float>(3200, level))};
    REQUIRE(h->push("audio", h->now(), c));
    REQUIRE(h->advance(std::chrono::milliseconds(200)));
    const auto out = h->take("audio");
    REQUIRE(out.size() == 1);
    CHECK(out[0].get_if<audio_chunk>()->first_sample == first);
    float peak = 0;
    for (const float v : out[0].get_if<audio_chunk>()->samples.as<float>())
      peak = std::max(peak, v);
    return peak;
  }
  std::string told() {  // the newest
    const auto all = h->values<text>("results");
    return all.empty() ? "" : all.back().role + ": " + all.back().value;
  }
  std::string decision() {
    const auto all = h->values<text>("decisions");
    return all.empty() ? "" : all.back().value;
  }
  std::unique_ptr<harness> h;
};

}  // namespace hocket::policy
