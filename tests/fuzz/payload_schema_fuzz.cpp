#include "graph/core/assert.hpp"
#include "graph/payloads/payload_schema.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a JSON Schema or the name of a message, a zero byte, and what is judged: a text; or two bytes of
// a length, so many of descriptors, and a message.
namespace hocket::fuzz {
namespace {

void judge(const payloads::payload_schema& schema, const payload& what) {
  const auto why = schema.why_unfit(what);
  HOCKET_ASSERT(why.size() < 4096);
  if (why.empty() || schema.kind() == payloads::form::json) return (void)schema.json_of(what);
  HOCKET_ASSERT(schema.json_of(what).empty());
}

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > 65536) return;
  const std::string all(bytes.begin(), bytes.end());
  const auto zero = all.find('\0');
  if (zero == all.npos) return;
  const auto first = all.substr(0, zero), rest = all.substr(zero + 1);
  if (const auto read = payloads::json_schema("it", first))
    judge(**read, text{.value = rest, .role = ""});
  else
    HOCKET_ASSERT(read.error().code == "payload.schema");
  if (rest.size() < 2) return;
  const auto long_as = std::min<std::size_t>(
      static_cast<std::uint8_t>(rest[0]) * 256u + static_cast<std::uint8_t>(rest[1]),
      rest.size() - 2);
  const auto message = rest.substr(2 + long_as);
  if (const auto read = payloads::protobuf_schema("it", rest.substr(2, long_as), first))
    judge(**read, tensor{dtype::u8,
                         {static_cast<std::int64_t>(message.size())},
                         buffer::copy_of(std::as_bytes(std::span(message)))});
  else
    HOCKET_ASSERT(read.error().code == "payload.schema");
}

std::vector<std::string> seeds() {
  using namespace std::string_literals;
  // message B { string x = 1; } in package a of file f.
  const auto descriptors = "\x0a\x1b\x0a\x01"s + "f\x12\x01" + "a\"\x0b\x0a\x01" +
                           "B\x12\x06\x0a\x01" + "x\x18\x01(\x09";
  return {R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["b"]})"s + '\0' +
              R"({"b":1})",
          R"({"pattern":"^(a|b)*c","anyOf":[{"minLength":2},{"enum":["c"]}]})"s + '\0' + "\"abc\"",
          R"({"items":[{"const":1}],"additionalItems":false,"uniqueItems":true})"s + '\0' + "[1]",
          "a.B"s + '\0' + '\0' + static_cast<char>(descriptors.size()) + descriptors + "\x0a\x01k"};
}

}  // namespace

extern const target payload_schema;
const target payload_schema = {"payload_schema", run, seeds};

}  // namespace hocket::fuzz
