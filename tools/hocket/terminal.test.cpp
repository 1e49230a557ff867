#include <doctest/doctest.h>

#include "tools/hocket/process.hpp"
#include "tools/hocket/terminal.hpp"

using namespace hocket::cli;

TEST_CASE("text fits its columns whatever its bytes") {
  CHECK(fit("ab", 4) == "ab  ");
  CHECK(fit("ab", 4, true) == "  ab");
  CHECK(fit("grüße", 5) == "grüße");
  CHECK(fit("grüße", 4) == "grü…");
  CHECK(display_width("\033[1;34mab\033[0m") == 2);
  CHECK(bar(0.5, 4) == "██  ");
  CHECK(bar_leftward(0.25, 4) == "   █");
  CHECK(display_width(bar(0.37, 9)) == 9);
  CHECK(decibels(0.1) == "-20 dB");
}

TEST_CASE("a program runs without a shell and gets its input") {
  const auto out = run_process({"cat"}, std::string(200'000, 'a'));
  REQUIRE(out);
  CHECK(out->exit_code == 0);
  CHECK(out->out.size() == 200'000);
  CHECK(run_process({"no-such-program"}).error().code == "process.not_found");
}
