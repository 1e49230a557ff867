#include "actors/gateway/tinker/futures.hpp"

#include <doctest/doctest.h>

using namespace hocket::tinker;

// What waits for an answer needs a connection: tests/integration/tinker has it.
TEST_CASE("an owner has its own number of futures") {
  future_table t;
  t.allow("few", 2);
  const auto first = t.add("few");
  CHECK(!first.empty());
  CHECK(!t.add("few").empty());
  CHECK(t.add("few").empty());
  CHECK(t.outstanding("few") == 2);
  CHECK(!t.add("other").empty());
  t.finish(first, done({{"x", 1}}));
  t.finish(first, done({{"x", 2}}));  // a second end is none
  CHECK(t.outstanding("few") == 1);
  CHECK(!t.add("few").empty());
  CHECK(t.add("few").empty());
}
