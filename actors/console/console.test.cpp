#include "actors/console/console.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include "graph/contract/harness.hpp"

using namespace hocket;

namespace {

value script(std::vector<std::string> lines) {
  value::list items;
  for (auto& l : lines) items.emplace_back(std::move(l));
  return settings({{"script", value(std::move(items))}});
}

int keyboard[2];
int screen[2];

struct piped final : console::text_console {
  explicit piped(config c) : text_console(std::move(c), keyboard[0], screen[1]) {}
};

}  // namespace

TEST_CASE("text.console plays its script at the times given, then ends") {
  harness h(type_of<console::text_console>(),
            {.config = script({"1.5 second line", "0.25 hello there"})});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(3000)));
  const auto& out = h.outputs("text");
  REQUIRE(out.size() == 2);
  CHECK(out[0].header.ts == timestamp::of_ms(250));
  CHECK(out[0].get_if<text>()->value == "hello there");
  CHECK(out[0].get_if<text>()->role == "user");
  CHECK(out[1].header.ts == timestamp::of_ms(1500));
  CHECK(h.violations().empty());
}

TEST_CASE("text.console refuses a script that is none") {
  for (const char* bad : {"hello", "1.5", "1.5 ", "-1 x", ""}) {
    harness h(type_of<console::text_console>(), {.config = script({bad})});
    const auto opened = h.open();
    REQUIRE_MESSAGE(!opened, bad);
    CHECK(opened.error().code == "console.bad_script");
  }
}

namespace {
bool is_clean(const std::string& s) {
  for (const unsigned char c : s)
    if (c < 0x20 || c == 0x7f) return false;
  return s.find("\u202e") == s.npos && s.find("\xff") == s.npos;
}
}  // namespace

// Title, clear screen, clipboard, carriage return, bell, direction, a lone C1, broken UTF-8.
TEST_CASE("text.console: terminal escapes go neither into the graph nor onto the screen") {
  const std::vector<std::string> nasty = {"\x1b]0;PWNED\a title",
                                          "\x1b[2J\x1b[H cleared",
                                          "\x1b]52;c;cHduZWQ=\a clip",
                                          "a\rOVERWRITTEN",
                                          "bell\a",
                                          "bidi \u202e evil",
                                          "c1 \xc2\x9b"
                                          "31m red",
                                          "broken \xff\xfe utf",
                                          "dcs \x1bP1$r0m\x1b\\ x",
                                          "del \x7f\x7f"};
  std::vector<std::string> lines;
  for (const auto& n : nasty) lines.push_back("0.1 " + n);
  harness h(type_of<console::text_console>(), {.config = script(lines)});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(1000)));
  REQUIRE(h.outputs("text").size() == nasty.size());
  for (const auto& t : h.values<text>("text")) {
    INFO(t.value);
    CHECK(is_clean(t.value));
    CHECK(t.value.find("PWNED") == std::string::npos);
    CHECK(t.value.find("cHdu") == std::string::npos);
  }
  REQUIRE(::pipe(keyboard) == 0);
  REQUIRE(::pipe(screen) == 0);
  harness typed(type_of<piped>());
  REQUIRE(typed.open());
  for (const auto& n : nasty) {
    const auto line = n + "\n";
    REQUIRE(::write(keyboard[1], line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  }
  REQUIRE(::write(keyboard[1], "\x1b[2J\n", 5) == 5);  // nothing is left of it
  ::close(keyboard[1]);
  REQUIRE(typed.run_to_end(timestamp::of_ms(1000)));
  CHECK(typed.outputs("text").size() == nasty.size());
  for (const auto& t : typed.values<text>("text")) CHECK(is_clean(t.value));
  for (const auto& n : nasty) {
    REQUIRE(typed.push("text", typed.now(), text{n, "\x1b[31mmodel", 0, true}));
    char shown[256] = {};
    const auto got = ::read(screen[0], shown, sizeof shown);
    REQUIRE(got > 0);
    const std::string line(shown, static_cast<std::size_t>(got));
    CHECK(line.back() == '\n');
    CHECK(is_clean(line.substr(0, line.size() - 1)));
    CHECK(line.starts_with("model: "));
  }
  for (const int fd : {keyboard[0], screen[0], screen[1]}) ::close(fd);
}

TEST_CASE("text.console reads lines without waiting and prints whole utterances") {
  REQUIRE(::pipe(keyboard) == 0);
  REQUIRE(::pipe(screen) == 0);
  harness h(type_of<piped>());
  REQUIRE(h.open());
  REQUIRE(h.advance_to(timestamp::of_ms(200)));
  CHECK(h.outputs("text").empty());
  REQUIRE(::write(keyboard[1], "one\ntwo", 7) == 7);
  REQUIRE(h.advance_to(timestamp::of_ms(400)));
  CHECK(h.outputs("text").size() == 1);
  CHECK(!h.ended());
  ::close(keyboard[1]);
  REQUIRE(h.run_to_end(timestamp::of_ms(1000)));
  CHECK(h.values<text>("text").at(1).value == "two");
  REQUIRE(h.push("text", h.now(), text{"fifty", "model", 0, false}));
  REQUIRE(h.push("text", h.now(), text{"six", "model", 0, true}));
  char line[64] = {};
  REQUIRE(::read(screen[0], line, sizeof line - 1) > 0);
  CHECK(std::string(line) == "model: fifty six\n");
  REQUIRE(h.close());
  for (const int fd : {keyboard[0], screen[0], screen[1]}) ::close(fd);
}
