#include "graph/contract/data_class.hpp"

#include <map>
#include <string>

#include <doctest/doctest.h>

#include "graph/schema/packet.pb.h"

using namespace hocket;
using trust::data_class;

TEST_CASE("every field of the schema has a class, and nothing else has one") {
  const std::map<std::string, payload_kind> kinds = {
      {"audio", payload_kind::audio},
      {"video", payload_kind::video},
      {"tensor", payload_kind::tensor},
      {"text", payload_kind::text},
      {"tool_call", payload_kind::tool_call},
      {"tool_result", payload_kind::tool_result},
      {"delegation", payload_kind::delegation},
      {"training_example", payload_kind::training_example},
      {"adapter", payload_kind::adapter},
      {"control", payload_kind::control}};
  CHECK(static_cast<int>(kinds.size()) == payload_kind_count);
  const auto* const body = wire::Packet::descriptor()->FindOneofByName("body");
  REQUIRE(body != nullptr);
  REQUIRE(body->field_count() == payload_kind_count);
  int words = 0, voices = 0;
  for (int i = 0; i < body->field_count(); ++i) {
    const auto& kind = kinds.at(body->field(i)->name());
    const auto* const message = body->field(i)->message_type();
    bool figures = true;
    for (int f = 0; f < message->field_count(); ++f) {
      const auto& field = *message->field(f);
      const auto what = class_of(kind, field.name());
      words += what == data_class::word ? 1 : 0;
      voices += what == data_class::voice ? 1 : 0;
      figures = figures && what == data_class::figure;
      // Numbers and names of things are figures; bulk data is somebody's voice.
      if (field.cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING &&
          field.cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE)
        CHECK_MESSAGE(what == data_class::figure, field.full_name());
      if (field.cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE)
        CHECK_MESSAGE(what == data_class::voice, field.full_name());
    }
    CHECK((kind == payload_kind::control) == figures);  // what a recording keeps with --no-pii
  }
  CHECK(words == 7);  // an unknown field counts as one: whoever adds one adds its class
  CHECK(voices == 5);
  CHECK(class_of(payload_kind::text, "no_such_field") == data_class::word);
}
