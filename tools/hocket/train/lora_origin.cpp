#include "tools/hocket/train/lora_origin.hpp"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::cli {

using nlohmann::json;

json to_json(const lora_origin& o) {
  return {{"data", o.data_sha256},
          {"validation", o.validation_sha256},
          {"licence", o.licence},
          {"consent", o.consent},
          {"precision", o.precision}};
}

result<void> check_origin(const json& before, const lora_origin& now,
                          const std::string& checkpoint) {
  const auto remedy = "train anew without --resume, or in another folder";
  if (!before.is_object())
    return fail("train.other_data",
                fmt::format("{} does not say on which data it was begun: {}", checkpoint, remedy));
  std::vector<std::string> differ;
  const auto is = to_json(now);
  for (const auto& [key, value] : is.items())
    if (const auto was = before.value(key, key == "precision" ? json("fp32") : json());
        was != value)
      differ.push_back(fmt::format("another `{}` ({}, and now it is {})", key, was.dump(),
                                   value.dump(-1, ' ', false, json::error_handler_t::replace)));
  if (differ.empty()) return {};
  return fail("train.other_data",
              fmt::format("{} was begun with {}: {}", checkpoint, fmt::join(differ, "; "), remedy));
}

}  // namespace hocket::cli
