#include "actors/trainer/examples/text_example.hpp"

#include "engine/language/files/strict_json.hpp"

namespace hocket::trainer {
namespace {

constexpr std::size_t most_bytes = 1 << 20;

}  // namespace

training_example json_example(const nlohmann::json& what, std::string provenance) {
  const auto text = what.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::vector<std::uint8_t> bytes(text.begin(), text.end());
  const auto size = static_cast<std::int64_t>(bytes.size());
  return {{{"json", tensor{dtype::u8, {size}, buffer::take(std::move(bytes))}}},
          std::move(provenance)};
}

result<nlohmann::json> json_of(const training_example& from) {
  const auto* t = from.find("json");
  if (t == nullptr || t->type != dtype::u8)
    return fail("train.data", "an example has a tensor `json` of bytes");
  if (t->data.size_bytes() > most_bytes)
    return fail("train.data", "an example is longer than 1 MiB");
  const auto bytes = t->data.as<char>();
  auto j = language::strict_json({bytes.data(), bytes.size()}, "example");
  if (!j) return fail("train.data", j.error().message);
  if (!j->is_object()) return fail("train.data", "an example is no JSON object");
  return j;
}

}  // namespace hocket::trainer
