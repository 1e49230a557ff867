#include <doctest/doctest.h>

#include <algorithm>

#include "tools/duplex/rules.hpp"

using namespace hocket;
using namespace hocket::duplex;

TEST_CASE("the table of measures reads, and its targets have a side") {
  CHECK(rules().size() > 100);
  for (const auto& r : rules()) {
    INFO(r.name);
    CHECK(r.target.has_value() == (r.good != report::goal::none));
    CHECK_FALSE(r.what.empty());
  }
  const auto latency = std::ranges::find(rules(), "turn.latency_mean_s", &measure_rule::name);
  REQUIRE(latency != rules().end());
  CHECK(latency->target == 0.4);
  CHECK(latency->good == report::goal::at_most);
  CHECK(latency->unit == "s");
  CHECK(latency->per_voice);
}

TEST_CASE("a row that does not read names its line") {
  const auto problem = [](const std::string& row) {
    const auto read = read_rules("# comment\na | heading\n" + row);
    return read ? std::string("fine") : read.error().message;
  };
  CHECK(problem("a | f | v | mean | s | <= 0.5 | flite | what") == "fine");
  CHECK(problem("a | f | v | mean | what") == "rules.table, line 3: 5 columns, not 8");
  CHECK(problem("a | f | v | mode | | | | what") == "rules.table, line 3: no statistic `mode`");
  CHECK(problem("a | f | v | mean | | 0.5 | | what") == "rules.table, line 3: no target: `0.5`");
  CHECK(problem("a | f | v | mean | | <= 0,5 | | what") ==
        "rules.table, line 3: no target: `<= 0,5`");
  CHECK(problem("a | f | v | mean | | | espeak | what").find("no synthesiser") !=
        std::string::npos);
  CHECK(problem("a | | v | mean | | | | what").find("must be there") != std::string::npos);
  CHECK(problem("a | f | v | mean | | | | x\na | f | v | mean | | | | x") ==
        "rules.table, line 4: the name comes twice");
}
