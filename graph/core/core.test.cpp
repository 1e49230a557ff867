#include <doctest/doctest.h>

#include "graph/core/clock.hpp"
#include "graph/core/diagnostic.hpp"
#include "graph/core/result.hpp"
#include "graph/core/samples.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket {

TEST_CASE("timestamp: samples map to time and back without drift, for days") {
  for (const std::int64_t rate : {8000, 11025, 16000, 24000, 44100, 48000, 192000}) {
    const std::int64_t days = 10 * 86400 * rate;
    for (std::int64_t i : {std::int64_t{0}, std::int64_t{1}, rate - 1, rate, 7 * rate + 13, days}) {
      CAPTURE(rate);
      CAPTURE(i);
      CHECK(sample_index(timestamp::of_samples(i, rate), rate) == i);
    }
    CHECK(timestamp::of_samples(days, rate).seconds() == 864000.0);
  }
}

TEST_CASE("timestamp: sums, differences and the two ends of time") {
  const auto t = timestamp::of_ms(1500);
  CHECK(t.ns() == 1'500'000'000);
  CHECK(t.seconds() == 1.5);
  CHECK(t + std::chrono::milliseconds(250) == timestamp::of_ms(1750));
  CHECK(t - std::chrono::seconds(2) == timestamp::of_ms(-500));
  CHECK(timestamp::of_ms(-500) - t == -std::chrono::seconds(2));
  CHECK(timestamp::min() < timestamp::of_ms(-1));
  CHECK(timestamp::max() > t);
  // Before the stream's start as after it: a sample before zero is before zero.
  for (const std::int64_t rate : {8000, 11025, 44100, 192000})
    for (std::int64_t i = -rate - 1; i < 3; i += 997) {
      CHECK(sample_index(timestamp::of_samples(i, rate), rate) == i);
      CHECK((timestamp::of_samples(i, rate) < timestamp()) == (i < 0));
    }
  // Half a sample rounds up, on both sides of zero.
  CHECK(sample_index(timestamp(62'500 / 2), 16000) == 1);
  CHECK(sample_index(timestamp(62'500 / 2 - 1), 16000) == 0);
  CHECK(sample_index(timestamp(-62'500 / 2), 16000) == 0);
  CHECK(sample_index(timestamp(-62'500 / 2 - 1), 16000) == -1);
}

TEST_CASE("micro_turn_grid: half-open intervals, also before zero") {
  const micro_turn_grid grid;
  CHECK(grid.index_of(timestamp::of_ms(0)) == 0);
  CHECK(grid.index_of(timestamp::of_ms(200) - duration(1)) == 0);
  CHECK(grid.index_of(timestamp::of_ms(200)) == 1);
  CHECK(grid.index_of(timestamp(-1)) == -1);
  CHECK(grid.index_of(timestamp::of_ms(-200)) == -1);
  for (std::int64_t k : {-3, 0, 5}) {
    CHECK(grid.index_of(grid.start_of(k)) == k);
    CHECK(grid.end_of(k) == grid.start_of(k + 1));
  }
}

TEST_CASE("clocks: one follows, one stands still until told") {
  const steady_clock steady;
  CHECK(steady.now() >= timestamp());
  CHECK(!steady.is_virtual());
  manual_clock manual;
  CHECK(manual.now() == timestamp());
  manual.advance(std::chrono::milliseconds(5));
  CHECK(manual.now() == timestamp::of_ms(5));
  manual.set(timestamp::of_ms(3));
  CHECK(manual.now() == timestamp::of_ms(3));
}

TEST_CASE("diagnostics: sorted by place, repeats told once, printed in one shape") {
  diagnostics all;
  CHECK(!all.has_errors());
  all.add({severity::warning, {"b.yaml", 1, 1}, "x.y", "later", "", {}});
  all.add({severity::error, {"a.yaml", 10, 2}, "x.z", "second", "do this", {"one", "two"}});
  all.add({severity::error, {"a.yaml", 9, 2}, "x.z", "first", "", {}});
  all.add({severity::error, {"a.yaml", 9, 2}, "x.z", "first", "", {}});
  all.sort();
  CHECK(all.has_errors());
  CHECK(all.to_string() ==
        "a.yaml:9:2: error: first [x.z]\n"
        "a.yaml:10:2: error: second [x.z]\n  hint: do this\n  note: one\n  note: two\n"
        "b.yaml:1:1: warning: later [x.y]\n");
  CHECK(to_string({severity::error, {"f", 0, 0}, "c.d", "m", "", {}}) == "f: error: m [c.d]\n");
  CHECK(to_string({severity::error, {}, "c.d", "m", "", {}}) == "error: m [c.d]\n");
}

TEST_CASE("diagnostics: an error is never dropped for a warning that reads the same") {
  for (const bool warning_first : {true, false}) {
    diagnostics all;
    for (const bool warning : {warning_first, !warning_first})
      all.add({warning ? severity::warning : severity::error, {"a", 1, 1}, "x.y", "m", "", {}});
    all.sort();
    CHECK(all.has_errors());
    CHECK(all.to_string() == "a:1:1: error: m [x.y]\na:1:1: warning: m [x.y]\n");
  }
  // What says more is no repeat; of places, numbers are compared as numbers.
  diagnostics all;
  all.add({severity::error, {"a", 2, 1}, "x.y", "m", "try b", {}});
  all.add({severity::error, {"a", 2, 1}, "x.y", "m", "try c", {}});
  all.add({severity::error, {"a", 2, 1}, "x.y", "m", "try c", {}});
  all.add({severity::error, {"a", 2, 1}, "x.z", "m", "", {"n"}});
  all.add({severity::error, {"a", 10, 1}, "x.y", "m", "", {}});
  all.add({severity::error, {"a", 0, 0}, "x.y", "whole", "", {}});
  all.sort();
  REQUIRE(all.items().size() == 5);
  CHECK(all.items().front().message == "whole");
  CHECK(all.items()[2].hint == "try c");
  CHECK(all.items().back().where.line == 10);
  diagnostics none;
  none.sort();
  CHECK(none.to_string().empty());
}

TEST_CASE("nearest: of short words, what has nothing in common is no typo") {
  CHECK(nearest("x", {"ab", "c"}).empty());
  CHECK(nearest("ab", {"cd"}).empty());
  CHECK(nearest("on", {"off"}) == "off");
  CHECK(nearest("hz", {"ms", "hs"}) == "hs");
  CHECK(nearest("mcp", {"mic", "map"}) == "map");
  CHECK(nearest("", {"a", "ab"}).empty());
  CHECK(nearest("same", {"came", "same"}) == "same");
  // Of two that are as near, the one that comes first.
  CHECK(nearest("bat", {"cat", "hat"}) == "cat");
}

TEST_CASE("nearest: a typo finds its word, a stranger finds none") {
  const std::vector<std::string> words = {"rate_hz", "hop_ms", "bins"};
  CHECK(nearest("rate_zh", words) == "rate_hz");
  CHECK(nearest("bin", words) == "bins");
  CHECK(nearest("elephant", words).empty());
  CHECK(nearest("x", {}).empty());
  const std::string far(200, 'a');
  CHECK(nearest("left." + far + ".mcir", {far, "right." + far + ".mic", "left." + far + ".mic"}) ==
        "left." + far + ".mic");
  CHECK(nearest(std::string(30, 'b'), {std::string(20, 'a') + std::string(10, 'b')}).empty());
}

TEST_CASE("result: errors pass on under other types") {
  auto inner = [](bool good) -> result<int> {
    if (!good) return fail("a.b", "no");
    return 5;
  };
  auto outer = [&](bool good) -> result<void> {
    HOCKET_TRY(inner(good));
    return {};
  };
  CHECK(outer(true));
  CHECK(outer(false).error().code == "a.b");
}

}  // namespace hocket
