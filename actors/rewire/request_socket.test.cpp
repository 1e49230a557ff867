#include "actors/rewire/request_socket.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

using namespace hocket;
using namespace hocket::rewire;

namespace {

/// Until `wanted` stands in the answer; the answer that did not come otherwise.
std::string wait_for(request_socket& s, const std::string& line, const std::string& wanted) {
  std::string got;
  for (int i = 0; i < 24'000 && (got = s.answer(line)).find(wanted) == got.npos; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return got;
}

std::string asked(const std::string& more = "") {
  return R"(rewire {"file": "/x/new.yaml", "text": "hocket: 1")" + more + "}";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a rewire long ahead waits alone: others go on, it is listed, and can be cancelled") {
  std::atomic<int> ran{0};
  std::atomic<std::int64_t> now_ns{0};
  request_socket s(
      [&](const rewire_request&) {
        ++ran;
        host::rewire_outcome out;
        out.state = host::rewire_state::committed;
        return out;
      },
      [&]() -> std::optional<timestamp> { return timestamp(now_ns.load()); });
  CHECK(s.answer("status") == "");
  CHECK(s.answer("rewires") == R"({"rewires":[]})");
  REQUIRE(has(s.answer(asked(R"(, "at_s": 86400)")), R"("ticket":1)"));
  REQUIRE(has(s.answer(asked(R"(, "at_s": 90000, "limit_s": 5)")), R"("ticket":2)"));
  REQUIRE(has(s.answer(asked()), R"("ticket":3)"));
  CHECK(has(wait_for(s, "rewired 3", "committed"), "committed"));
  CHECK(ran == 1);
  const auto listed = s.answer("rewires");
  CHECK(has(listed, R"("at_s":86400.0)"));
  CHECK(has(listed, R"("file":"/x/new.yaml")"));
  CHECK(has(listed, R"("state":"waiting")"));
  CHECK_FALSE(has(listed, R"("ticket":3)"));

  CHECK(s.answer("rewire_cancel 1") == R"({"cancelled":1})");
  CHECK(has(wait_for(s, "rewired 1", "rewire.cancelled"), "rewire.cancelled"));
  CHECK(has(s.answer("rewire_cancel 1"), "over already"));
  CHECK(has(s.answer("rewire_cancel 9"), "no such ticket"));
  CHECK(has(s.answer("rewire_cancel x"), "takes a ticket"));

  now_ns = 89'996'000'000'000;  // 4 s before the second: its limit of 5 s says that it is time
  CHECK(has(wait_for(s, "rewired 2", "committed"), "committed"));
  CHECK(ran == 2);
  REQUIRE(has(s.answer(asked(R"(, "at_s": 99999)")), R"("ticket":4)"));
  s.close();  // the run ends: nobody waits for what is far ahead
  CHECK(ran == 2);
  CHECK(has(s.answer(asked()), "the run is ending"));
}

TEST_CASE("in virtual time a rewire does not wait here: time waits for it") {
  std::atomic<int> ran{0};
  request_socket s(
      [&](const rewire_request&) {
        ++ran;
        return host::rewire_outcome{};
      },
      [] { return std::optional<timestamp>(); });
  REQUIRE(has(s.answer(asked(R"(, "at_s": 86400)")), R"("ticket":1)"));
  CHECK(has(wait_for(s, "rewired 1", "refused"), "refused"));
  CHECK(ran == 1);
}
