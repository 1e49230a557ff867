#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.pb.h>

#include "graph/payloads/payload_schema.hpp"

namespace hocket::payloads {
namespace {

namespace pb = google::protobuf;

schema_ptr json_rules_of(const std::string& schema) {
  auto made = json_schema("it", schema);
  CAPTURE(schema);
  if (!made) FAIL(made.error().message);
  return *made;
}
payload words(std::string value) { return text{.value = std::move(value), .role = "user"}; }
std::string unfit(const std::string& schema, const std::string& value) {
  return json_rules_of(schema)->why_unfit(words(value));
}
std::string refused(const std::string& schema) {
  const auto made = json_schema("it", schema);
  return made ? "" : made.error().message;
}
payload bytes_of(std::string_view raw) {
  return tensor{dtype::u8,
                {static_cast<std::int64_t>(raw.size())},
                buffer::copy_of(std::as_bytes(std::span(raw.data(), raw.size())))};
}

/// robot.Pose {double x = 1; repeated Joint joints = 2 {string name = 1; repeated sint32 at = 2 packed}}
pb::FileDescriptorSet robot() {
  pb::FileDescriptorSet set;
  auto& f = *set.add_file();
  f.set_name("robot.proto");
  f.set_package("robot");
  f.set_syntax("proto3");
  auto& pose = *f.add_message_type();
  pose.set_name("Pose");
  auto& joint = *pose.add_nested_type();
  joint.set_name("Joint");
  const auto field = [](pb::DescriptorProto& m, const char* name, int number, auto type,
                        bool repeated) -> pb::FieldDescriptorProto& {
    auto& d = *m.add_field();
    d.set_name(name);
    d.set_number(number);
    d.set_type(type);
    d.set_label(repeated ? pb::FieldDescriptorProto::LABEL_REPEATED
                         : pb::FieldDescriptorProto::LABEL_OPTIONAL);
    return d;
  };
  field(joint, "name", 1, pb::FieldDescriptorProto::TYPE_STRING, false);
  field(joint, "at", 2, pb::FieldDescriptorProto::TYPE_SINT32, true);
  field(joint, "inner", 3, pb::FieldDescriptorProto::TYPE_MESSAGE, false)
      .set_type_name(".robot.Pose.Joint");
  field(pose, "x", 1, pb::FieldDescriptorProto::TYPE_DOUBLE, false);
  field(pose, "joints", 2, pb::FieldDescriptorProto::TYPE_MESSAGE, true)
      .set_type_name(".robot.Pose.Joint");
  return set;
}
schema_ptr pose_rules() {
  return protobuf_schema("pose", robot().SerializeAsString(), "robot.Pose").value();
}

}  // namespace

TEST_CASE("JSON satisfies a schema, or is told where and why not") {
  const struct {
    const char *schema, *value, *why;
  } rows[] = {
      {R"(true)", R"(1)", ""},
      {R"(false)", R"(1)", "nothing is allowed here"},
      {R"({})", R"({"a":[1,2]})", ""},
      {R"({"type":"integer"})", R"(1.0)", ""},
      {R"({"type":"integer"})", R"(1.5)", "number where \"integer\" is declared"},
      {R"({"type":["string","null"]})", R"(null)", ""},
      {R"({"type":["string","null"]})", R"(3)", "integer where [\"string\",\"null\"] is declared"},
      {R"({"enum":[1,"a",null]})", R"("a")", ""},
      {R"({"enum":[1,"a",null]})", R"("b")", "none of the 3 values of `enum`"},
      {R"({"const":{"a":1}})", R"({"a":1.0})", ""},
      {R"({"const":false})", R"(0)", "not the value of `const`"},
      {R"({"const":-1})", R"(18446744073709551615)", "not the value of `const`"},
      {R"({"const":9007199254740993})", R"(9007199254740992.0)", "not the value of `const`"},
      {R"({"enum":[{"a":[-1]}]})", R"({"a":[18446744073709551615]})",
       "none of the 1 values of `enum`"},
      {R"({"uniqueItems":true})", R"([-1,18446744073709551615])", ""},
      {R"({"uniqueItems":true})", R"([{"b":1,"a":2},{"a":2.0,"b":1}])", "the same item twice"},
      {R"({"uniqueItems":true})", R"([[1,2],[1],{"a":1},{"b":1},"a","b",null,true,false])", ""},
      {R"({"minimum":3})", R"(2)", "less than 3"},
      {R"({"maximum":3})", R"(3)", ""},
      {R"({"maximum":-1})", R"(18446744073709551615)", "more than -1"},
      {R"({"exclusiveMinimum":3})", R"(3)", "not more than 3"},
      {R"({"exclusiveMaximum":3})", R"(3)", "not less than 3"},
      {R"({"multipleOf":0.1})", R"(0.3)", ""},
      {R"({"multipleOf":2})", R"(-3)", "no multiple of 2"},
      {R"({"multipleOf":2})", R"(-3000000001)", "no multiple of 2"},
      {R"({"multipleOf":0.01})", R"(10000000.005)", "no multiple of 0.01"},
      {R"({"minLength":2})", "\"\xc3\xa4\"", "1 characters are fewer than 2"},
      {R"({"maxLength":1})", "\"\xc3\xa4\"", ""},
      {R"({"pattern":"^a+$"})", R"("aaa")", ""},
      {R"({"pattern":"^a+$"})", R"("b")", "it does not match `pattern`"},
      {R"({"pattern":"b"})", R"(12)", ""},
      {R"({"minItems":1})", R"([])", "0 items are fewer than 1"},
      {R"({"uniqueItems":true})", R"([1,2,1.0])", "the same item twice"},
      {R"({"uniqueItems":true})", R"([[1],[2],{"a":1}])", ""},
      {R"({"items":{"type":"string"}})", R"(["a",1])", "/1: integer where \"string\" is declared"},
      {R"({"prefixItems":[{"type":"string"}],"items":false})", R"(["a",1])",
       "/1: nothing is allowed here"},
      {R"({"items":[{"type":"string"}],"additionalItems":{"type":"null"}})", R"(["a",null])", ""},
      {R"({"contains":{"type":"null"}})", R"([1,2])", "too few items are what `contains` says"},
      {R"({"contains":{"type":"null"},"minContains":0})", R"([1,2])", ""},
      {R"({"contains":true,"maxContains":1})", R"([1,2])",
       "too many items are what `contains` says"},
      {R"({"required":["a"]})", R"({"b":1})", "`a` is missing"},
      {R"({"required":["a"]})", R"(["b"])", ""},
      {R"({"properties":{"a":{"properties":{"b~/c":{"type":"null"}}}}})", R"({"a":{"b~/c":1}})",
       "/a/b~0~1c: integer where \"null\" is declared"},
      {R"({"additionalProperties":false,"properties":{"a":true}})", R"({"secret":1})",
       "a name that the schema does not have"},
      {R"({"additionalProperties":{"type":"null"}})", R"({"secret":1})",
       "/*: integer where \"null\" is declared"},
      {R"({"patternProperties":{"^x_":{"type":"null"}},"additionalProperties":false})",
       R"({"x_a":null})", ""},
      {R"({"propertyNames":{"maxLength":2}})", R"({"abc":1})", "/*: 3 characters are more than 2"},
      {R"({"maxProperties":1})", R"({"a":1,"b":2})", "2 names are more than 1"},
      {R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})", "`b` is missing beside `a`"},
      {R"({"dependencies":{"a":["b"],"c":{"minProperties":2}}})", R"({"c":1})",
       "1 names are fewer than 2"},
      {R"({"allOf":[{"minimum":1},{"maximum":2}]})", R"(3)", "more than 2"},
      {R"({"anyOf":[{"minimum":5},{"type":"string"}]})", R"(3)",
       "none of the 2 schemas of `anyOf` fits"},
      {R"({"oneOf":[{"minimum":1},{"maximum":5}]})", R"(3)", "2 of the 2 schemas of `oneOf` fit"},
      {R"({"not":{"type":"null"}})", R"(null)", "what `not` says"},
      {R"({"if":{"type":"string"},"then":{"minLength":3},"else":{"minimum":3}})", R"("ab")",
       "2 characters are fewer than 3"},
      {R"({"if":{"type":"string"},"then":{"minLength":3},"else":{"minimum":3}})", R"(4)", ""},
      {R"({"$ref":"#/$defs/a%20b","$defs":{"a b":{"type":"null"}}})", R"(1)",
       "integer where \"null\" is declared"},
      {R"({"$ref":"#it","$defs":{"x":{"$anchor":"it","type":"null"}}})", R"(null)", ""},
      {R"({"properties":{"next":{"$ref":"#"}},"required":["v"]})",
       R"({"v":1,"next":{"v":2,"next":{}}})", "/next/next: `v` is missing"},
      {R"({})", R"({"a":1,"a":2})", "a name stands twice in an object"},
      {R"({})", R"({"a":1} x)", "the text is no JSON"},
      {R"({})", R"()", "the text is no JSON"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.schema);
    CAPTURE(r.value);
    CHECK(unfit(r.schema, r.value) == r.why);
  }
}

TEST_CASE("only a whole text is JSON; what it holds is not told") {
  const auto it = json_rules_of(R"({"type":"object","additionalProperties":{"type":"null"}})");
  CHECK(it->why_unfit(text{.value = "{}", .role = "", .final = false}) ==
        "a part of a text, which is no JSON yet");
  CHECK(it->why_unfit(bytes_of("{}")) == "JSON is a text");
  CHECK(it->why_unfit(words(R"({"alice":"secret"})")).find("alice") == std::string::npos);
  CHECK(it->json_of(words("{}")) == "{}");
  CHECK(it->typed("{}").has_value());
  CHECK(it->typed("[]").error().code == "payload.json");
}

TEST_CASE("a schema that cannot be judged by is told with its place") {
  CHECK(refused("{") == "the text is no JSON");
  CHECK(refused("3") == "#: no schema: neither an object nor true or false");
  CHECK(refused(R"({"type":"strin"})") == "/type: it must be a type or a list of types");
  CHECK(refused(R"({"properties":{"a":{"minimum":"3"}}})") ==
        "/properties/a/minimum: it must be a number");
  CHECK(refused(R"({"exclusiveMinimum":true})") == "/exclusiveMinimum: it must be a number");
  CHECK(refused(R"({"allOf":[]})") == "/allOf: it must be a list of schemas");
  CHECK(refused(R"({"pattern":"("})").starts_with("/pattern: its pattern is no expression"));
  for (const char* unknown : {"(?=a)", R"((a)\\1)", R"(\\u0041)"})
    CHECK(refused(fmt::format(R"({{"pattern":"{}"}})", unknown))
              .starts_with("/pattern: its pattern is no expression that is known here"));
  CHECK(refused(R"({"$ref":"#/$defs/a"})") ==
        "/$ref: `$ref: #/$defs/a` leads nowhere in this document");
  CHECK(refused(R"({"$ref":"https://example.org/a.json"})").find("leads nowhere") !=
        std::string::npos);
  CHECK(refused(R"({"$ref":"#"})") == "#: its references lead in a circle");
  CHECK(refused(R"({"items":{"unevaluatedItems":false}})") ==
        "/items: `unevaluatedItems` is not known here");
  CHECK(refused(R"({"$dynamicRef":"#a"})").find("not known here") != std::string::npos);
  CHECK(refused(R"({"$defs":{"a":{"$id":"other","type":"null"}}})").find("$id") !=
        std::string::npos);
  CHECK(refused(std::string(200, '[')).find("nested 200 deep") != std::string::npos);
  CHECK(refused("{\"title\":\"" + std::string(schema_bytes_max, 'x') + "\"}").find("more than") !=
        std::string::npos);
  CHECK(refused(R"({"x-of-my-own":1,"format":"date","title":"it"})") == "");
}

TEST_CASE("hostile schemas and values take bounded work") {
  // Each level asks for the next one twice.
  std::string defs = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < 60; ++i)
    defs += "\"a" + std::to_string(i) + R"(":{"allOf":[{"$ref":"#/$defs/a)" +
            std::to_string(i + 1) + R"("},{"$ref":"#/$defs/a)" + std::to_string(i + 1) + R"("}]},)";
  defs += R"("a60":true}})";
  CHECK(unfit(defs, "1").find("too much work") != std::string::npos);
  // Backtracking takes time with the square of the first, and more than all there is for the second.
  for (const auto& [pattern, c] : {std::pair(R"(\\s+$)", ' '), std::pair("^(a|aa)+$", 'a')}) {
    const auto it = json_rules_of(fmt::format(R"({{"pattern":"{}"}})", pattern));
    const std::string run(1 << 20, c);
    CHECK(it->why_unfit(words("\"" + run + "!\"")) == "it does not match `pattern`");
    CHECK(it->why_unfit(words("\"" + run + "\"")) == "");
  }
  // An expression of many instructions is not led over a long text.
  CHECK(unfit(R"({"pattern":"(a|b)*a(a|b){900}c"})", "\"" + std::string(4 << 18, 'a') + "\"")
            .find("too much work") != std::string::npos);
  // Lists of keywords count, and so does all that is compared.
  const auto repeated = [](const std::string& what, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += (i == 0 ? "" : ",") + what;
    return out;
  };
  CHECK(unfit(R"({"items":{"required":[)" + repeated("\"a\"", 10'000) + "]}}",
              "[" + repeated(R"({"a":1})", 500) + "]")
            .find("too much work") != std::string::npos);
  const auto one = R"({"a":[)" + repeated("1", 20'000) + "]}";
  const auto alike = [&](int n) {
    return unfit(R"({"$defs":{"c":{"const":)" + one + R"(}},"allOf":[)" +
                     repeated(R"({"$ref":"#/$defs/c"})", n) + "]}",
                 one);
  };
  CHECK(alike(2) == "");
  CHECK(alike(250).find("too much work") != std::string::npos);
  CHECK(unfit("true", std::string(129, '[') + std::string(129, ']')) ==
        "JSON nested 129 deep is deeper than 128");
  CHECK(unfit("true", "\"" + std::string(json_bytes_max, 'x') + "\"").find("more than") !=
        std::string::npos);
  // A real, deep value under a schema that refers to itself is judged whole.
  const std::string tree = R"({"properties":{"next":{"allOf":[{"$ref":"#"}]}},"required":["v"]})";
  std::string deep = R"({"v":1})";
  for (int i = 0; i < 100; ++i) deep = R"({"v":1,"next":)" + deep + "}";
  CHECK(unfit(tree, deep) == "");
}

TEST_CASE("bytes have a length") {
  const auto it = bytes_schema("blob", 2, 4).value();
  CHECK(it->why_unfit(bytes_of("abc")) == "");
  CHECK(it->why_unfit(bytes_of("a")) == "1 bytes where 2 to 4 are declared");
  CHECK(it->why_unfit(words("abc")) == "bytes are a tensor u8 [n]");
  CHECK(it->why_unfit(
            tensor{dtype::u8, {1, 3}, buffer::copy_of(std::as_bytes(std::span("abc", 3)))}) ==
        "bytes are a tensor u8 [n]");
  CHECK(!bytes_schema("blob", 5, 4));
  CHECK(!it->typed("abc"));
}

TEST_CASE("a protobuf message is judged by the descriptors that the graph gives") {
  const auto it = pose_rules();
  const auto typed =
      it->typed(R"({"x": 1.5, "joints": [{"name": "knee", "at": [3, -4]}]})").value();
  CHECK(it->why_unfit(typed) == "");
  CHECK(it->json_of(typed) == R"({"x":1.5,"joints":[{"name":"knee","at":[3,-4]}]})");
  CHECK(it->typed(R"({"y": 1})").error().code == "payload.json");
  const struct {
    std::string_view bytes;
    const char* why;
  } rows[] = {
      {"", ""},
      {std::string_view("\x09\0\0\0\0\0\0\xf8\x3f", 9), ""},
      {"\x09\x01", "/x: it ends in the middle of a field"},
      {"\x08\x01", "/x: wire type 0 where 1 is declared"},
      {"\x12\x03\x0a\x05k", "/joints/name: it ends in the middle of a field"},
      {"\x12\x03\x0a\x01\xff", "/joints/name: a text that is not UTF-8"},
      {"\x12\x04\x12\x02\x06\x07", ""},
      {"\x12\x04\x10\x06\x10\x07", ""},
      {"\x12\x03\x12\x01\x86", "/joints/at: it ends in the middle of a field"},
      {"\x7a\x01z", ""},  // of a later definition
      {"\x7b\x7c", ""},
      {"\x7b", "it ends in the middle of a field"},
      {"\x7c", "the end of a group that did not begin"},
      {"\x7e", "wire type 6, which there is not"},
      {std::string_view("\x00", 1), "a tag that is none"},
      {"\x12\xff\xff\xff\xff\x0f", "/joints: it ends in the middle of a field"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.why);
    CHECK(it->why_unfit(bytes_of(r.bytes)) == r.why);
    CHECK((it->json_of(bytes_of(r.bytes)) != "") == (std::string(r.why) == ""));
  }
  std::string nested;
  for (int i = 0; i < 200; ++i) {
    auto outer = std::string(i == 199 ? "\x12" : "\x1a");
    for (auto n = nested.size();; n >>= 7) {
      outer += static_cast<char>((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
      if (n <= 0x7f) break;
    }
    nested = outer + nested;
  }
  CHECK(it->why_unfit(bytes_of(nested)).ends_with("it is nested too deep"));
  // Two bytes are an object: what they become is counted before it is made.
  std::string many;
  for (int i = 0; i < 400'000; ++i) many += std::string_view("\x12\0", 2);
  CHECK(it->why_unfit(bytes_of(many)) == "");
  CHECK(it->json_of(bytes_of(many)) == "");
}

TEST_CASE("descriptors that nobody can use are told") {
  const auto why = [](const std::string& bytes, const char* message = "robot.Pose") {
    const auto made = protobuf_schema("pose", bytes, message);
    return made ? std::string() : made.error().message;
  };
  CHECK(why("").starts_with("no set of descriptors"));
  CHECK(why("\xff\xff\xff").starts_with("no set of descriptors"));
  CHECK(why(robot().SerializeAsString(), "robot.Arm") ==
        "no message is called `robot.Arm`; it has robot.Pose");
  auto twice = robot();
  *twice.add_file() = twice.file(0);
  CHECK(why(twice.SerializeAsString()) == "`robot.proto` stands twice in it");
  auto lacking = robot();
  lacking.mutable_file(0)->add_dependency("other.proto");
  CHECK(why(lacking.SerializeAsString()).find("other.proto") != std::string::npos);
  auto circle = robot();
  circle.mutable_file(0)->add_dependency("robot.proto");
  CHECK(why(circle.SerializeAsString()).find("recursively imports itself") != std::string::npos);
  auto crowd = robot();
  for (int i = 0; i < 300; ++i) crowd.add_file()->set_name("f" + std::to_string(i));
  CHECK(why(crowd.SerializeAsString()).find("301 files") != std::string::npos);
  CHECK(why(std::string(schema_bytes_max + 1, 'x')).find("more than") != std::string::npos);
}

}  // namespace hocket::payloads
