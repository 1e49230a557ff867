#include "tools/duplex/item.hpp"

namespace hocket::duplex {

using json = nlohmann::ordered_json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(sounding, who, text, start, end)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(due_word, words, at_s, from_s, to_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(wanted_call, tool, arguments)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(travel::stall, chunk, chunks, late_ms)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(travel, echo_db, echo_delay_s, stalls)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(expectation, label, replies, wrong, sequence, due,
                                                silent, calls, clause_ends_s, count, penultimate_s)

std::string item::key() const {
  return family + "/" + id + (condition == "clean" ? "" : "@" + condition);
}

json metadata_of(const item& of) {
  json out{{"family", of.family},
           {"id", of.id},
           {"condition", of.condition},
           {"seed", of.seed},
           {"rate_hz", rate_hz},
           {"samples", of.samples},
           {"context_text", of.context_text},
           {"current_turn_text", of.current_turn_text},
           {"timestamps", {of.from_s, of.to_s}},
           {"person",
            {{"synthesiser", of.synthesiser}, {"voice", of.voice}, {"rate_wpm", of.rate_wpm}}}};
  out["sounds"] = nlohmann::json(of.sounds);
  out["expect"] = nlohmann::json(of.expect);
  out["travel"] = nlohmann::json(of.way);
  if (!of.frames.empty())
    out["video"] = {{"frames", of.frames.size()},
                    {"width", of.frames.front().width},
                    {"height", of.frames.front().height}};
  for (const auto& [at_s, part] : of.parts)
    out["parts"].push_back({{"at_s", at_s}, {"item", metadata_of(part)}});
  return out;
}

item item_of(const nlohmann::json& metadata) {
  item out;
  metadata.at("family").get_to(out.family);
  metadata.at("id").get_to(out.id);
  out.condition = metadata.value("condition", "clean");
  out.seed = metadata.value("seed", std::uint64_t{0});
  const auto person = metadata.value("person", nlohmann::json::object());
  out.synthesiser = person.value("synthesiser", "");
  out.voice = person.value("voice", "");
  out.rate_wpm = person.value("rate_wpm", std::int64_t{0});
  out.context_text = metadata.value("context_text", "");
  out.current_turn_text = metadata.value("current_turn_text", "");
  metadata.at("timestamps").at(0).get_to(out.from_s);
  metadata.at("timestamps").at(1).get_to(out.to_s);
  out.sounds = metadata.at("sounds").get<std::vector<sounding>>();
  out.expect = metadata.at("expect").get<expectation>();
  out.way = metadata.value("travel", nlohmann::json::object()).get<travel>();
  out.samples = metadata.value("samples", std::int64_t{0});
  for (const auto& part : metadata.value("parts", nlohmann::json::array()))
    out.parts.emplace_back(part.at("at_s").get<double>(), item_of(part.at("item")));
  return out;
}

}  // namespace hocket::duplex
