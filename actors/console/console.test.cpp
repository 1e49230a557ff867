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
