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
