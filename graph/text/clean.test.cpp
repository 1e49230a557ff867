#include "graph/text/clean.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace hocket;

TEST_CASE("clean_text leaves text alone") {
  for (const char* good : {"", "hello", "two\nlines\tand a tab",
                           "Grüße, 世界 👩‍👩‍👧 é", "a [31m b ]0; c"})
    CHECK(clean_text(good) == good);
}

TEST_CASE("clean_text replaces what is no UTF-8, one mark a sequence") {
  CHECK(clean_text("a\xFF"
                   "b") == "a\uFFFDb");
  CHECK(clean_text("\xE4\xB8") == "\uFFFD");  // the end is missing
  CHECK(clean_text("\xE4\xB8 x") == "\uFFFD x");
  CHECK(clean_text("\xC0\xAF") == "\uFFFD\uFFFD");                      // overlong
  CHECK(clean_text("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");            // a surrogate
  CHECK(clean_text("\xF4\x90\x80\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD");  // beyond Unicode
}

TEST_CASE("clean_text takes controls and terminal sequences out whole") {
  CHECK(clean_text(std::string("a\0b\x07\x08 c\x7F", 8)) == "ab c");
  CHECK(clean_text("a\rb\r\nc\n") == "a\nb\nc\n");
  CHECK(clean_text("\x1b[31mred\x1b[0m") == "red");
  CHECK(clean_text("\x1b]0;PWNED\x07 title") == " title");
  CHECK(clean_text("\x1b]52;c;AAAA\x1b\\ clip") == " clip");
  CHECK(clean_text("\x1b[2J\x1b[Hcleared") == "cleared");
  CHECK(clean_text("\x1bP+q544e\x1b\\dcs") == "dcs");
  CHECK(clean_text("\x1b(0charset") == "charset");
  CHECK(clean_text("\x1b"
                   "c reset") == " reset");
  CHECK(clean_text("\u009b31mc1 \u009d0;t\u009c.") == "c1 .");
  CHECK(clean_text("\x1b]0;never ends\nnext") == "\nnext");
  CHECK(clean_text("end\x1b") == "end");
  CHECK(clean_text("end\x1b[") == "end");
  CHECK(clean_text("\x1b\x1b[1mx") == "x");
}

TEST_CASE("clean_text takes out what turns or hides words") {
  CHECK(clean_text("bidi \u202Eevil\u202C") == "bidi evil");
  CHECK(clean_text("\uFEFFmark") == "mark");
  CHECK(clean_text("tag\U000E0041\U000E007F") == "tag");
  CHECK(clean_text("\u2066isolate\u2069") == "isolate");
}

TEST_CASE("clean_text of anything is clean") {
  std::mt19937 random(7);
  const std::string parts[] = {"\x1b", "[", "]", "\\", "\x07", "\xC2", "\x9C", "\xE4", "\xB8", "a"};
  for (int i = 0; i < 20000; ++i) {
    std::string bytes;
    for (auto n = random() % 24; n > 0; --n)
      bytes += random() % 2 ? parts[random() % 10] : std::string(1, static_cast<char>(random()));
    const auto once = clean_text(bytes);
    CHECK(clean_text(once) == once);
    for (const char c : once)
      CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t'));
    CHECK(once.find('\x7F') == once.npos);
  }
}

TEST_CASE("cut_text says that it cut, between characters") {
  CHECK(cut_text("short", 5) == "short");
  CHECK(cut_text("longer", 3) == "lon [cut: 3 of 6 bytes]");
  CHECK(cut_text("ääää", 3) == "ä [cut: 2 of 8 bytes]");
  CHECK(cut_text("ä", 1) == " [cut: 0 of 2 bytes]");
}
