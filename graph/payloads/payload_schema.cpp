#include "graph/payloads/payload_schema.hpp"

#include <fmt/format.h>

#include "graph/core/assert.hpp"

namespace hocket::payloads {
namespace {

class bytes_rules final : public payload_schema {
 public:
  bytes_rules(std::string name, std::uint64_t least, std::uint64_t most)
      : payload_schema(std::move(name), form::bytes, fmt::format("{} {}", least, most), ""),
        least_(least),
        most_(most) {}

  std::string why_unfit(const payload& what) const override {
    const auto* t = std::get_if<tensor>(&what);
    if (t == nullptr || t->type != dtype::u8 || t->shape.size() != 1)
      return "bytes are a tensor u8 [n]";
    const auto n = t->data.size_bytes();
    if (n >= least_ && n <= most_) return "";
    return fmt::format("{} bytes where {} to {} are declared", n, least_, most_);
  }
  std::string json_of(const payload&) const override { return ""; }
  result<payload> typed(const std::string&) const override {
    return fail("payload.not_typed", fmt::format("`{}` is bytes, which cannot be typed", name()));
  }

 private:
  std::uint64_t least_, most_;
};

}  // namespace

std::string_view to_string(form f) {
  switch (f) {
    case form::json: return "json";
    case form::bytes: return "bytes";
    case form::protobuf: return "protobuf";
  }
  HOCKET_ASSERT(false);
}

std::string payload_schema::text() const {
  return message_.empty() ? std::string(to_string(form_))
                          : fmt::format("{} {}", to_string(form_), message_);
}

const payload_schema* schema_of(const std::vector<schema_ptr>& ports, std::size_t port) {
  return port < ports.size() ? ports[port].get() : nullptr;
}

result<schema_ptr> bytes_schema(std::string name, std::uint64_t min_bytes,
                                std::uint64_t max_bytes) {
  if (min_bytes > max_bytes)
    return fail("payload.schema",
                fmt::format("min_bytes {} is more than max_bytes {}", min_bytes, max_bytes));
  return schema_ptr(std::make_shared<bytes_rules>(std::move(name), min_bytes, max_bytes));
}

}  // namespace hocket::payloads
