#include "tools/duplex/judged.hpp"

#include <filesystem>
#include <fstream>
#include <optional>

#include <nlohmann/json.hpp>

namespace hocket::duplex {
namespace {

namespace fs = std::filesystem;

nlohmann::json read(const fs::path& file) {
  std::ifstream in(file);
  return nlohmann::json::parse(in, nullptr, false);
}

std::string identity_in(const nlohmann::json& j) {
  return j.is_object() && j.contains("identity") && j.at("identity").is_string()
             ? j.at("identity").get<std::string>()
             : "";
}

/// Nothing where a figure is out of its range. Throws nlohmann::json::exception.
std::optional<outside_judgement> judgement_of(const nlohmann::json& j) {
  outside_judgement one;
  one.said = j.value("said", std::int64_t{0});
  one.understood = j.value("understood", std::int64_t{0});
  if (j.contains("dnsmos")) one.dnsmos = j.at("dnsmos").get<double>();
  const bool words = one.understood >= 0 && one.understood <= one.said;
  const bool quality = !one.dnsmos || (*one.dnsmos >= 1 && *one.dnsmos <= 5);
  return words && quality ? std::optional(one) : std::nullopt;
}

}  // namespace

result<judged_speech> read_judged(const std::string& out, std::vector<played_item>& all) {
  const auto file = fs::path(out) / judged_file;
  std::error_code ignored;
  if (out.empty() || !fs::exists(file, ignored)) return judged_speech{};
  const auto again = "; run tools/duplex/judge/judge.py " + out + " again, or delete it";
  const auto j = read(file);
  if (!j.is_object() || !j.contains("items") || !j.at("items").is_object())
    return fail("duplex.judged", file.string() + ": not what judge.py writes" + again);
  if (identity_in(j).empty() || identity_in(j) != identity_in(read(fs::path(out) / "run.json")))
    return fail("duplex.judged", file.string() + ": belongs to another run" + again);
  judged_speech found;
  try {
    found.recogniser = j.value("recogniser", "");
    found.quality = j.value("quality", "");
    const auto& items = j.at("items");
    for (auto& played : all) {
      const auto one = items.find(played.of.key());
      if (one == items.end()) continue;
      played.did.outside = judgement_of(*one);
      if (!played.did.outside)
        return fail("duplex.judged", file.string() + ": " + played.of.key() +
                                         ": a figure is out of its range" + again);
      ++found.items;
    }
  } catch (const nlohmann::json::exception& e) {
    return fail("duplex.judged", file.string() + ": " + e.what() + again);
  }
  return found;
}

}  // namespace hocket::duplex
