#include "actors/process/frame.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>

namespace hocket::process {
namespace {

std::span<const std::byte> bytes_of(std::string_view s) { return std::as_bytes(std::span(s)); }

}  // namespace

TEST_CASE("a frame comes back as it went, and only when it is whole") {
  const std::string inside = "12345";
  const std::vector<bulk_place> places = {{bulk_place::kind::inside, 0, 0, 5},
                                          {bulk_place::kind::arena, 7, 64, 1u << 20}};
  const std::vector<std::span<const std::byte>> bulk = {bytes_of(inside)};
  frame_head h;
  h.what = say::process;
  h.port = 3;
  h.ts_ns = -5;
  std::string out;
  append_frame(out, h, "body", places, bulk);
  const auto length = out.size();
  append_frame(out, {}, "");
  std::size_t used = 0;
  for (std::size_t n = 0; n < length; ++n) {
    const auto part = parse_frame(bytes_of(out).first(n), used);
    REQUIRE(part);
    CHECK(!*part);
  }
  const auto whole = parse_frame(bytes_of(out), used);
  REQUIRE(whole);
  REQUIRE(*whole);
  CHECK(used == length);
  CHECK((*whole)->head.port == 3);
  CHECK((*whole)->head.ts_ns == -5);
  CHECK((*whole)->body == "body");
  CHECK((*whole)->inside[0].size() == 5);
  CHECK((*whole)->inside[1].empty());
  CHECK((*whole)->bulk[1].size_bytes == 1u << 20);
}

TEST_CASE("a frame above its limits is refused before anything is kept for it") {
  frame_head h;
  std::size_t used = 0;
  std::string out;
  append_frame(out, h, "");
  const auto code = [&](std::uint32_t body, std::uint32_t bulks) {
    auto bad = out;
    frame_head head;
    head.body_bytes = body;
    head.bulk_count = bulks;
    std::memcpy(bad.data(), &head, sizeof head);
    return parse_frame(bytes_of(bad), used).error().code;
  };
  CHECK(code(UINT32_MAX, 0) == "process.malformed");
  CHECK(code(0, 257) == "process.malformed");
  std::string large;
  const std::vector<bulk_place> places = {{bulk_place::kind::inside, 0, 0, UINT64_MAX},
                                          {bulk_place::kind::inside, 0, 0, 2}};
  append_frame(large, h, "", places);
  CHECK(!parse_frame(bytes_of(large), used));
  std::string nowhere;
  const std::vector<bulk_place> bad = {{static_cast<bulk_place::kind>(9), 0, 0, 0}};
  append_frame(nowhere, h, "", bad);
  CHECK(!parse_frame(bytes_of(nowhere), used));
}

TEST_CASE("any bytes are a frame, half of one, or refused") {
  std::mt19937 chance(7);
  for (int i = 0; i < 20000; ++i) {
    std::string some(chance() % 200, '\0');
    for (auto& c : some) c = static_cast<char>(chance() % 4 == 0 ? chance() : 0);
    std::size_t used = 0;
    const auto got = parse_frame(bytes_of(some), used);
    if (got && *got) CHECK(used <= some.size());
  }
}

}  // namespace hocket::process
