#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

/// Payloads of one's own: a graph names schemas, and ports that carry what satisfies them.
///
/// JSON travels as `text`, bytes and protobuf messages as `tensor u8 [n]`, so that every part that
/// takes those kinds takes them too: they are recorded, replayed and sent to other hosts as such.
namespace hocket::payloads {

enum class form : std::uint8_t {
  json,      ///< text that is JSON and satisfies a JSON Schema
  bytes,     ///< a tensor u8 [n] of so many bytes
  protobuf,  ///< a tensor u8 [n] that is a message of a type
};
std::string_view to_string(form f);

/// What a schema, and what it judges, may be: neither comes from us.
/// A graph holds its schemas whole wherever it goes: all of them together are this long at most.
inline constexpr std::size_t schema_bytes_max = 256u << 10;
inline constexpr std::size_t json_bytes_max = 4u << 20;
inline constexpr int json_depth_max = 128;

/// A named schema; immutable. Threads: any.
class payload_schema {
 public:
  virtual ~payload_schema() = default;
  const std::string& name() const { return name_; }
  form kind() const { return form_; }
  /// The kind of port that can carry it.
  payload_kind carrier() const {
    return form_ == form::json ? payload_kind::text : payload_kind::tensor;
  }
  /// All of it: JSON Schema text in one line, a FileDescriptorSet, or "MIN MAX".
  const std::string& source() const { return source_; }
  /// The full name of the protobuf type; else "".
  const std::string& message() const { return message_; }
  /// "json", "protobuf robot.Pose".
  std::string text() const;
  /// Why a payload does not satisfy it, with its place in the payload ("" = the whole); empty where it
  /// does. Never says what the payload holds. Work and memory are bounded, whatever comes.
  virtual std::string why_unfit(const payload& what) const = 0;
  /// A payload that satisfies it, as JSON for people; "" where it has no such form.
  virtual std::string json_of(const payload& what) const = 0;
  /// The payload that somebody typed as JSON. Errors: payload.json, payload.not_typed.
  virtual result<payload> typed(const std::string& text) const = 0;

 protected:
  payload_schema(std::string name, form f, std::string source, std::string message)
      : name_(std::move(name)),
        form_(f),
        source_(std::move(source)),
        message_(std::move(message)) {}

 private:
  std::string name_;
  form form_;
  std::string source_, message_;
};
using schema_ptr = std::shared_ptr<const payload_schema>;

/// The schemas of an actor's ports, by port; nullptr and ports beyond the end: any payload.
struct port_schemas {
  std::vector<schema_ptr> outputs, inputs;
};
/// nullptr: none.
const payload_schema* schema_of(const std::vector<schema_ptr>& ports, std::size_t port);

/// JSON Schema (draft 2020-12, and what draft 7 says otherwise: lists under `items`,
/// `definitions`, `dependencies`). What would change the meaning and is not known is an error:
/// references to other documents, `$dynamicRef`, `unevaluated…`. `format` is a note.
/// Errors: payload.schema, with the place in the schema.
result<schema_ptr> json_schema(std::string name, std::string text);

/// `min_bytes` to `max_bytes` of anything.
/// Errors: payload.schema.
result<schema_ptr> bytes_schema(std::string name, std::uint64_t min_bytes, std::uint64_t max_bytes);

/// Messages of type `message` ("robot.Pose"), as a serialised FileDescriptorSet defines it, with
/// everything that it imports (protoc --include_imports --descriptor_set_out).
/// Errors: payload.schema.
result<schema_ptr> protobuf_schema(std::string name, std::string descriptors, std::string message);

}  // namespace hocket::payloads
