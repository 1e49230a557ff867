#include "actors/http/event_stream.hpp"

#include <doctest/doctest.h>

using namespace hocket::http;

namespace {

std::string read(std::string_view text, std::size_t piece) {
  event_stream s;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece)
    for (const auto& e : s.push(text.substr(at, piece))) out += e.name + "=" + e.data + "|";
  return out + s.last_id() + "," + std::to_string(s.retry_ms().value_or(-1));
}

}  // namespace

TEST_CASE("server-sent events are the same however they are cut") {
  const std::string text =
      "\xEF\xBB\xBF: hello\n\nid: 1\ndata:\n\nevent: a\ndata: one\ndata:two\r\n\r\nid: 2\rretry: "
      "250\r"
      "data: {\"x\": 1}\r\rdata\n\nretry: soon\nunknown: x\ndata: never ended\n";
  const std::string want = "message=|a=one\ntwo|message={\"x\": 1}|message=|2,250";
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 1000u}) CHECK(read(text, piece) == want);
}

TEST_CASE("an event without an end is not kept for ever") {
  event_stream s(1000);
  for (int i = 0; i < 100; ++i) s.push("data: " + std::string(100, 'x') + "\n");
  CHECK(s.is_over());
  event_stream line(1000);
  for (int i = 0; i < 100; ++i) line.push(std::string(100, 'x'));
  CHECK(line.is_over());
}
