#include "tools/hocket/train/lora_checkpoint.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "engine/language/files/strict_json.hpp"

namespace hocket::cli {

result<void> write_checkpoint(const trust::folder& out, const lora_checkpoint& c) {
  HOCKET_TRY(out.write("adapter_config.json", c.files.config));
  HOCKET_TRY(out.write("adapter_model.safetensors", c.files.weights));
  const auto head = nlohmann::json{{"config", c.files.config},
                                   {"weights", c.files.weights.size()},
                                   {"origin", c.origin},
                                   {"seconds", c.seconds},
                                   {"moments", c.moments.size()}}
                        .dump();
  return out.write("checkpoint",
                   fmt::format("{:08d}", head.size()) + head + c.files.weights + c.moments);
}

result<lora_checkpoint> read_checkpoint(const trust::folder& out) {
  const auto bad = [&] {
    return fail("train.bad_checkpoint", out.path() + "/checkpoint: damaged");
  };
  const auto bytes = out.read("checkpoint", std::uint64_t{8} << 30);
  if (!bytes) return fail(bytes);
  const auto length =
      bytes->size() > 8 ? std::strtoul(bytes->substr(0, 8).c_str(), nullptr, 10) : 0;
  if (length == 0 || length > bytes->size() - 8) return bad();
  const auto read = language::strict_json({bytes->data() + 8, length}, "checkpoint");
  const auto& head = read ? *read : nlohmann::json();
  if (!head.is_object() || !head.value("config", nlohmann::json()).is_string() ||
      !head.value("weights", nlohmann::json()).is_number_unsigned() ||
      !head.value("moments", nlohmann::json()).is_number_unsigned())
    return bad();
  const auto weights = head["weights"].get<std::size_t>(),
             moments = head["moments"].get<std::size_t>();
  if (weights > bytes->size() || moments > bytes->size() ||
      8 + length + weights + moments != bytes->size())
    return bad();
  const auto seconds = head.value("seconds", nlohmann::json());
  return lora_checkpoint{{head["config"], bytes->substr(8 + length, weights)},
                         bytes->substr(8 + length + weights),
                         head.value("origin", nlohmann::json()),
                         seconds.is_number() ? std::max(0.0, seconds.get<double>()) : 0};
}

}  // namespace hocket::cli
