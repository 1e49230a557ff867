#include "actors/governance/policy.hpp"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "engine/language/files/mapped_file.hpp"
#include "graph/spec/yaml.hpp"

namespace hocket::governance {
namespace {

constexpr const char* names[] = {"load", "serve", "swap", "export"};

struct rules_text {
  std::vector<std::string> scores, not_worse, licences, consents;
  bool card = true;
};

struct policy_file final : config_base {
  rules_text gates[4];
  void visit(config_visitor& v) override {
    for (int i = 0; i < 4; ++i) {
      auto& g = gates[i];
      const auto name = [&](const char* key) { return fmt::format("{}.{}", names[i], key); };
      v.field({.name = name("scores"), .doc = "`NAME >= NUMBER`, of the newest evaluation"},
              g.scores);
      v.field({.name = name("not_worse"), .doc = "scores that may not be below the parent's"},
              g.not_worse);
      v.field({.name = name("licences"), .doc = "of the data; empty: any"}, g.licences);
      v.field({.name = name("consents"), .doc = "classes of consent; empty: any"}, g.consents);
      v.field({.name = name("card"), .doc = "it needs a card"}, g.card);
    }
  }
};

result<score_rule> score_of(const std::string& text) {
  const auto bad = [&] {
    return fail("governance.bad_policy", "`" + text + "` is not `NAME >= NUMBER`");
  };
  const auto at = text.find(">=");
  if (at == text.npos) return bad();
  const auto trim = [](std::string s) {
    while (s.starts_with(' ')) s.erase(0, 1);
    while (s.ends_with(' ')) s.pop_back();
    return s;
  };
  score_rule r{trim(text.substr(0, at)), 0};
  const auto number = trim(text.substr(at + 2));
  const auto [end, problem] =
      std::from_chars(number.data(), number.data() + number.size(), r.least);
  if (r.name.empty() || problem != std::errc() || end != number.data() + number.size() ||
      !std::isfinite(r.least))
    return bad();
  return r;
}

}  // namespace

std::string_view to_string(gate g) { return names[static_cast<int>(g)]; }

result<gate> gate_of(std::string_view name) {
  for (int i = 0; i < 4; ++i)
    if (name == names[i]) return static_cast<gate>(i);
  return fail("governance.no_such_gate",
              fmt::format("no gate is called `{}`; there are: {}", name, fmt::join(names, ", ")));
}

result<policy> read_policy(const std::string& path) {
  if (path.empty()) return policy{};
  const auto text = language::read_text(path, 1 << 20);
  if (!text) return fail("governance.bad_policy", text.error().message);
  diagnostics findings;
  const auto tree = spec::parse_yaml(path, *text, findings);
  policy_file file;
  if (tree) read_config(*tree, file, "policy", {}, findings);
  if (findings.has_errors()) {
    findings.sort();
    return fail("governance.bad_policy", findings.to_string());
  }
  policy out;
  for (int i = 0; i < 4; ++i) {
    auto& from = file.gates[i];
    auto& to = out.rules[i];
    for (const auto& line : from.scores) {
      auto rule = score_of(line);
      if (!rule) return fail("governance.bad_policy", path + ": " + rule.error().message);
      to.scores.push_back(std::move(*rule));
    }
    to.not_worse = std::move(from.not_worse), to.licences = std::move(from.licences);
    to.consents = std::move(from.consents), to.needs_card = from.card;
  }
  return out;
}

}  // namespace hocket::governance
