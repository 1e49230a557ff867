#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>

#include "graph/payloads/json_text.hpp"
#include "graph/payloads/payload_schema.hpp"
#include "graph/text/clean.hpp"

namespace hocket::payloads {
namespace {

namespace pb = google::protobuf;

constexpr int files_max = 256;
constexpr int fields_max = 20'000;  ///< of all types together
constexpr int nested_max = 64;
constexpr std::size_t message_bytes_max = 16u << 20;
/// What a message that is made an object, to show it, may take; bytes say little of it: each empty
/// part of a type with a thousand fields takes two of them.
constexpr std::size_t shown_memory_max = 8u << 20;

/// Keeps the library's complaints instead of printing them.
class complaints final : public pb::DescriptorPool::ErrorCollector {
 public:
  std::string first;
  void AddError(const std::string&, const std::string& element, const pb::Message*, ErrorLocation,
                const std::string& message) override {
    if (first.empty()) first = clean_text(element + ": " + message);
  }
};

int fields_of(const pb::DescriptorProto& m) {
  int n = m.field_size() + 1;
  for (const auto& inner : m.nested_type()) n += fields_of(inner);
  return n;
}

enum wire : std::uint32_t {
  varint = 0,
  fixed64 = 1,
  sized = 2,
  group = 3,
  group_end = 4,
  fixed32 = 5
};

std::uint32_t wire_of(const pb::FieldDescriptor& f) {
  switch (f.type()) {
    case pb::FieldDescriptor::TYPE_DOUBLE:
    case pb::FieldDescriptor::TYPE_FIXED64:
    case pb::FieldDescriptor::TYPE_SFIXED64: return fixed64;
    case pb::FieldDescriptor::TYPE_FLOAT:
    case pb::FieldDescriptor::TYPE_FIXED32:
    case pb::FieldDescriptor::TYPE_SFIXED32: return fixed32;
    case pb::FieldDescriptor::TYPE_STRING:
    case pb::FieldDescriptor::TYPE_BYTES:
    case pb::FieldDescriptor::TYPE_MESSAGE: return sized;
    case pb::FieldDescriptor::TYPE_GROUP: return group;
    default: return varint;
  }
}

/// Walks through the bytes of a message by its type; nothing is made of them.
class walker {
 public:
  explicit walker(std::span<const std::byte> bytes)
      : in_(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size())) {
    in_.PushLimit(static_cast<int>(bytes.size()));  // from here on there is always one
  }

  std::string why(const pb::Descriptor& type) {
    if (message(type, 0)) return "";
    std::string at;
    for (const auto* f : place_) at += "/" + f->name();
    return cut_text(at.empty() ? why_ : at + ": " + why_, 1000);
  }
  std::size_t memory() const { return memory_; }

 private:
  bool unfit(std::string what) {
    if (why_.empty()) {
      why_ = std::move(what);
      place_ = way_;
    }
    return false;
  }
  bool torn() { return unfit("it ends in the middle of a field"); }

  /// `end_group`: the number whose end ends it; 0: it ends with its bytes.
  bool message(const pb::Descriptor& type, int end_group) {
    if (static_cast<int>(way_.size()) > nested_max) return unfit("it is nested too deep");
    memory_ += 64 + 16 * static_cast<std::size_t>(type.field_count());
    std::set<int> has;
    for (;;) {
      const auto tag = in_.ReadTag();
      if (tag == 0) {
        if (!in_.ConsumedEntireMessage()) return unfit("a tag that is none");
        if (end_group != 0) return torn();
        break;
      }
      const int number = static_cast<int>(tag >> 3);
      const auto wire = tag & 7;
      if (number == 0) return unfit("a field without a number");
      if (wire == group_end) {
        if (number == end_group && end_group != 0) break;
        return unfit("the end of a group that did not begin");
      }
      const auto* f = type.FindFieldByNumber(number);
      if (f == nullptr) {
        memory_ += 32;
        if (!skip(number, wire, 0)) return false;
        continue;
      }
      if (f->is_required()) has.insert(number);
      way_.push_back(f);
      if (!field(*f, wire)) return false;
      way_.pop_back();
    }
    for (int i = 0; i < type.field_count(); ++i)
      if (type.field(i)->is_required() && !has.contains(type.field(i)->number()))
        return unfit(fmt::format("`{}` is missing", type.field(i)->name()));
    return true;
  }

  bool field(const pb::FieldDescriptor& f, std::uint32_t wire) {
    const auto wanted = wire_of(f);
    memory_ += 16;
    if (wire == sized && wanted != sized && f.is_packable()) return packed(wanted);
    if (wire != wanted)
      return unfit(fmt::format("wire type {} where {} is declared", wire, wanted));
    if (wire == group) return message(*f.message_type(), f.number());
    if (wire != sized) return plain(wire);
    std::uint32_t n = 0;
    if (!length(n)) return torn();
    if (f.type() == pb::FieldDescriptor::TYPE_MESSAGE) {
      const auto limit = in_.PushLimit(static_cast<int>(n));
      const bool ok = message(*f.message_type(), 0);
      in_.PopLimit(limit);
      return ok;
    }
    memory_ += n;
    if (f.type() == pb::FieldDescriptor::TYPE_BYTES) return in_.Skip(static_cast<int>(n)) || torn();
    std::string text;
    if (!in_.ReadString(&text, static_cast<int>(n))) return torn();
    // A recording, a page, a terminal will show it: also where the older syntax would let it pass.
    return is_unicode(text) || unfit("a text that is not UTF-8");
  }

  /// A length that the bytes around it have.
  bool length(std::uint32_t& n) {
    return in_.ReadVarint32(&n) && n <= INT32_MAX && static_cast<int>(n) <= in_.BytesUntilLimit();
  }

  static bool is_unicode(const std::string& s) {
    try {
      return !json(s).dump(-1, ' ', false, json::error_handler_t::strict).empty();
    } catch (const json::exception&) {
      return false;
    }
  }

  bool plain(std::uint32_t wire) {
    std::uint64_t whole = 0;
    std::uint32_t half = 0;
    const bool ok = wire == varint    ? in_.ReadVarint64(&whole)
                    : wire == fixed64 ? in_.ReadLittleEndian64(&whole)
                                      : in_.ReadLittleEndian32(&half);
    return ok || torn();
  }

  bool packed(std::uint32_t wire) {
    std::uint32_t n = 0;
    if (!length(n)) return torn();
    const auto limit = in_.PushLimit(static_cast<int>(n));
    bool ok = true;
    while (ok && in_.BytesUntilLimit() > 0) {
      memory_ += 8;
      ok = plain(wire);
    }
    in_.PopLimit(limit);
    return ok;
  }

  bool skip(int number, std::uint32_t wire, int depth) {
    if (depth > nested_max) return unfit("groups that nobody declares, nested too deep");
    if (wire == varint || wire == fixed64 || wire == fixed32) return plain(wire);
    if (wire == sized) {
      std::uint32_t n = 0;
      if (!length(n) || !in_.Skip(static_cast<int>(n))) return torn();
      memory_ += n;
      return true;
    }
    if (wire != group) return unfit(fmt::format("wire type {}, which there is not", wire));
    for (;;) {
      const auto tag = in_.ReadTag();
      if (tag == 0) return torn();
      if ((tag & 7) == group_end) return static_cast<int>(tag >> 3) == number || torn();
      if (!skip(static_cast<int>(tag >> 3), tag & 7, depth + 1)) return false;
    }
  }

  pb::io::CodedInputStream in_;
  std::vector<const pb::FieldDescriptor*> way_, place_;
  std::string why_;
  std::size_t memory_ = 0;
};

class protobuf_rules final : public payload_schema {
 public:
  protobuf_rules(std::string name, std::string descriptors, const std::string& message)
      : payload_schema(std::move(name), form::protobuf, std::move(descriptors), message) {}

  result<void> read() {
    // The library prints what it does not like; it is told here.
    [[maybe_unused]] static const auto silenced = pb::SetLogHandler(nullptr);
    pb::FileDescriptorSet files;
    if (source().size() > schema_bytes_max)
      return fail("payload.schema", fmt::format("{} bytes of descriptors are more than {}",
                                                source().size(), schema_bytes_max));
    if (!files.ParseFromString(source()) || files.file_size() == 0)
      return fail("payload.schema",
                  "no set of descriptors: protoc --include_imports --descriptor_set_out makes one");
    int fields = 0;
    std::set<std::string> names;
    for (const auto& f : files.file()) {
      for (const auto& m : f.message_type()) fields += fields_of(m);
      if (!names.insert(f.name()).second || !known_.Add(f))
        return fail("payload.schema", fmt::format("`{}` stands twice in it", clean_text(f.name())));
    }
    if (files.file_size() > files_max || fields > fields_max)
      return fail("payload.schema", fmt::format("{} files with {} fields are more than {} and {}",
                                                files.file_size(), fields, files_max, fields_max));
    type_ = pool_.FindMessageTypeByName(message());
    if (type_ != nullptr) return {};
    std::vector<std::string> all;
    for (const auto& f : files.file())
      for (const auto& m : f.message_type())
        all.push_back((f.package().empty() ? "" : f.package() + ".") + m.name());
    if (all.size() > 8) all.resize(8);
    if (!told_.first.empty()) return fail("payload.schema", told_.first);
    return fail("payload.schema", fmt::format("no message is called `{}`; it has {}", message(),
                                              clean_text(fmt::format("{}", fmt::join(all, ", ")))));
  }

  std::string why_unfit(const payload& what) const override {
    const auto* t = carried(what);
    if (t == nullptr) return "a message is a tensor u8 [n]";
    if (t->data.size_bytes() > message_bytes_max)
      return fmt::format("{} bytes are more than {}", t->data.size_bytes(), message_bytes_max);
    return walker(t->data.bytes()).why(*type_);
  }

  std::string json_of(const payload& what) const override {
    const auto* t = carried(what);
    if (t == nullptr || t->data.size_bytes() > message_bytes_max) return "";
    walker look(t->data.bytes());
    if (!look.why(*type_).empty() || look.memory() > shown_memory_max) return "";
    pb::DynamicMessageFactory factory(&pool_);
    const std::unique_ptr<pb::Message> m(factory.GetPrototype(type_)->New());
    const auto bytes = t->data.bytes();
    if (!m->ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) return "";
    pb::util::JsonPrintOptions how;
    how.preserve_proto_field_names = true;
    std::string out;
    return pb::util::MessageToJsonString(*m, &out, how).ok() ? out : "";
  }
  result<payload> typed(const std::string& words) const override {
    if (const auto parsed = parse_json(words, json_bytes_max, nested_max); !parsed)
      return fail(parsed);
    pb::DynamicMessageFactory factory(&pool_);
    const std::unique_ptr<pb::Message> m(factory.GetPrototype(type_)->New());
    if (const auto done = pb::util::JsonStringToMessage(words, m.get()); !done.ok())
      return fail("payload.json",
                  fmt::format("no `{}`: {}", name(), clean_text(std::string(done.message()))));
    if (!m->IsInitialized())
      return fail("payload.json",
                  fmt::format("no `{}`: {} is missing", name(), m->InitializationErrorString()));
    std::string bytes;
    if (!m->SerializeToString(&bytes)) return fail("payload.json", fmt::format("no `{}`", name()));
    return payload(tensor{dtype::u8,
                          {static_cast<std::int64_t>(bytes.size())},
                          buffer::copy_of(std::as_bytes(std::span(bytes)))});
  }

 private:
  static const tensor* carried(const payload& what) {
    const auto* t = std::get_if<tensor>(&what);
    return t != nullptr && t->type == dtype::u8 && t->shape.size() == 1 ? t : nullptr;
  }

  pb::SimpleDescriptorDatabase known_;
  complaints told_;
  pb::DescriptorPool pool_{&known_, &told_};
  const pb::Descriptor* type_ = nullptr;
};

}  // namespace

result<schema_ptr> protobuf_schema(std::string name, std::string descriptors, std::string message) {
  auto made = std::make_shared<protobuf_rules>(std::move(name), std::move(descriptors), message);
  HOCKET_TRY(made->read());
  return schema_ptr(std::move(made));
}

}  // namespace hocket::payloads
