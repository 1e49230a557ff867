#include "actors/gateway/tinker/kept_results.hpp"

#include <algorithm>

#include <doctest/doctest.h>

using namespace hocket::tinker;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;

/// Results under a clock that the test sets.
struct shelf {
  kept_results kept;
  kept_results::clock::time_point now{};
  void end(const std::string& id, const std::string& owner, std::size_t bytes = 1) {
    kept.add(id, owner, bytes, now);
  }
  void read(const std::string& id) { kept.note_read(id, now); }
  names after(std::chrono::milliseconds time) {
    now += time;
    auto all = kept.expire(now);
    std::ranges::sort(all);
    return all;
  }
};

}  // namespace

TEST_CASE("a result that nobody read stays its whole time, one that was read a while") {
  shelf s{kept_results({.unread = 20min, .read = 2min})};
  s.end("read", "ann"), s.end("unread", "ann");
  CHECK(s.after(19min) == names{});
  s.read("read");  // shortly before its time: it stays as long as any that was read
  CHECK(s.after(1min) == names{});
  CHECK(s.after(1s) == names{"unread"});
  s.read("read");  // again: its client lost it once more
  CHECK(s.after(2min) == names{});
  CHECK(s.after(1s) == names{"read"});
  CHECK(s.kept.bytes() == 0);
}

TEST_CASE("what an owner has read and holds too many bytes of goes sooner, the longest ago first") {
  shelf s{kept_results({.read = 2min, .read_at_least = 1min, .read_bytes = 100})};
  for (const auto* id : {"a", "b", "c"}) {
    s.end(id, "ann", 50), s.end(std::string("of bob ") + id, "bob", 20);
    s.read(id), s.read(std::string("of bob ") + id);
    CHECK(s.after(10s) == names{});
  }
  s.end("unread", "ann", 1'000);
  CHECK(s.after(30s) == names{});  // none was read a minute ago
  CHECK(s.after(1s) == names{"a"});
  CHECK(s.after(10s) == names{});  // b and c fit
  CHECK(s.after(70s) == names{"b", "c", "of bob a", "of bob b", "of bob c"});
}

TEST_CASE("a result that has not ended does not go, and has its time from its end on") {
  shelf s{kept_results({.unread = 20min, .most_bytes = 10})};
  s.kept.expect("late", "ann");
  s.read("late"), s.kept.note_received("late");
  CHECK(s.after(1h) == names{});
  s.end("late", "ann", 5);
  CHECK(s.after(20min) == names{});
  s.kept.expect("more", "ann");
  s.end("other", "bob", 6);
  CHECK(s.after(0s) == names{"other"});  // bob has the most
  CHECK(s.after(1s) == names{"late"});
}

TEST_CASE("what a client says that it has goes at once, what it cannot have does not") {
  shelf s{kept_results({})};
  s.end("read", "ann"), s.end("unread", "ann");
  s.read("read");
  s.kept.note_received("read"), s.kept.note_received("unread"), s.kept.note_received("none");
  CHECK(s.after(0s) == names{"read"});
}

TEST_CASE("who reads nothing may begin nothing more, and loses nothing") {
  shelf s{kept_results({.unread_bytes = 100})};
  s.end("a", "ann", 60), s.end("b", "bob", 60);
  CHECK(!s.kept.is_full("ann"));
  s.end("more", "ann", 60);
  CHECK(s.kept.is_full("ann"));
  CHECK(!s.kept.is_full("bob"));
  CHECK(!s.kept.is_full("nobody"));
  CHECK(s.after(20min) == names{});
  s.read("a");
  CHECK(!s.kept.is_full("ann"));
}

TEST_CASE("a large result that was read stays for as long as a slow client may take it") {
  constexpr std::size_t mib = 1 << 20;
  shelf s{kept_results({.read = 2min, .read_at_least = 1min, .read_bytes = 4 * mib})};
  s.end("large", "ann", 10 * mib), s.end("small", "ann", 100);
  s.read("large"), s.read("small");
  CHECK(s.after(1min + 160s) == names{"small"});  // 16 s for each MiB
  CHECK(s.after(1s) == names{"large"});           // more than 4 MiB were read
  s.end("next", "ann", 3 * mib);
  s.read("next");
  CHECK(s.after(2min + 48s) == names{});
  CHECK(s.after(1s) == names{"next"});
}

TEST_CASE(
    "beyond the bytes of all, what was read long ago goes first, then what is of who has most") {
  shelf s{kept_results({.read = 10min, .read_at_least = 1min, .most_bytes = 100})};
  s.end("long ago", "bob", 20), s.end("old of ann", "ann", 30);
  s.read("long ago");
  CHECK(s.after(2min) == names{});
  s.end("of ann", "ann", 30), s.end("of bob", "bob", 30);
  CHECK(s.after(0s) == names{"long ago"});
  s.read("of bob");  // a moment ago: who holds more does not make him lose it
  s.end("more of ann", "ann", 30);
  CHECK(s.after(0s) == names{"old of ann"});
  s.read("more of ann");
  s.end("of eve", "eve", 11);
  CHECK(s.after(0s) == names{"more of ann"});  // her read one before her unread one
  CHECK(s.kept.bytes() == 71);
}

TEST_CASE("an owner is told what became of a result, and nobody else") {
  shelf s{kept_results({.unread = 10min, .read = 1min, .remembered = 2})};
  s.end("read", "ann"), s.end("unread", "ann");
  CHECK(!s.kept.fate("read", "ann"));  // it is here
  s.read("read");
  s.after(2min);
  REQUIRE(s.kept.fate("read", "ann"));
  CHECK(s.kept.fate("read", "ann")->find("was delivered") != std::string::npos);
  CHECK(!s.kept.fate("read", "bob"));
  CHECK(!s.kept.fate("none", "ann"));
  s.after(9min);
  REQUIRE(s.kept.fate("unread", "ann"));
  CHECK(s.kept.fate("unread", "ann")->find("nobody asked") != std::string::npos);
  CHECK(s.kept.fate("read", "ann"));
  s.after(2min);
  CHECK(!s.kept.fate("read", "ann"));  // that was too long ago
  s.end("third", "ann"), s.end("fourth", "ann");
  s.after(11min);  // the third and the fourth are remembered, no more
  CHECK(!s.kept.fate("unread", "ann"));
  CHECK(s.kept.fate("third", "ann"));
  CHECK(s.kept.fate("fourth", "ann"));
}
