#include <doctest/doctest.h>

#include "tools/hocket/process.hpp"
#include "tools/hocket/progress.hpp"
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
  CHECK(cut("grüße", 3) == "gr…");
  CHECK(cut("grüße", 5) == "grüße");
  CHECK(cut("\033[1;34mabcd\033[0m e", 3) == "\033[1;34mab…\033[0m");
  CHECK(display_width(cut("\033[1mabcdef\033[0m", 4)) == 4);
  CHECK(cut("abc", 0) == "");
  CHECK(decibels(0.1) == "-20 dB");
}

TEST_CASE("progress fits any window") {
  for (const int columns : {0, 1, 10, 20, 40, 80, 200}) {
    CHECK(display_width(progress::line(3, 10, "an item", columns)) <= columns);
    CHECK(display_width(progress::line(0, 0, "loading", columns)) <= columns);
  }
  CHECK(progress::line(5, 10, "item", 80).find("5 of 10") != std::string::npos);
}

TEST_CASE("a word of a shell's command line comes back as it was") {
  for (const std::string word : {"plain", "", "two words", "it's", "$HOME `x` \"q\"", "a\nb\tc",
                                 "it's\n\\n", "ü", "*", "~"}) {
    const auto out = run_process({"bash", "-c", "printf %s " + shell_word(word)});
    REQUIRE(out);
    CHECK(out->out == word);
    CHECK(shell_word(word).find('\n') == std::string::npos);
  }
}

TEST_CASE("a program runs without a shell and gets its input") {
  const auto out = run_process({"cat"}, std::string(200'000, 'a'));
  REQUIRE(out);
  CHECK(out->exit_code == 0);
  CHECK(out->out.size() == 200'000);
  CHECK(run_process({"no-such-program"}).error().code == "process.not_found");
}
