#include "tools/safety/card.hpp"

#include <fmt/format.h>

namespace hocket::safety {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t listed_cases = 200;

std::string number(const json& v) {
  return v.is_null() ? "" : fmt::format("{:.4g}", v.get<double>());
}

/// Words of outsiders in a table of Markdown.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '`' || c == '<' || c == '*' || c == '_' || c == '[')
      out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

const char* name_of(wanted w) {
  switch (w) {
    case wanted::refusal: return "a refusal";
    case wanted::answer: return "an answer";
    case wanted::care: return "the policy's sentence";
    case wanted::nothing: break;
  }
  return "";
}

json cases_of(const findings& all) {
  json out = json::array();
  for (const auto& v : all.verdicts) {
    if (v.good) continue;
    if (out.size() >= listed_cases) break;
    out.push_back({{"case", v.script},
                   {"family", v.family},
                   {"topic", v.topic},
                   {"words", v.words},
                   {"wanted", name_of(v.want)},
                   {"came", v.why}});
  }
  return out;
}

}  // namespace

json card_of(const card_facts& f, const report::measures& numbers, const findings& all) {
  auto out = json::parse(numbers.to_json());
  std::int64_t failed = 0;
  for (const auto& v : all.verdicts) failed += v.good ? 0 : 1;
  json card{{"kind", "system card"},
            {"made_at", f.at},
            {"version", report::version()},
            {"revision", report::revision()},
            {"graph", {{"file", f.graph_file}, {"name", f.graph_name}, {"hash", f.graph_hash}}},
            {"policy",
             {{"file", f.policy_file},
              {"name", f.policy_name},
              {"sha256", f.policy_sha256},
              {"on_failure", f.on_failure},
              {"people", f.people},
              {"language", f.language}}},
            {"cases",
             {{"file", f.cases_file},
              {"name", f.cases_name},
              {"sha256", f.cases_sha256},
              {"seed", f.seed},
              {"named_by_the_policy", f.named},
              {"of_other_topics", f.unknown},
              {"asks", f.asks},
              {"with_a_phrase_of_the_policy", f.phrased},
              {"judged", all.verdicts.size()},
              {"not_as_wanted", failed}}},
            {"way", f.way},
            {"stream_hours", all.stream_h},
            {"models", f.models},
            {"measures", out.at("measures")},
            {"machine", out.at("machine")},
            {"notes", out.value("notes", json::array())},
            {"not_tested", f.not_tested},
            {"not_as_wanted", cases_of(all)}};
  return card;
}

std::string markdown_of(const json& card) {
  const auto text = [&](const char* part, const char* key) {
    return cell(card.at(part).at(key).get<std::string>());
  };
  std::string out = fmt::format("# System card: {}\n\n", text("graph", "name"));
  out += fmt::format("Measured {} by Hocket {} ({}), {} way, {:.2f} h of stream time.\n\n",
                     card.at("made_at").get<std::string>(), card.at("version").get<std::string>(),
                     cell(card.at("revision").get<std::string>()),
                     card.at("way").get<std::string>(), card.at("stream_hours").get<double>());
  out += fmt::format("* Graph: {}, hash {}\n* Policy: {} ({}), SHA-256 {}, on failure {}, for {}\n",
                     text("graph", "file"), text("graph", "hash"), text("policy", "name"),
                     text("policy", "file"), text("policy", "sha256"), text("policy", "on_failure"),
                     text("policy", "people"));
  const auto& cases = card.at("cases");
  out += fmt::format(
      "* Cases: {} ({}), SHA-256 {}, seed {}; {} judged; left out: {} that the policy names word "
      "by word, {} of topics that it does not have. In {} of {} requests a phrase of the policy "
      "stands as it is: of wordings that nobody thought of they say little\n",
      text("cases", "name"), text("cases", "file"), text("cases", "sha256"),
      cases.at("seed").get<std::uint64_t>(), cases.at("judged").get<std::int64_t>(),
      cases.at("named_by_the_policy").get<std::int64_t>(),
      cases.at("of_other_topics").get<std::int64_t>(),
      cases.at("with_a_phrase_of_the_policy").get<std::int64_t>(),
      cases.at("asks").get<std::int64_t>());
  for (const auto& m : card.at("models")) out += "* Model: " + cell(m.get<std::string>()) + "\n";
  out +=
      "\n## Measured\n\n| measure | value | 95 % interval | n | target | met "
      "|\n|---|---|---|---|---|---|\n";
  for (const auto& m : card.at("measures")) {
    const auto met = m.at("met").is_null() ? "" : m.at("met").get<bool>() ? "yes" : "**no**";
    if (m.contains("not_run")) {
      out += fmt::format("| {} | not run: {} | | 0 | {} | |\n", m.at("name").get<std::string>(),
                         cell(m.at("not_run").get<std::string>()), number(m.at("target")));
      continue;
    }
    const auto between =
        m.at("low").is_null() ? "" : number(m.at("low")) + " to " + number(m.at("high"));
    out += fmt::format("| {} | {}{} | {} | {} | {} | {} |\n", m.at("name").get<std::string>(),
                       number(m.at("value")),
                       m.at("unit") == "" ? "" : " " + m.at("unit").get<std::string>(), between,
                       m.at("n").get<std::int64_t>(), number(m.at("target")), met);
  }
  for (const auto& n : card.at("notes")) out += "\n" + cell(n.get<std::string>()) + "\n";
  out += "\n## Not tested\n\n";
  for (const auto& n : card.at("not_tested")) out += "* " + cell(n.get<std::string>()) + "\n";
  out += fmt::format("\n## Not as wanted: {} of {} cases\n\n",
                     cases.at("not_as_wanted").get<std::int64_t>(),
                     cases.at("judged").get<std::int64_t>());
  if (card.at("not_as_wanted").empty()) return out + "None.\n";
  out += "| case | topic | words | wanted | what came |\n|---|---|---|---|---|\n";
  for (const auto& c : card.at("not_as_wanted"))
    out += fmt::format("| {} | {} | {} | {} | {} |\n", cell(c.at("case")), cell(c.at("topic")),
                       cell(c.at("words")), cell(c.at("wanted")), cell(c.at("came")));
  return out;
}

}  // namespace hocket::safety
